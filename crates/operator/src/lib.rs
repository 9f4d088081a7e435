//! The operator: settings in, a process that keeps every WorkloadIdentity true until it is told to stop out.
//!
//! ```text
//!   settings ---> run ---+---> lease -------> gate ------------+
//!                        +---> startup -----> world            |   asked before every write
//!                        +---> admin (health, metrics)         v
//!                        +---> controller ---> reconcile ---> engine, publish
//!                                  ^
//!                                sweep: asks for looks at what is not as it was told
//! ```
//!
//! `lanyard release` is the other way in: `release` lets objects go before an uninstall, by the same engine.
//!
//! A library so that tests reach its parts; the binary only calls [`main`].

pub mod admin;
#[cfg(feature = "events")]
pub mod aws_events;
pub mod backoff;
pub mod classes;
pub mod command_line;
pub mod drift_scan;
mod entry;
pub mod error;
pub mod hash;
pub mod identity;
pub mod lease;
pub mod logging;
pub mod metrics;
pub mod raw;
pub mod release;
mod run;
pub mod settings;
pub mod shutdown;
pub mod startup;
pub mod watches;
pub mod work_limits;

pub use entry::main;
pub use error::OperatorError;
pub use run::run;
