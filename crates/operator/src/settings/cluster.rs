//! The settings that every command shares: cluster, Region, lease and AWS call rate.
//! Input: flags and the environment. Output: validated settings. No I/O.

use clap::Args;
use lanyard_aws::Rates;
use lanyard_core::model::name::{Namespace, Region, ServiceAccountName};
use lanyard_core::model::timings::Timings;

use super::durations::Overrides;
use super::selector::ClusterSelector;
use crate::lease::LeaseSettings;

/// The cluster, its lease and the AWS call rate.
#[derive(Debug, Clone, Args)]
pub struct ClusterSettings {
    /// The cluster.
    #[command(flatten)]
    pub selector: ClusterSelector,

    /// AWS Region of the cluster, or of the endpoints to call outside EKS. Default: the Region of the AWS SDK, such as
    /// AWS_REGION.
    #[arg(long, env = "LANYARD_REGION", value_name = "REGION", value_parser = |text: &str| Region::parse(text))]
    pub region: Option<Region>,

    /// Namespace of the lease. All operators of a cluster must share one lease.
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

    /// Maximum number of calls per second to each AWS service, in each account, such as `iam=50,eks=20`. The rest of
    /// the account's quota stays free for other clients. A service without a value keeps its default.
    #[arg(
        long,
        env = "LANYARD_AWS_RATE",
        value_name = "SERVICE=NUMBER,...",
        default_value_t = Rates::default()
    )]
    pub aws_rate: Rates,

    /// Overrides of timings, such as `read-consistency=1s,lease=3s`. For tests only.
    #[arg(
        long,
        env = "LANYARD_TIMINGS",
        value_name = "NAME=DURATION,...",
        default_value = "",
        hide = true
    )]
    timings: Overrides,
}

impl ClusterSettings {
    /// Applies the configured overrides to the default timings.
    #[must_use]
    pub fn timings(&self, defaults: Timings) -> Timings {
        self.timings.applied_to(defaults)
    }

    /// The settings of the lease for a candidate with this identity.
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

/// Validates the name of a lease. It has the form of a ServiceAccount's: an RFC 1123 subdomain.
fn lease_name(text: &str) -> Result<String, String> {
    let name = ServiceAccountName::parse(text).map(String::from);
    name.map_err(|_| {
        format!("{text:?} is not a lease name: lower-case letters, digits, '-' and '.', at most 253")
    })
}
