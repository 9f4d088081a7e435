//! What `lanyard release` is told. Flags and the environment in, checked values out; no I/O of its own.

use clap::{Args, Parser, ValueEnum};
use lanyard_core::model::name::Namespace;
use lanyard_core::model::timings::Timings;

use crate::settings::{Place, log_level};

/// Let go of WorkloadIdentities, before Lanyard is uninstalled
///
/// Roles, associations and annotations stay in AWS and in the cluster and serve on. What made them Lanyard's goes: the
/// ownership tags become lanyard.dev/retained, as far as AWS lets us, and finalizer and custody are taken off the objects,
/// AWS or not, and so is the finalizer of classes that nobody follows any more. After that the objects, their namespaces and
/// the CRDs can be deleted without an operator.
///
/// Stop the operator first (`kubectl -n lanyard-system scale deployment/lanyard --replicas=0`): this command holds
/// its lease, and gives up when somebody else does. Without --yes it only says what it would do.
///
/// Exit codes: 0 all is let go; 1 something is still held, or an error; 2 --yes is missing, or a setting is wrong.
#[derive(Debug, Clone, Parser)]
#[command(name = "release", max_term_width = 100)]
pub struct ReleaseSettings {
    /// Which cluster, and which lease.
    #[command(flatten)]
    pub place: Place,

    /// Of which objects.
    #[command(flatten)]
    pub which: Which,

    /// Do it. Without this, only say what would be done.
    #[arg(long)]
    pub yes: bool,

    /// How the result is printed: text for people or JSON for programs, on standard output.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub output: Output,

    /// What is logged on standard error: error, warn, info, debug, trace or off.
    #[arg(long, value_name = "LEVEL", default_value = "error", value_parser = log_level)]
    pub log_level: String,
}

/// Which objects: one of the two has to be said.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub struct Which {
    /// Every WorkloadIdentity of the cluster.
    #[arg(long)]
    pub all: bool,

    /// Those of one namespace.
    #[arg(long, value_name = "NAMESPACE", value_parser = |text: &str| Namespace::parse(text))]
    pub namespace: Option<Namespace>,
}

/// How the result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

impl ReleaseSettings {
    /// Every time that matters.
    #[must_use]
    pub fn timings(&self) -> Timings {
        self.place.timings(Timings::default())
    }
}
