//! Who the cluster is in AWS: its ARN, from which everything else follows, its issuer, and who is asking. Off EKS the
//! caller's account is the cluster's.
//! A cluster's name or id in, [`Found`] out; two calls at once, off EKS one. Called once at start by the operator and the
//! command line.

use futures::future::join;
use lanyard_core::model::arn::Issuer;
use lanyard_core::model::cluster::{AgentPolicy, Cluster, Platform};
use lanyard_core::model::name::{
    AccountId, ClusterId, ClusterIdentity, ClusterName, NameError, Partition, Region,
};

use crate::call::{Call, Service};
use crate::client::Aws;
use crate::error::AwsError;

/// What was found out about the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The cluster.
    pub cluster: Cluster,
    /// Whether EKS Auto Mode runs its nodes: those have the Pod Identity Agent built in (docs/dev/aws-behaviour.md#agent).
    pub auto_mode: bool,
    /// Who Lanyard itself is in AWS, for the log. `None` when STS did not say, which on EKS stands in the way of nothing.
    pub caller_arn: Option<String>,
}

impl Aws {
    /// Finds an EKS cluster.
    ///
    /// # Errors
    /// When EKS does not tell, or tells something without ARN or issuer.
    pub async fn identify(&self, cluster: &ClusterName) -> Result<Found, AwsError> {
        let (described, caller) = join(self.describe_cluster(cluster), self.caller_arn()).await;
        let (cluster, auto_mode) = described?;
        let caller_arn =
            caller.inspect_err(|error| tracing::warn!(%error, "AWS does not say who Lanyard is"));
        Ok(Found {
            cluster,
            auto_mode,
            caller_arn: caller_arn.ok(),
        })
    }

    /// Finds the account of a cluster that is not EKS's: that of Lanyard's own credentials.
    ///
    /// # Errors
    /// When STS does not tell.
    pub async fn identify_off_eks(&self, id: &ClusterId, issuer: Issuer) -> Result<Found, AwsError> {
        let arn = self.caller_arn().await?;
        let call = who_am_i();
        let (partition, account) = home(&arn).map_err(|error| AwsError::unclear(&call, error))?;
        Ok(Found {
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

    async fn caller_arn(&self) -> Result<String, AwsError> {
        let call = self.within_a_region(who_am_i())?;
        let answer = self
            .call(call.clone(), || self.sts().get_caller_identity().send())
            .await?;
        answer
            .arn
            .ok_or_else(|| AwsError::unclear(&call, "the answer has no ARN"))
    }

    /// A call of a service that has an endpoint for each Region.
    fn within_a_region(&self, call: Call) -> Result<Call, AwsError> {
        if self.eks().config().region().is_none() {
            let cause = "no AWS Region is set: give --region or AWS_REGION".to_owned();
            return Err(AwsError::Unsendable { call, cause });
        }
        Ok(call)
    }
}

fn who_am_i() -> Call {
    Call::read(Service::Sts, "GetCallerIdentity", "Lanyard itself")
}

/// Partition and account of a caller's ARN, such as `arn:aws:sts::111122223333:assumed-role/lanyard/session`.
fn home(arn: &str) -> Result<(Partition, AccountId), NameError> {
    let part = |at: usize| arn.split(':').nth(at).unwrap_or_default();
    Ok((Partition::parse(part(1))?, AccountId::parse(part(4))?))
}

/// Takes the ARN of a cluster apart: `arn:<partition>:eks:<region>:<account>:cluster/<name>`.
fn cluster(arn: &str, issuer: &str) -> Result<Cluster, NameError> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let part = |at: usize| parts.get(at).copied().unwrap_or_default();
    Ok(Cluster {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_about_a_cluster_follows_from_its_arn() {
        let arn = "arn:aws-cn:eks:cn-north-1:111122223333:cluster/prod";
        let found = cluster(arn, "https://oidc.eks.cn-north-1.amazonaws.com.cn/id/ABC").unwrap();
        assert_eq!(found.identity.as_str(), arn);
        assert_eq!(
            (found.partition.as_str(), found.account.as_str()),
            ("aws-cn", "111122223333")
        );
        assert_eq!(found.role_path().unwrap().as_str(), "/lanyard/cn-north-1/prod/");
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

    #[test]
    fn a_caller_is_at_home_in_its_partition_and_account() {
        let (partition, account) = home("arn:aws-us-gov:sts::111122223333:assumed-role/lanyard/i-1").unwrap();
        assert_eq!(
            (partition.as_str(), account.as_str()),
            ("aws-us-gov", "111122223333")
        );
        assert!(home("lanyard").is_err());
    }
}
