//! Objects of other controllers that may create tokens of a ServiceAccount, as the engine reads them. Pure values; no I/O.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The objects that may create tokens of a ServiceAccount, as far as they can be read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TokenClientFacts {
    /// The objects of the kinds that are installed and readable.
    pub objects: Vec<ClusterObject>,
    /// The missing rights, one for each kind that is installed and not readable. A kind that is not installed is in neither
    /// list.
    pub denied: BTreeSet<String>,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterObject {
    /// The API group.
    pub group: String,
    /// The kind.
    pub kind: String,
    /// The namespace. `None` for an object of the cluster.
    #[serde(default)]
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
    /// The spec.
    #[serde(default)]
    pub spec: Value,
}

impl fmt::Display for ClusterObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}
