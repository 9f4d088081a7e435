//! The controller of WorkloadIdentity objects: watch events in; AWS and cluster state, status and events out.
//! The I/O is in `reconcile` (through the engine) and `publish`. The other modules hold state or pure rules.
//!
//! Each module uses only modules to its left:
//!
//! ```text
//!   key, triggers ---> object_state ---> object_table ---> context ---> triage, publish ---> reconcile ---> controller
//! ```

pub mod context;
pub mod controller;
pub mod fingerprint;
pub mod key;
mod live;
mod object_state;
pub mod object_table;
pub mod pod_count;
pub mod publish;
pub mod reconcile;
pub mod reconcile_result;
pub mod reference;
pub mod triage;
pub mod triggers;

pub use context::Context;
pub use reference::IdentityRef;
