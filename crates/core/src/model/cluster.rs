//! The cluster: its identity in AWS, its platform and its token issuer. The operator or the command line determines
//! it once at start. Pure values; no I/O.

use serde::{Deserialize, Serialize};

use crate::model::arn::Issuer;
use crate::model::name::{AccountId, ClusterIdentity, ClusterName, NameError, Partition, Region, RolePath};
use crate::model::spec::Method;

/// The cluster that Lanyard runs for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    /// The unique identity: the ARN of an EKS cluster, or the cluster ID of a non-EKS cluster.
    pub identity: ClusterIdentity,
    /// The platform of the cluster.
    #[serde(flatten)]
    pub platform: Platform,
    /// The partition of its account.
    pub partition: Partition,
    /// The account of its roles.
    pub account: AccountId,
    /// The issuer of its ServiceAccount tokens.
    pub issuer: Issuer,
}

/// The platform of a cluster, with its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "platform", rename_all_fields = "camelCase")]
pub enum Platform {
    /// EKS: it has associations, the agent as an add-on, and the pod identity webhook of AWS in its control plane.
    #[serde(rename = "EKS")]
    Eks {
        /// Its name in EKS.
        name: ClusterName,
        /// The Region it runs in.
        region: Region,
        /// The permission to install the EKS Pod Identity Agent.
        #[serde(default)]
        agent: AgentPolicy,
    },
    /// A non-EKS cluster: IRSA only, and the cluster administrator installs the pod identity webhook.
    Other,
}

/// The permission to install the EKS Pod Identity Agent. Lanyard never updates or removes an agent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AgentPolicy {
    /// Not allowed: the status reports a missing agent.
    #[default]
    Require,
    /// Allowed: Lanyard installs the EKS add-on if the agent is missing and a binding needs it.
    Ensure,
}

/// The permission to create the IAM OIDC provider and to add a client ID to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProviderPolicy {
    /// Lanyard creates the missing part.
    #[default]
    Ensure,
    /// The status reports the missing part.
    Require,
}

impl Cluster {
    /// The EKS cluster with this ARN, `arn:<partition>:eks:<region>:<account>:cluster/<name>`, and this issuer.
    ///
    /// # Errors
    /// Returns an error if the ARN is not the ARN of a cluster, or if the issuer is not an https URL.
    pub fn eks(arn: &str, issuer: &str) -> Result<Self, NameError> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let part = |at: usize| parts.get(at).copied().unwrap_or_default();
        Ok(Self {
            identity: ClusterIdentity::parse(arn)?,
            platform: Platform::Eks {
                name: ClusterName::parse(part(5).strip_prefix("cluster/").unwrap_or_default())?,
                region: Region::parse(part(3))?,
                agent: AgentPolicy::default(),
            },
            partition: Partition::parse(part(1))?,
            account: AccountId::parse(part(4))?,
            issuer: Issuer::parse(issuer)?,
        })
    }

    /// The path of the roles that Lanyard creates for this cluster: `/lanyard/<region>/<cluster>/` on EKS,
    /// `/lanyard/<cluster-id>/` elsewhere.
    ///
    /// # Errors
    /// Returns an error if the names do not form an IAM path, which parsed names always do.
    pub fn role_path(&self) -> Result<RolePath, NameError> {
        RolePath::parse(match &self.platform {
            Platform::Eks { name, region, .. } => format!("/lanyard/{region}/{name}/"),
            Platform::Other => format!("/lanyard/{}/", self.identity),
        })
    }

    /// The name of the EKS cluster. Returns `None` for a non-EKS cluster, which has no associations.
    #[must_use]
    pub fn eks_name(&self) -> Option<&ClusterName> {
        match &self.platform {
            Platform::Eks { name, .. } => Some(name),
            Platform::Other => None,
        }
    }

    /// The same cluster with another policy for the Pod Identity Agent.
    #[must_use]
    pub fn with_agent(mut self, policy: AgentPolicy) -> Self {
        if let Platform::Eks { agent, .. } = &mut self.platform {
            *agent = policy;
        }
        self
    }

    /// Returns true if Lanyard may install the Pod Identity Agent.
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

    /// The method of an identity if neither spec nor class sets one.
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
    fn role_path_is_unique_per_cluster() {
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
    fn cluster_with_platform_round_trips() {
        for (cluster, platform) in [(cluster(), "EKS"), (off_eks(), "Other")] {
            let json = serde_json::to_value(&cluster).unwrap();
            assert_eq!(json["platform"], platform);
            assert_eq!(serde_json::from_value::<Cluster>(json).unwrap(), cluster);
        }
    }

    #[test]
    fn cluster_is_derived_from_arn() {
        let arn = "arn:aws-cn:eks:cn-north-1:111122223333:cluster/prod";
        let found = Cluster::eks(arn, "https://oidc.eks.cn-north-1.amazonaws.com.cn/id/ABC").unwrap();
        assert_eq!(found.identity.as_str(), arn);
        assert_eq!(
            (found.partition.as_str(), found.account.as_str()),
            ("aws-cn", "111122223333")
        );
        assert_eq!(found.role_path().unwrap().as_str(), "/lanyard/cn-north-1/prod/");
    }

    #[test]
    fn arn_of_another_resource_is_rejected() {
        for arn in ["arn:aws:eks:eu-west-1:111122223333:addon/prod/x", "prod", ""] {
            assert!(
                Cluster::eks(arn, "https://oidc.eks.eu-west-1.amazonaws.com/id/ABC").is_err(),
                "{arn}"
            );
        }
    }
}
