//! The status of a WorkloadIdentityClass: how many identities follow it and how they fare.
//! Counts in, a status with its schema out; the doc comments are the text of `kubectl explain`. No I/O.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// What became of the class.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[schemars(transform = schema::unwrap_descriptions)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadIdentityClassStatus {
    /// The generation of the spec that was last looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i64")]
    pub observed_generation: Option<i64>,

    /// What holds and what does not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,

    /// The identities that follow the class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "IdentitiesStatus")]
    pub identities: Option<IdentitiesStatus>,

    /// Those of them whose binding changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "TransitionsStatus")]
    pub transitions: Option<TransitionsStatus>,
}

/// The identities that follow a class.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct IdentitiesStatus {
    /// How many there are.
    pub total: i64,

    /// How many are ready.
    pub ready: i64,

    /// How many have drift that stands.
    pub drifted: i64,

    /// How many get their role by which method.
    pub by_method: ByMethod,
}

/// Identities by the method that is in effect.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByMethod {
    /// Those by IRSA.
    #[serde(rename = "IRSA")]
    pub irsa: i64,

    /// Those by EKS Pod Identity.
    #[serde(rename = "PodIdentity")]
    pub pod_identity: i64,
}

/// Identities whose binding changes.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TransitionsStatus {
    /// Those that wait for their turn.
    pub waiting: i64,

    /// Those under way.
    pub running: i64,

    /// Those that failed.
    pub failed: i64,
}
