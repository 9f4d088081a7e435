//! The engine: all reads and writes of AWS and the API server, for the operator and the command line.
//!
//! ```text
//!   scope ---> observe ---> Observed          reads of AWS and the cluster; each value is a fact
//!   plan  ---> apply   ---> Outcome           one step after another; the write gate is checked before each
//! ```
//!
//! The engine makes no decisions: core provides the scope and the plan, and interprets the results. A failed read is an
//! unreadable fact, and a failed step is part of the outcome.

pub mod issuer;
pub mod pods;
pub mod raw;

mod access;
mod cluster_facts;
mod engine;
mod error;
mod guarded_client;
mod keyed_locks;
mod read;
mod recent_writes;
mod target;
mod write;

pub use access::AccountAccess;
pub use engine::Engine;
pub use error::{EngineError, OPERATOR_RBAC, kube_message};
pub use guarded_client::{GuardedClient, WriteCheck};
pub use lanyard_aws::{ListedAssociation, ListedRole, Page};
pub use read::{ListedAccount, PAGE, Scope, fingerprint, service_account_facts};
pub use target::Target;
pub use write::{StepMeter, release_object};
