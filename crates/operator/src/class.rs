//! The controller of WorkloadIdentityClass: status, finalizer and rollout order of each class.
//! Input: watches of classes and namespaces, and the store of identities. Output: status and finalizer of each class,
//! and requeued identities. Reads from and writes to the API server.

mod controller;
mod finalizer;
mod followers;
mod namespaces;
mod reconcile;
mod requeue;
mod status;

pub use controller::run;
pub(crate) use finalizer::set_finalizer;
