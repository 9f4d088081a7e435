//! Events of AWS: the parsing of a message of the events queue, the objects that it affects, and the debounce of their
//! reconciliation. Input: message bodies and times; output: changes and decisions. No I/O.
//!
//! ```text
//!   body ---> parse ---> AwsChange ---> ResourceRefs: which objects? ---> Debounce: reconcile now, later, or not at all
//! ```
//!
//! A message only triggers a reconciliation, which reads the actual state. Its sender cannot cause anything else.

pub mod caller;
pub mod change;
pub mod debounce;
mod message;
pub mod parse;
pub mod queue;
pub mod resource_refs;
#[cfg(test)]
mod tests;

pub use caller::Caller;
pub use change::{AwsChange, ChangedResource, Ignored};
pub use debounce::{Debounce, DebounceDecision};
pub use parse::{EventScope, parse};
pub use queue::QueueUrl;
pub use resource_refs::ResourceRefs;
