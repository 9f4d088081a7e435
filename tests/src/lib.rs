//! What the suites on a real API server share: a test bed with a running operator, and one namespace of it per test.
//! Sentences of a test in, Kubernetes objects and AWS calls out; does I/O.

mod aws;
mod scene;

pub use aws::{Clients, decoded};
pub use scene::{Scene, Stage, StageOptions, condition, drift};
