//! The settings of `lanyard release`.
//! Input: flags and the environment. Output: validated settings. No I/O.

use clap::{Args, Parser, ValueEnum};
use lanyard_core::model::name::Namespace;
use lanyard_core::model::timings::Timings;

use crate::settings::{ClusterSettings, log_level};

/// Release WorkloadIdentities before Lanyard is uninstalled
///
/// Roles, associations and annotations stay in AWS and in the cluster, and pods keep their access. Lanyard replaces its
/// ownership tags with lanyard.dev/retained, as far as AWS permits. It removes its finalizer and inventory from the
/// objects even if AWS is unavailable, and its finalizer from classes without followers. After that, the objects, their
/// namespaces and the CRDs can be deleted without an operator.
///
/// Stop the operator first (`kubectl -n lanyard-system scale deployment/lanyard --replicas=0`): this command acquires
/// the operator's lease and fails if another process holds it. Without --yes it only shows the changes.
///
/// Exit codes: 0 all objects are released; 1 an object is still held, or an error; 2 --yes is missing, or a setting is
/// invalid.
#[derive(Debug, Clone, Parser)]
#[command(name = "release", max_term_width = 100)]
pub struct ReleaseSettings {
    /// The cluster and the lease.
    #[command(flatten)]
    pub cluster: ClusterSettings,

    /// The objects to release.
    #[command(flatten)]
    pub scope: ReleaseScope,

    /// Make the changes. Without it, only show them.
    #[arg(long)]
    pub yes: bool,

    /// Format of the report on standard output: text or JSON.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub output: Output,

    /// Log level on standard error: error, warn, info, debug, trace or off.
    #[arg(long, value_name = "LEVEL", default_value = "error", value_parser = log_level)]
    pub log_level: String,
}

/// The objects to release. One of the two flags is required.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub struct ReleaseScope {
    /// Every WorkloadIdentity of the cluster.
    #[arg(long)]
    pub all: bool,

    /// The WorkloadIdentities of one namespace.
    #[arg(long, value_name = "NAMESPACE", value_parser = |text: &str| Namespace::parse(text))]
    pub namespace: Option<Namespace>,
}

/// The format of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Text.
    Text,
    /// One JSON object.
    Json,
}

impl ReleaseSettings {
    /// The timings.
    #[must_use]
    pub fn timings(&self) -> Timings {
        self.cluster.timings(Timings::default())
    }
}
