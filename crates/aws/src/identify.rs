//! Identification of the cluster in AWS: its ARN, its issuer and the identity of the operator. Outside EKS, the
//! account of the operator is the account of the cluster. Input: the name or id of a cluster. Output: an
//! [`IdentifiedCluster`]. Does I/O: two concurrent calls, or one outside EKS.

use futures::future::join;
use lanyard_core::model::arn::Issuer;
use lanyard_core::model::cluster::{Cluster, Platform};
use lanyard_core::model::name::{AccountId, ClusterId, ClusterName, NameError, Partition};

use crate::call::{Call, Service};
use crate::client::Aws;
use crate::error::AwsError;

/// The cluster as identified in AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentifiedCluster {
    /// The cluster.
    pub cluster: Cluster,
    /// True if EKS Auto Mode runs the nodes, which then include the Pod Identity Agent
    /// (docs/dev/aws-behaviour.md#agent).
    pub auto_mode: bool,
    /// The ARN of the operator, for the log. `None` if STS did not return it, which on EKS is not required.
    pub caller_arn: Option<String>,
}

impl Aws {
    /// Identifies an EKS cluster.
    ///
    /// # Errors
    ///
    /// Returns an error if the call fails, or the answer lacks the ARN or the issuer.
    pub async fn identify(&self, cluster: &ClusterName) -> Result<IdentifiedCluster, AwsError> {
        let (described, caller) = join(self.describe_cluster(cluster), self.caller_arn()).await;
        let (cluster, auto_mode) = described?;
        let caller_arn = caller.inspect_err(
            |error| tracing::warn!(%error, "could not read the operator's own identity from STS"),
        );
        Ok(IdentifiedCluster {
            cluster,
            auto_mode,
            caller_arn: caller_arn.ok(),
        })
    }

    /// Reads if EKS Auto Mode runs the nodes of a cluster.
    ///
    /// # Errors
    ///
    /// Returns an error if the call fails.
    pub async fn auto_mode(&self, cluster: &ClusterName) -> Result<bool, AwsError> {
        Ok(self.describe_cluster(cluster).await?.1)
    }

    /// Identifies the account of a cluster outside EKS: the account of the operator's own credentials.
    ///
    /// # Errors
    ///
    /// Returns an error if STS does not return the caller.
    pub async fn identify_off_eks(
        &self,
        id: &ClusterId,
        issuer: Issuer,
    ) -> Result<IdentifiedCluster, AwsError> {
        let arn = self.caller_arn().await?;
        let call = get_caller_identity();
        let (partition, account) = caller_account(&arn).map_err(|error| AwsError::unclear(&call, error))?;
        Ok(IdentifiedCluster {
            cluster: Cluster {
                identity: id.clone().into(),
                platform: Platform::Other,
                partition,
                account,
                issuer,
            },
            auto_mode: false,
            caller_arn: Some(arn),
        })
    }

    async fn describe_cluster(&self, name: &ClusterName) -> Result<(Cluster, bool), AwsError> {
        let call = Call::read(Service::Eks, "DescribeCluster", format_args!("cluster {name}"));
        let call = self.within_a_region(call)?;
        let request = self.eks().describe_cluster().name(name.as_str());
        let answer = self.call(call.clone(), || request.clone().send()).await?;
        let described = answer
            .cluster()
            .ok_or_else(|| AwsError::unclear(&call, "the answer has no cluster"))?;
        let arn = described
            .arn()
            .ok_or_else(|| AwsError::unclear(&call, "the cluster has no ARN"))?;
        let issuer = described
            .identity()
            .and_then(|identity| identity.oidc())
            .and_then(|oidc| oidc.issuer());
        let issuer = issuer.ok_or_else(|| AwsError::unclear(&call, "the cluster has no OIDC issuer"))?;
        let cluster = Cluster::eks(arn, issuer).map_err(|error| AwsError::unclear(&call, error))?;
        let auto_mode = described
            .compute_config()
            .and_then(|config| config.enabled())
            .unwrap_or(false);
        Ok((cluster, auto_mode))
    }

    /// The ARN of the caller. GetCallerIdentity needs no permission.
    pub(crate) async fn caller_arn(&self) -> Result<String, AwsError> {
        let call = self.within_a_region(get_caller_identity())?;
        let answer = self
            .call(call.clone(), || self.sts().get_caller_identity().send())
            .await?;
        answer
            .arn
            .ok_or_else(|| AwsError::unclear(&call, "the answer has no ARN"))
    }

    /// Returns the call unchanged if a Region is set, which a service with regional endpoints requires.
    pub(crate) fn within_a_region(&self, call: Call) -> Result<Call, AwsError> {
        if self.eks().config().region().is_none() {
            let cause = "no AWS Region is set. Set --region or AWS_REGION".to_owned();
            return Err(AwsError::Unsendable { call, cause });
        }
        Ok(call)
    }
}

fn get_caller_identity() -> Call {
    Call::read(Service::Sts, "GetCallerIdentity", "the operator")
}

/// Parses the partition and account of a caller ARN, such as
/// `arn:aws:sts::111122223333:assumed-role/lanyard/session`.
fn caller_account(arn: &str) -> Result<(Partition, AccountId), NameError> {
    let part = |at: usize| arn.split(':').nth(at).unwrap_or_default();
    Ok((Partition::parse(part(1))?, AccountId::parse(part(4))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caller_arn_yields_partition_and_account() {
        let (partition, account) =
            caller_account("arn:aws-us-gov:sts::111122223333:assumed-role/lanyard/i-1").unwrap();
        assert_eq!(
            (partition.as_str(), account.as_str()),
            ("aws-us-gov", "111122223333")
        );
        assert!(caller_account("lanyard").is_err());
    }
}
