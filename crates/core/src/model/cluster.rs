//! The cluster as one fact of the operator's settings: who it is in AWS, what runs it and who issues its tokens.
//! Found once at start by the operator or the CLI; read by `validate`. Pure values.

use serde::{Deserialize, Serialize};

use crate::model::arn::Issuer;
use crate::model::name::{AccountId, ClusterIdentity, ClusterName, NameError, Partition, Region, RolePath};
use crate::model::spec::Method;

/// What Lanyard knows of the cluster it runs for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    /// What tells it from every other cluster: its ARN, or off EKS the id that it was given.
    pub identity: ClusterIdentity,
    /// What runs it.
    #[serde(flatten)]
    pub platform: Platform,
    /// The partition its account lives in.
    pub partition: Partition,
    /// The account its roles live in.
    pub account: AccountId,
    /// Who issues its ServiceAccount tokens.
    pub issuer: Issuer,
}

/// What runs a cluster, with what only that knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "platform", rename_all_fields = "camelCase")]
pub enum Platform {
    /// EKS: it has associations, the agent as an add-on, and AWS's pod webhook in its control plane.
    #[serde(rename = "EKS")]
    Eks {
        /// Its name in EKS.
        name: ClusterName,
        /// The Region it runs in.
        region: Region,
        /// Whether Lanyard may install the Pod Identity Agent.
        #[serde(default)]
        agent: AgentPolicy,
    },
    /// Anything else: IRSA only, and the pod webhook is for somebody to install.
    Other,
}

/// Whether Lanyard may install the EKS Pod Identity Agent. It never updates or removes one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AgentPolicy {
    /// No: it says that the agent is missing.
    #[default]
    Require,
    /// Yes, as an EKS add-on, where the agent is missing and a binding needs it.
    Ensure,
}

/// Whether Lanyard may create the IAM OIDC provider and add a client ID to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProviderPolicy {
    /// It creates what is missing.
    #[default]
    Ensure,
    /// It says what is missing.
    Require,
}

impl Cluster {
    /// The path of every role that Lanyard makes for this cluster: `/lanyard/<region>/<cluster>/`, off EKS
    /// `/lanyard/<cluster-id>/`.
    ///
    /// # Errors
    /// Never for names that parsed; the type demands it.
    pub fn role_path(&self) -> Result<RolePath, NameError> {
        RolePath::parse(match &self.platform {
            Platform::Eks { name, region, .. } => format!("/lanyard/{region}/{name}/"),
            Platform::Other => format!("/lanyard/{}/", self.identity),
        })
    }

    /// Its name in EKS; `None`: it is not EKS's, and EKS knows no associations of it.
    #[must_use]
    pub fn eks_name(&self) -> Option<&ClusterName> {
        match &self.platform {
            Platform::Eks { name, .. } => Some(name),
            Platform::Other => None,
        }
    }

    /// The same cluster, with what Lanyard may do about the Pod Identity Agent.
    #[must_use]
    pub fn with_agent(mut self, policy: AgentPolicy) -> Self {
        if let Platform::Eks { agent, .. } = &mut self.platform {
            *agent = policy;
        }
        self
    }

    /// Whether Lanyard may install the Pod Identity Agent.
    #[must_use]
    pub fn ensures_agent(&self) -> bool {
        matches!(
            self.platform,
            Platform::Eks {
                agent: AgentPolicy::Ensure,
                ..
            }
        )
    }

    /// The method of an identity where neither spec nor class names one.
    #[must_use]
    pub fn default_method(&self) -> Method {
        match self.platform {
            Platform::Eks { .. } => Method::PodIdentity,
            Platform::Other => Method::Irsa,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{cluster, off_eks};

    #[test]
    fn roles_have_a_path_of_their_cluster_alone() {
        assert_eq!(
            cluster().role_path().unwrap().as_str(),
            "/lanyard/eu-west-1/prod/"
        );
        assert_eq!(
            off_eks().role_path().unwrap().as_str(),
            "/lanyard/prod.example.com/"
        );
    }

    #[test]
    fn a_cluster_says_what_runs_it_and_survives_the_round_trip() {
        for (cluster, wanted) in [(cluster(), "EKS"), (off_eks(), "Other")] {
            let told = serde_json::to_value(&cluster).unwrap();
            assert_eq!(told["platform"], wanted);
            assert_eq!(serde_json::from_value::<Cluster>(told).unwrap(), cluster);
        }
    }
}
