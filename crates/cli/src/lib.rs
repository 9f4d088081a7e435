//! `kubectl lanyard`: shows what the operator would do, and what a role or a pod needs.
//!
//! ```text
//!   arguments ---> args ---> plan, trust, doctor, verify, audit, import ---> Report ---> output ---> stdout
//!                              |
//!                  core (decisions), engine (reads, with a closed write gate)
//! ```
//!
//! The command line decides with the same code as the operator, reads with the rights of its user, and writes nothing.

mod args;
mod audit;
mod completion;
mod connect;
mod discovery;
mod doctor;
mod entry;
mod envelope;
mod error;
mod exit;
mod global;
mod hint;
mod import;
mod inert;
mod manifest;
mod named;
mod named_cluster;
mod operator;
mod output;
mod plan;
mod progress;
mod rights;
mod schema;
mod screen;
mod trust;
mod verify;
mod version;

pub use args::command;
pub use entry::main;
pub use plan::{PlannedStep, planned_steps};
pub use schema::schemas;
