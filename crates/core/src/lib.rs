//! The thinking of Lanyard: what should be, what is, what differs, and which steps remove the difference.
//!
//! ```text
//!   spec + class + cluster -> validate -> desired --+
//!                                                   v
//!   AWS, cluster ---> observe ---> observed -----> diff ---> drift ---> plan ---> apply ---> outcome
//!        (engine: reads)                                             (engine: every write)      |
//!                        status <--- summarise <--- drift, plan, outcome <----------------------+
//! ```
//!
//! Nothing here is async, reads a clock or talks to anything: time and facts come in as values. The modules below
//! stand in the order of the pipeline; each begins with what goes in and what comes out.

pub mod model;

pub mod class;
pub mod identity;
pub mod ownership;

pub mod reconcile;

pub mod aws_event;
pub mod bulk;

#[cfg(test)]
mod example;
