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

// Words: names, hashes and facts.
pub mod annotation;
pub mod arn;
pub mod duration;
pub mod fact;
pub mod name;
pub mod notice;
pub mod subject;
pub mod text;
pub mod timings;

// What was asked for, and what should be.
pub mod adoption;
pub mod binding;
pub mod class;
pub mod cluster;
pub mod custody;
pub mod desired;
pub mod guardrail;
pub mod identity;
pub mod policy;
pub mod share;
pub mod spec;
pub mod stage;
pub mod validate;

// What is, what differs, and what is to be done.
pub mod aspect;
pub mod drift;
pub mod holder;
pub mod leaving;
pub mod look;
pub mod observed;
pub mod owner;
pub mod ownership;
pub mod plan;
pub mod step;
pub mod trusting;
pub mod workload;

// What became of it.
pub mod assume;
pub mod gate;
pub mod outcome;

// What is said.
pub mod condition;
pub mod contest;
pub mod reason;
pub mod status;
pub mod summarise;

// Whether what is said still holds, judged for many at once.
pub mod sweep;

#[cfg(test)]
mod example;
