//! Code shared by the suites that run on a real API server: a test bed with a running operator, and one namespace per test.
//! Input: the actions of a test. Output: Kubernetes objects and AWS calls. Does I/O.

mod agent;
mod aws;
mod class;
mod conformance_check;
mod elsewhere;
mod eventually;
mod json;
mod kubelet;
pub mod manifests;
mod patience;
mod policy;
mod proof;
pub mod rights;
mod rows;
mod test_env;
mod test_namespace;

pub use agent::Agent;
pub use aws::{Clients, decoded};
pub use class::put_class;
pub use elsewhere::{Elsewhere, OTHER_ACCOUNT};
pub use eventually::eventually;
pub use json::with;
pub use kubelet::Kubelet;
pub use patience::{PATIENCE, POLL};
pub use policy::policy;
pub use rows::{all_well, side_by_side};
pub use test_env::{ClusterFlags, TestEnv, TestEnvOptions};
pub use test_namespace::{TestNamespace, arn_of, condition, drift, holds};
