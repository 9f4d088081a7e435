//! NetworkPolicies as far as they restrict egress, in the form of `networking.k8s.io/v1`, and the label selectors that they
//! use. Input: labels. Output: whether a selector matches. Pure values; no I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The NetworkPolicies of a namespace, and the pods of one ServiceAccount in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EgressFacts {
    /// The policies.
    pub policies: Vec<NetworkPolicy>,
    /// The pods. Empty if no policy restricts egress, since nothing depends on them then.
    pub pods: Vec<PodNetwork>,
}

/// One NetworkPolicy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkPolicy {
    /// Its name.
    pub name: String,
    /// The pods to which it applies: an empty selector means every pod of the namespace.
    pub pod_selector: LabelSelector,
    /// `Ingress`, `Egress` or both. Empty: see [`NetworkPolicy::restricts_egress`].
    pub policy_types: Vec<String>,
    /// The permitted egress.
    pub egress: Vec<EgressRule>,
}

impl NetworkPolicy {
    /// Returns true if the selected pods may only reach what an egress rule permits. Without types, the presence of an
    /// egress rule decides, as in the API server.
    #[must_use]
    pub fn restricts_egress(&self) -> bool {
        match self.policy_types.is_empty() {
            true => !self.egress.is_empty(),
            false => self.policy_types.iter().any(|kind| kind == "Egress"),
        }
    }
}

/// A label selector.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LabelSelector {
    /// Labels that have to be present with these values.
    pub match_labels: BTreeMap<String, String>,
    /// Further requirements.
    pub match_expressions: Vec<Requirement>,
}

/// One requirement of a label selector.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Requirement {
    /// The label.
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: String,
    /// The values of `In` and `NotIn`.
    pub values: BTreeSet<String>,
}

impl LabelSelector {
    /// Returns true if the selector matches. An empty selector matches everything.
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let mut equal = self.match_labels.iter();
        let mut required = self.match_expressions.iter();
        equal.all(|(key, value)| labels.get(key) == Some(value))
            && required.all(|requirement| requirement.matches(labels))
    }
}

impl Requirement {
    /// An operator that this version does not know matches, so that its policy is not overlooked.
    fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        match self.operator.as_str() {
            "In" => value.is_some_and(|value| self.values.contains(value)),
            "NotIn" => !value.is_some_and(|value| self.values.contains(value)),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => true,
        }
    }
}

/// A permitted egress: a connection that matches one peer and one port.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EgressRule {
    /// The destinations. Empty: every destination.
    pub to: Vec<EgressPeer>,
    /// The ports. Empty: every port.
    pub ports: Vec<EgressPort>,
}

/// A destination.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EgressPeer {
    /// A block of addresses. `None` if the peer selects pods or namespaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_block: Option<IpBlock>,
}

/// A block of addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IpBlock {
    /// The block, in CIDR notation.
    pub cidr: String,
    /// Blocks inside it that are not permitted.
    pub except: Vec<String>,
}

/// A port or a range of ports.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EgressPort {
    /// `TCP`, `UDP` or `SCTP`. `None`: `TCP`.
    pub protocol: Option<String>,
    /// The port. `None`: every port of the protocol.
    pub port: Option<Port>,
    /// The last port of the range that begins at `port`.
    pub end_port: Option<i64>,
}

/// A port by its number or by its name in the pods of the destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Port {
    /// A number.
    Number(i64),
    /// The name of a container port.
    Name(String),
}

/// A pod as far as NetworkPolicies concern it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodNetwork {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its address. `None` if it has none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
}
