//! Place: which cluster, in which Region, under which lease, at which rate. What every way of starting Lanyard is told.
//! Flags and the environment in, checked values out; no I/O of its own. Flattened into `Settings` and `ReleaseSettings`.

use clap::Args;
use lanyard_aws::Rates;
use lanyard_core::model::name::{Namespace, Region, ServiceAccountName};
use lanyard_core::model::timings::Timings;

use super::durations::Overrides;
use super::which::Which;
use crate::lease::LeaseSettings;

/// Which cluster, which lease, and how much of AWS.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// Which cluster.
    #[command(flatten)]
    pub cluster: Which,

    /// AWS Region of the cluster, or the one whose endpoints to call; without it, what the AWS SDK finds, such as
    /// AWS_REGION.
    #[arg(long, env = "LANYARD_REGION", value_name = "REGION", value_parser = |text: &str| Region::parse(text))]
    pub region: Option<Region>,

    /// Namespace of the lease. All operators of one cluster must share one lease.
    #[arg(long, env = "LANYARD_LEASE_NAMESPACE", value_name = "NAMESPACE", default_value = "kube-system",
          value_parser = |text: &str| Namespace::parse(text))]
    pub lease_namespace: Namespace,

    /// Name of the lease.
    #[arg(
        long,
        env = "LANYARD_LEASE_NAME",
        value_name = "NAME",
        default_value = "lanyard",
        value_parser = lease_name
    )]
    pub lease_name: String,

    /// How many calls a second are made at most to each service of AWS, in each account, such as `iam=50,eks=20`: what is
    /// above it stays for others. A service that is not named keeps its default.
    #[arg(
        long,
        env = "LANYARD_AWS_RATE",
        value_name = "SERVICE=NUMBER,...",
        default_value_t = Rates::default()
    )]
    pub aws_rate: Rates,

    /// Other times than the usual ones, such as `read-consistency=1s,lease=3s`. For tests only.
    #[arg(
        long,
        env = "LANYARD_TIMINGS",
        value_name = "NAME=DURATION,...",
        default_value = "",
        hide = true
    )]
    timings: Overrides,
}

impl Place {
    /// The usual times with those put in that were set otherwise.
    #[must_use]
    pub fn timings(&self, usual: Timings) -> Timings {
        self.timings.applied_to(usual)
    }

    /// The lease, for whoever stands for it under a name.
    #[must_use]
    pub fn lease(&self, identity: &str, timings: Timings) -> LeaseSettings {
        LeaseSettings {
            namespace: self.lease_namespace.to_string(),
            name: self.lease_name.clone(),
            identity: identity.to_owned(),
            timings,
        }
    }
}

/// A lease is named like a ServiceAccount: an RFC 1123 subdomain.
fn lease_name(text: &str) -> Result<String, String> {
    let name = ServiceAccountName::parse(text).map(String::from);
    name.map_err(|_| {
        format!("{text:?} is not a lease's name: lower-case letters, digits, '-' and '.', at most 253")
    })
}
