//! Steps: the closed set of changes that Lanyard makes, their order, the facts that they need, and their messages.
//! Plain values; no I/O.

mod kind;
mod message;
mod order;

pub use kind::Step;
pub use order::Needs;
