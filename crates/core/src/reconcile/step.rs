//! Steps: the closed set of changes that Lanyard makes, their order, the facts that they need, their
//! effects, and their messages.
//! Plain values; no I/O.

mod dependencies;
mod effect;
mod kind;
mod message;
mod order;

pub use effect::StepEffect;
pub use kind::Step;
pub use order::Needs;
