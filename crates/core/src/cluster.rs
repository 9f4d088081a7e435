//! The cluster as one fact of the operator's settings: who it is in AWS and who issues its tokens.
//! Found once at start by the operator or the CLI; read by `validate`. Pure values.

use serde::{Deserialize, Serialize};

use crate::arn::Issuer;
use crate::name::{AccountId, ClusterIdentity, ClusterName, Partition, Region, RolePath};

/// What Lanyard knows of the cluster it runs for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    /// What tells it from every other cluster: its ARN.
    pub identity: ClusterIdentity,
    /// Its name in EKS.
    pub name: ClusterName,
    /// The Region it runs in.
    pub region: Region,
    /// The partition its account lives in.
    pub partition: Partition,
    /// The account it and its roles live in.
    pub account: AccountId,
    /// Who issues its ServiceAccount tokens.
    pub issuer: Issuer,
}

impl Cluster {
    /// The path of every role that Lanyard makes for this cluster: `/lanyard/<region>/<cluster>/`.
    ///
    /// # Errors
    /// Never for names that parsed; the type demands it.
    pub fn role_path(&self) -> Result<RolePath, crate::name::NameError> {
        RolePath::parse(format!("/lanyard/{}/{}/", self.region, self.name))
    }

    /// The ARN of the IAM OIDC provider for this cluster's issuer.
    #[must_use]
    pub fn provider_arn(&self) -> String {
        self.issuer.provider_arn(&self.partition, &self.account)
    }
}
