//! Proves the CRD of classes and the two optional admission policies of `config/admission` on a real API server. The
//! policies are compared with core on one corpus. Needs the test bed; does I/O.
//!
//! All tests share one test bed and its classes. Tests that store objects use names of their own.

mod annotation;
mod corpus;
mod fixture;
mod kind;
mod narrowed;
mod verdicts;
