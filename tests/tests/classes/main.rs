//! Classes on a real API server: the kind itself, and the two optional admission policies of `config/admission`, held
//! against core on one corpus. Needs the test bed; does I/O.
//!
//! All tests share one test bed and its classes. Those that store something use names of their own.

mod annotation;
mod corpus;
mod kind;
mod narrowed;
mod place;
mod verdicts;
