//! Values that all steps of the pipeline share: names, facts, spec, status and observed state. Plain data with
//! parsing and formatting; no decisions and no I/O.

// Names and text.
pub mod annotation;
pub mod arn;
pub mod duration;
pub mod name;
pub(crate) mod shell;
pub mod subject;
pub mod text;

// Inputs: the spec and the cluster.
pub mod binding;
pub mod cluster;
pub mod operator_info;
pub mod spec;
pub mod timings;

// Observed state.
pub mod cluster_object;
pub mod fact;
pub mod inventory;
pub mod network_policy;
pub mod observed;
pub mod pods;
pub mod role_chain;
pub mod shared_trust;
pub mod workload;

// Outputs: the status.
pub mod condition;
pub mod field;
pub mod from_class;
pub mod reason;
pub mod status;
