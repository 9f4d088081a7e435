//! The decision logic of Lanyard: desired state, observed state, their difference, and the steps that remove it.
//!
//! ```text
//!   spec + class + cluster -> validate -> desired --+
//!                                                   v
//!   AWS, cluster ---> observe ---> observed -----> diff ---> drift ---> plan ---> apply ---> outcome
//!        (engine: reads)                                             (engine: every write)      |
//!                        status <--- summarise <--- drift, plan, outcome <----------------------+
//! ```
//!
//! The crate is synchronous, reads no clock and does no I/O: times and facts are passed in as values. The modules
//! are grouped by what they depend on: `model` first, `reconcile` last.

pub mod model;

pub mod class;
pub mod egress;
pub mod identity;
pub mod ownership;
pub mod token_clients;

pub mod reconcile;

pub mod audit;
pub mod aws_event;
pub mod bulk;
pub mod diagnose;
pub mod origin;
pub mod proof;

#[cfg(test)]
mod example;
