//! The status of a WorkloadIdentityClass: the number of identities that use it and their state.
//! Input: counts. Output: a typed status and its schema; the doc comments are the text of `kubectl explain`. No I/O.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use lanyard_core::model::spec::Method;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::schema;

/// Maximum number of entries in `byMethod`: the two methods, and room for later versions.
const METHODS_LIMIT: u32 = 8;

/// WorkloadIdentityClassStatus is the observed state of the class and of the identities that use it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[schemars(transform = schema::unwrap_descriptions)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadIdentityClassStatus {
    /// observedGeneration is the generation of the spec that was last reconciled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i64")]
    pub observed_generation: Option<i64>,

    /// conditions are the current conditions of the class. Ready is True when identities can use the class.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,

    /// identities counts the WorkloadIdentities that use the class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "IdentitiesStatus")]
    pub identities: Option<IdentitiesStatus>,

    /// transitions counts the WorkloadIdentities of the class whose binding is changing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "TransitionsStatus")]
    pub transitions: Option<TransitionsStatus>,
}

/// IdentitiesStatus counts the WorkloadIdentities that use a class.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct IdentitiesStatus {
    /// total is the number of identities.
    pub total: i64,

    /// ready is the number of identities whose condition Ready is True.
    pub ready: i64,

    /// drifted is the number of identities with uncorrected drift.
    pub drifted: i64,

    /// byMethod is the number of identities for each method in effect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "method_counts")]
    pub by_method: Vec<MethodCount>,
}

impl IdentitiesStatus {
    /// The number of identities whose method in effect is `method`.
    #[must_use]
    pub fn count_of(&self, method: Method) -> i64 {
        let entry = self.by_method.iter().find(|entry| entry.method == method);
        entry.map_or(0, |entry| entry.count)
    }
}

/// MethodCount is the number of identities for one method.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct MethodCount {
    /// method is the method in effect: IRSA or PodIdentity.
    #[schemars(schema_with = "schema::method")]
    pub method: Method,

    /// count is the number of identities.
    pub count: i64,
}

/// TransitionsStatus counts the WorkloadIdentities of a class whose binding is changing.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TransitionsStatus {
    /// waiting is the number of identities that wait for a rollout slot or for approval.
    pub waiting: i64,

    /// running is the number of identities in transition.
    pub running: i64,

    /// failed is the number of identities whose transition failed.
    pub failed: i64,
}

fn method_counts(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": generator.subschema_for::<MethodCount>(),
        "maxItems": METHODS_LIMIT,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["method"],
    })
}
