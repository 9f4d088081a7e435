//! The operator: it keeps the AWS and cluster state of every WorkloadIdentity in sync. Settings in; a running process out.
//!
//! ```text
//!   settings ---> run ---+---> lease -------> gate ------------+
//!                        +---> startup -----> engine           |   checked before every write
//!                        +---> admin (health, metrics)         v
//!                        +---> identity: controller, triage, reconcile ---> engine, publish
//!                                  ^
//!                                watches, drift_scan, aws_events: trigger reconciles
//! ```
//!
//! The subcommand `release` removes the operator's finalizers and tags before an uninstall, through the same engine. The
//! subcommand `probe` runs in a pod of a user, without the operator.
//!
//! It is a library so that tests reach its modules. The binary only calls [`main`].

pub mod admin;
#[cfg(feature = "events")]
pub mod aws_events;
mod aws_reach;
mod background_tasks;
pub mod backoff;
pub mod class;
pub mod class_state;
pub mod clock;
mod cluster_facts_poll;
mod cluster_info;
pub mod command_line;
pub mod drift_scan;
mod entry;
pub mod error;
pub mod hash;
pub mod identity;
pub mod lease;
pub mod logging;
pub mod metrics;
pub mod probe;
pub mod release;
mod run;
pub mod settings;
pub mod shutdown;
pub mod startup;
mod status_patch;
pub mod watched;
pub mod watches;
pub mod work_limits;

pub use entry::main;
pub use error::OperatorError;
pub use run::run;
