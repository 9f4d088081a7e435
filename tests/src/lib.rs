//! What the suites on a real API server share: a test bed with a running operator, and one namespace of it per test.
//! Sentences of a test in, Kubernetes objects and AWS calls out; does I/O.

mod aws;
mod class;
mod elsewhere;
mod json;
mod policy;
mod proof;
pub mod rights;
mod rows;
mod test_env;
mod test_namespace;

use std::time::Duration;

pub use aws::{Clients, decoded};
pub use class::put_class;
pub use elsewhere::{Elsewhere, OTHER_ACCOUNT};
pub use json::with;
pub use policy::policy;
pub use rows::{all_well, side_by_side};
pub use test_env::{ClusterFlags, TestEnv, TestEnvOptions};
pub use test_namespace::{TestNamespace, arn_of, condition, drift, holds};

/// The longest that anything awaited may take; far more than it does, since machines differ.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How often a process is asked again.
pub const POLL: Duration = Duration::from_millis(50);
