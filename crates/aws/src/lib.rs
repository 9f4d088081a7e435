//! Access to AWS: reads of IAM, EKS and STS as facts, writes as single calls, and classified errors.
//!
//! ```text
//!   engine --- role, provider, association, addon_agent ---> Fact<T>             (a failed read is a fact)
//!   engine --- roles_in_account, associations_in, ... -----> Page<T>
//!   engine --- create_role, set_trust, ... ----------------> Result<T, AwsError> (one method for each kind of step)
//!                         |
//!                  client/send.rs: budget, write gate, time limit, meter, error class
//!                         ^                                        |
//!                         +------------- retry if throttled -------+
//! ```
//!
//! This crate makes no decisions: the engine chooses the reads and writes, and core decides about ownership. The retries
//! of the SDK are disabled, because they would bypass the budget and outlast the lease.

mod budget;
mod call;
mod client;
mod eks;
mod error;
mod iam;
mod identify;
mod pages;
mod probe;
#[cfg(feature = "events")]
mod queue;
mod secret;
mod time;
mod web_identity;

pub use budget::{BudgetStats, Rates, WaitingCalls};
pub use call::{Call, LONG_POLL, Measured, Meter, Service};
pub use client::{AssumedRole, Aws, AwsSettings};
pub use eks::ListedAssociation;
pub use error::{AwsError, Class, ErrorAnswer, Refusal};
pub use iam::ListedRole;
pub use identify::IdentifiedCluster;
pub use pages::Page;
pub use probe::probe_credentials;
#[cfg(feature = "events")]
pub use queue::{Message, Queue, Receipt};
pub use secret::Secret;
pub use web_identity::WebIdentity;
