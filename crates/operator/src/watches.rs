//! The watches on WorkloadIdentities, ServiceAccounts and pods. Each reduces its events to the objects to reconcile.

pub mod objects;
pub mod pods;
pub mod service_accounts;
