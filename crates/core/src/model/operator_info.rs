//! The operator's description of itself and its cluster, in the ConfigMap `lanyard-info`: for clients without its rights.
//! Input: the operator's settings, or the data of the ConfigMap. Output: the other form. No I/O.

use std::collections::BTreeMap;

use crate::model::arn::Issuer;
use crate::model::cluster::{AgentPolicy, Cluster, Platform};
use crate::model::name::{AccountId, ClusterId, NameError, Partition};

/// The name of the ConfigMap, in the namespace of the operator.
pub const CONFIG_MAP: &str = "lanyard-info";

/// The namespace of the operator in the shipped manifests.
pub const DEFAULT_NAMESPACE: &str = "lanyard-system";

const VERSION: &str = "version";
const IMAGE: &str = "image";
const PLATFORM: &str = "platform";
const IDENTITY: &str = "clusterIdentity";
const PARTITION: &str = "partition";
const ACCOUNT: &str = "account";
const ISSUER: &str = "issuer";
const REQUIRE_CLASS: &str = "requireClass";
const READ_ONLY: &str = "readOnly";
const AGENT: &str = "podIdentityAgent";

const EKS: &str = "EKS";
const OTHER: &str = "Other";
const ENSURE: &str = "Ensure";

/// The operator as it describes itself. It holds nothing secret: every authenticated user may read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorInfo {
    /// The cluster, with the policy for the Pod Identity Agent.
    pub cluster: Cluster,
    /// True if an identity without a class waits for one.
    pub require_class: bool,
    /// True if the operator only reports.
    pub read_only: bool,
    /// The image of the operator. `None` if it does not run in a pod.
    pub image: Option<String>,
    /// The version of the operator.
    pub version: String,
}

impl OperatorInfo {
    /// The data of the ConfigMap.
    #[must_use]
    pub fn to_data(&self) -> BTreeMap<String, String> {
        let cluster = &self.cluster;
        let platform = match cluster.platform {
            Platform::Eks { .. } => EKS,
            Platform::Other => OTHER,
        };
        let agent = match cluster.ensures_agent() {
            true => ENSURE,
            false => "Require",
        };
        let mut data: BTreeMap<String, String> = [
            (VERSION, self.version.clone()),
            (PLATFORM, platform.to_owned()),
            (IDENTITY, cluster.identity.to_string()),
            (PARTITION, cluster.partition.to_string()),
            (ACCOUNT, cluster.account.to_string()),
            (ISSUER, cluster.issuer.to_string()),
            (REQUIRE_CLASS, self.require_class.to_string()),
            (READ_ONLY, self.read_only.to_string()),
            (AGENT, agent.to_owned()),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
        if let Some(image) = &self.image {
            data.insert(IMAGE.to_owned(), image.clone());
        }
        data
    }

    /// Parses the data of the ConfigMap. Unknown keys are ignored, so that a newer operator can add some.
    ///
    /// # Errors
    /// Returns an error if a key of the cluster is missing or invalid.
    pub fn of_data(data: &BTreeMap<String, String>) -> Result<Self, NameError> {
        let is_true = |key: &str| data.get(key).is_some_and(|value| value == "true");
        let ensures = data.get(AGENT).is_some_and(|value| value == ENSURE);
        let agent = match ensures {
            true => AgentPolicy::Ensure,
            false => AgentPolicy::Require,
        };
        Ok(Self {
            cluster: cluster(data)?.with_agent(agent),
            require_class: is_true(REQUIRE_CLASS),
            read_only: is_true(READ_ONLY),
            image: data.get(IMAGE).filter(|image| !image.is_empty()).cloned(),
            version: data.get(VERSION).cloned().unwrap_or_default(),
        })
    }
}

fn cluster(data: &BTreeMap<String, String>) -> Result<Cluster, NameError> {
    let value = |key: &'static str| data.get(key).cloned().unwrap_or_default();
    let (identity, issuer) = (value(IDENTITY), value(ISSUER));
    match value(PLATFORM).as_str() {
        EKS => Cluster::eks(&identity, &issuer),
        OTHER => Ok(Cluster {
            identity: ClusterId::parse(identity)?.into(),
            platform: Platform::Other,
            partition: Partition::parse(value(PARTITION))?,
            account: AccountId::parse(value(ACCOUNT))?,
            issuer: Issuer::parse(issuer)?,
        }),
        other => Err(NameError::new(other, "the platform of a cluster, EKS or Other")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    fn info(cluster: Cluster) -> OperatorInfo {
        OperatorInfo {
            cluster,
            require_class: true,
            read_only: false,
            image: Some("registry.example.com/lanyard:0.1.0".to_owned()),
            version: "0.1.0".to_owned(),
        }
    }

    #[test]
    fn data_round_trips_on_every_platform() {
        let ensured = example::cluster().with_agent(AgentPolicy::Ensure);
        for cluster in [example::cluster(), ensured, example::off_eks()] {
            let info = info(cluster);
            assert_eq!(OperatorInfo::of_data(&info.to_data()), Ok(info));
        }
    }

    #[test]
    fn missing_or_invalid_cluster_is_an_error() {
        let mut data = info(example::cluster()).to_data();
        data.insert("futureKey".to_owned(), "x".to_owned());
        assert!(OperatorInfo::of_data(&data).is_ok());
        data.insert(IDENTITY.to_owned(), "prod".to_owned());
        assert!(OperatorInfo::of_data(&data).is_err());
        assert!(OperatorInfo::of_data(&BTreeMap::new()).is_err());
    }
}
