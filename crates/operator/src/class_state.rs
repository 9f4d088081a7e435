//! The index of classes and namespaces, and the rollout slots. Both controllers use it.
//! Input: watch events and decoded identities. Output: the class decision for a spec, and the objects to requeue. No
//! I/O.

mod changes;
mod classes;
mod followers;
mod index;
mod record;
mod rollouts;
mod watched;

pub use changes::IdentityChanges;
pub use classes::Classes;
pub(crate) use index::Affected;
pub(crate) use record::account_of;
