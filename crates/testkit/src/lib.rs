//! The local test bed: a real Kubernetes control plane and AWS emulators on this machine, without an account, a cluster
//! or Docker. Development only. Does I/O; used by the tests, the demo and the xtask.
//! ```text
//!   tools ------> site ------> control_plane    emulator <---- gateway <---- the program under test
//!   (built once)  (one run)           \             /
//!                                      +--- bed ---+
//! ```

mod background;
pub mod bed;
pub mod cache;
pub mod control_plane;
mod crds;
pub mod emulator;
pub mod gateway;
mod location;
pub mod process;
mod site;
pub mod tools;
pub mod webhook;

pub use bed::{TestBed, TestBedOptions};
pub use process::Process;
