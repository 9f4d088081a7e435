//! Reads of AWS and the API server as facts.

mod api_server;
mod bulk;
mod cluster_facts;
mod network_policies;
mod observe;
mod pods;
mod service_account;
mod token_clients;
mod webhook;
mod workloads;

pub use api_server::PAGE;
pub use bulk::ListedAccount;
pub use observe::Scope;
pub(crate) use service_account::{LABEL_MANAGED_BY, created_by_us, describe};
pub use service_account::{facts as service_account_facts, fingerprint};
pub(crate) use workloads::ANNOTATION_RESTARTED_AT;
