//! Who the cluster is in AWS: its ARN, from which everything else follows, its issuer, and who is asking.
//! A cluster's name in, [`Found`] out; two calls at once. Called once at start by the operator and the command line.

use futures::future::join;
use lanyard_core::arn::Issuer;
use lanyard_core::cluster::Cluster;
use lanyard_core::name::{AccountId, ClusterIdentity, ClusterName, NameError, Partition, Region};

use crate::call::{Call, Service};
use crate::client::Aws;
use crate::error::AwsError;

/// What was found out about the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The cluster.
    pub cluster: Cluster,
    /// Whether EKS Auto Mode runs its nodes: those have the Pod Identity Agent built in [F 2.4].
    pub auto_mode: bool,
    /// Who Lanyard itself is in AWS, for the log. `None` when STS did not say, which stands in the way of nothing.
    pub caller_arn: Option<String>,
}

impl Aws {
    /// Finds the cluster.
    ///
    /// # Errors
    /// When EKS does not tell, or tells something without ARN or issuer.
    pub async fn identify(&self, cluster: &ClusterName) -> Result<Found, AwsError> {
        let (described, caller_arn) = join(self.describe_cluster(cluster), self.caller_arn()).await;
        let (cluster, auto_mode) = described?;
        Ok(Found {
            cluster,
            auto_mode,
            caller_arn,
        })
    }

    async fn describe_cluster(&self, name: &ClusterName) -> Result<(Cluster, bool), AwsError> {
        let call = Call::read(Service::Eks, "DescribeCluster", format_args!("cluster {name}"));
        if self.eks().config().region().is_none() {
            let cause = "no AWS Region is set: give --region or AWS_REGION".to_owned();
            return Err(AwsError::Unsendable { call, cause });
        }
        let request = self.eks().describe_cluster().name(name.as_str());
        let answer = self.call(call.clone(), request.send()).await?;
        let told = answer
            .cluster()
            .ok_or_else(|| AwsError::unclear(&call, "the answer has no cluster"))?;
        let arn = told
            .arn()
            .ok_or_else(|| AwsError::unclear(&call, "the cluster has no ARN"))?;
        let issuer = told
            .identity()
            .and_then(|identity| identity.oidc())
            .and_then(|oidc| oidc.issuer());
        let issuer = issuer.ok_or_else(|| AwsError::unclear(&call, "the cluster has no OIDC issuer"))?;
        let cluster = cluster(arn, issuer).map_err(|error| AwsError::unclear(&call, error))?;
        let auto_mode = told
            .compute_config()
            .and_then(|config| config.enabled())
            .unwrap_or(false);
        Ok((cluster, auto_mode))
    }

    async fn caller_arn(&self) -> Option<String> {
        let call = Call::read(Service::Sts, "GetCallerIdentity", "Lanyard itself");
        match self.call(call, self.sts().get_caller_identity().send()).await {
            Ok(answer) => answer.arn,
            Err(error) => {
                tracing::warn!(%error, "AWS does not say who Lanyard is");
                None
            }
        }
    }
}

/// Takes the ARN of a cluster apart: `arn:<partition>:eks:<region>:<account>:cluster/<name>`.
fn cluster(arn: &str, issuer: &str) -> Result<Cluster, NameError> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let part = |at: usize| parts.get(at).copied().unwrap_or_default();
    Ok(Cluster {
        identity: ClusterIdentity::parse(arn)?,
        name: ClusterName::parse(part(5).strip_prefix("cluster/").unwrap_or_default())?,
        region: Region::parse(part(3))?,
        partition: Partition::parse(part(1))?,
        account: AccountId::parse(part(4))?,
        issuer: Issuer::parse(issuer)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_about_a_cluster_follows_from_its_arn() {
        let arn = "arn:aws-cn:eks:cn-north-1:111122223333:cluster/prod";
        let found = cluster(arn, "https://oidc.eks.cn-north-1.amazonaws.com.cn/id/ABC").unwrap();
        assert_eq!(found.identity.as_str(), arn);
        assert_eq!(
            (found.partition.as_str(), found.region.as_str()),
            ("aws-cn", "cn-north-1")
        );
        assert_eq!(
            (found.account.as_str(), found.name.as_str()),
            ("111122223333", "prod")
        );
    }

    #[test]
    fn an_arn_that_is_none_of_a_cluster_is_refused() {
        for arn in ["arn:aws:eks:eu-west-1:111122223333:addon/prod/x", "prod", ""] {
            assert!(
                cluster(arn, "https://oidc.eks.eu-west-1.amazonaws.com/id/ABC").is_err(),
                "{arn}"
            );
        }
    }
}
