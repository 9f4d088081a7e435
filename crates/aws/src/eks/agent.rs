//! The EKS Pod Identity Agent as an EKS add-on. Lanyard reads and installs it, but never updates or deletes it.
//! Input: the name of the cluster. Output: a fact or an answer. Does I/O: one call each. The engine looks for a
//! DaemonSet that was installed without the add-on.

use aws_sdk_eks::types::{Addon, AddonStatus};
use lanyard_core::model::fact::Fact;
use lanyard_core::model::name::ClusterName;
use lanyard_core::model::observed::Agent;
use lanyard_core::model::text::quote;

use crate::call::{Call, Service};
use crate::client::Aws;
use crate::error::{AwsError, Class};

/// The name of the add-on (docs/dev/aws-behaviour.md#agent).
const ADDON: &str = "eks-pod-identity-agent";

/// The start of the message of EKS if the cluster, not the add-on, does not exist.
const NO_CLUSTER: &str = "No cluster found";

impl Aws {
    /// Reads the state of the add-on. `Absent` means that there is no add-on; the agent may be installed
    /// without it.
    pub async fn addon_agent(&self, cluster: &ClusterName) -> Fact<Agent> {
        let call = Call::read(
            Service::Eks,
            "DescribeAddon",
            format_args!("{ADDON} of cluster {cluster}"),
        );
        let request = self
            .eks()
            .describe_addon()
            .cluster_name(cluster.as_str())
            .addon_name(ADDON);
        match self.call(call.clone(), || request.clone().send()).await {
            Ok(answer) => match answer.addon() {
                Some(addon) => Fact::Present(agent(addon)),
                None => Fact::Unreadable(AwsError::unclear(&call, "the answer has no add-on").read_error()),
            },
            Err(error) if error.class() == Class::NotFound && !is_about_the_cluster(&error) => Fact::Absent,
            Err(error) => Fact::Unreadable(error.read_error()),
        }
    }

    /// Installs the add-on in the default version of EKS for the cluster. An existing add-on counts as success.
    ///
    /// # Errors
    ///
    /// Returns an error if the call fails.
    pub async fn install_agent(&self, cluster: &ClusterName) -> Result<(), AwsError> {
        let call = Call::write(
            Service::Eks,
            "CreateAddon",
            format_args!("{ADDON} of cluster {cluster}"),
        );
        let request = self
            .eks()
            .create_addon()
            .cluster_name(cluster.as_str())
            .addon_name(ADDON);
        match self.call(call, || request.clone().send()).await {
            Err(error) if error.class() != Class::Conflicting => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

fn is_about_the_cluster(error: &AwsError) -> bool {
    matches!(error, AwsError::Answered { answer, .. } if answer.message.starts_with(NO_CLUSTER))
}

fn agent(addon: &Addon) -> Agent {
    let version = addon.addon_version().filter(|version| !version.is_empty());
    let version = version.unwrap_or("with unknown version");
    let status = addon.status().map_or("in unknown state", AddonStatus::as_str);
    Agent {
        ready: addon.status().is_some_and(is_ready),
        found: quote(&format!("add-on {version} {status}")),
    }
}

/// During an update, and after a failed one, the previous agent keeps answering. `DEGRADED` means that some
/// pods of the agent are not ready; only the DaemonSet tells how many.
fn is_ready(status: &AddonStatus) -> bool {
    matches!(
        status,
        AddonStatus::Active | AddonStatus::Updating | AddonStatus::UpdateFailed | AddonStatus::DeleteFailed
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updating_agent_is_ready_and_degraded_is_not() {
        let addon = |status| {
            agent(
                &Addon::builder()
                    .addon_version("v1.3.5-eksbuild.1")
                    .status(status)
                    .build(),
            )
        };
        assert_eq!(
            addon(AddonStatus::Active),
            Agent {
                ready: true,
                found: "add-on v1.3.5-eksbuild.1 ACTIVE".to_owned()
            }
        );
        let unversioned = Addon::builder()
            .addon_version("")
            .status(AddonStatus::Active)
            .build();
        assert_eq!(agent(&unversioned).found, "add-on with unknown version ACTIVE");
        assert!(addon(AddonStatus::Updating).ready);
        assert!(!addon(AddonStatus::Degraded).ready);
        assert!(!addon(AddonStatus::Creating).ready);
    }
}
