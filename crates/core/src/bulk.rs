//! The comparison of bulk reads with statuses, for the drift scan. Input: the facts of one [`Part`] of an identity, and
//! its status. Output: a [`Judgement`]. No I/O.
//!
//! Only a steady identity is compared ([`is_steady`]). It has no pending work except drift, so that every difference is
//! drift, or a change since the last reconcile. A drifted identity is reconciled, and the reconcile reads again before
//! it writes: nothing is written because of a page alone.

mod compare;
mod cost;
mod drift;
mod judgement;
mod known;
pub mod orphans;
mod part;
mod steady;

pub use compare::{compare, compare_listed};
pub use cost::{costs_more_than_single_reads, has_settings};
pub use judgement::Judgement;
pub use known::{Known, recorded_association};
pub use part::Part;
pub use steady::is_steady;

#[cfg(test)]
mod tests;
