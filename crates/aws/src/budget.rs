//! The call budget: the order and the rate of the calls to one service in one account.

mod adaptive_rate;
mod bucket;
mod call_queue;
mod limiter;
mod place;
mod rates;
#[cfg(test)]
mod simulation;
mod stats;

pub(crate) use call_queue::{Kind, Lane};
pub(crate) use limiter::Budget;
pub use rates::Rates;
pub use stats::{BudgetStats, WaitingCalls};
