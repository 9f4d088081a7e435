//! The EKS Pod Identity Agent as an EKS add-on: read and installed, never updated and never removed.
//! The cluster's name in, a fact or an answer out; one call each. A DaemonSet that came another way is the engine's to find.

use aws_sdk_eks::types::{Addon, AddonStatus};
use lanyard_core::model::fact::Fact;
use lanyard_core::model::name::ClusterName;
use lanyard_core::model::observed::Agent;
use lanyard_core::model::text::quote;

use crate::call::{Call, Service};
use crate::client::Aws;
use crate::error::{AwsError, Class};

/// The add-on's name (docs/dev/aws-behaviour.md#agent).
const ADDON: &str = "eks-pod-identity-agent";

/// How EKS begins its message when it is the cluster that is missing, and not the add-on.
const NO_CLUSTER: &str = "No cluster found";

impl Aws {
    /// Reads the state of the agent's add-on. Absent means that there is no add-on, not that there is no agent.
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
                None => Fact::Unreadable(AwsError::unclear(&call, "the answer has no add-on").why()),
            },
            Err(error) if error.class() == Class::NotFound && !is_about_the_cluster(&error) => Fact::Absent,
            Err(error) => Fact::Unreadable(error.why()),
        }
    }

    /// Installs the agent's add-on, in the version that is EKS's default for the cluster. One that is there is success:
    /// somebody else was faster.
    ///
    /// # Errors
    /// When the call fails.
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
    let version = version.unwrap_or("of unknown version");
    let status = addon.status().map_or("in unknown state", AddonStatus::as_str);
    Agent {
        ready: addon.status().is_some_and(is_ready),
        found: quote(&format!("add-on {version} {status}")),
    }
}

/// While an update runs, and after one has failed, the agent that was there goes on answering. `DEGRADED` is EKS's own
/// word that it does not: some of its pods are not ready, and only the DaemonSet tells how many.
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
    fn an_agent_under_update_is_ready_and_a_degraded_one_is_not() {
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
        assert_eq!(agent(&unversioned).found, "add-on of unknown version ACTIVE");
        assert!(addon(AddonStatus::Updating).ready);
        assert!(!addon(AddonStatus::Degraded).ready);
        assert!(!addon(AddonStatus::Creating).ready);
    }
}
