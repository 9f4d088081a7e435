//! Decodes the metadata of an object without `managedFields`, which take most of the bytes and which no watch reads.
//! JSON in; `ObjectMeta` out. No I/O.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use serde::{Deserialize, Deserializer};

/// The fields that the operator reads. Others, `managedFields` among them, are skipped without building a tree: the
/// trees of a page of 100 objects would take 2 MB for a moment.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ReadMetadata {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    finalizers: Option<Vec<String>>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    owner_references: Option<Vec<OwnerReference>>,
}

/// Decodes metadata for a field with `#[serde(deserialize_with)]`.
///
/// # Errors
///
/// Returns an error if a field that is read has another type than in the Kubernetes API.
pub(crate) fn without_managed_fields<'de, D: Deserializer<'de>>(from: D) -> Result<ObjectMeta, D::Error> {
    let read = ReadMetadata::deserialize(from)?;
    Ok(ObjectMeta {
        name: read.name,
        namespace: read.namespace,
        uid: read.uid,
        resource_version: read.resource_version,
        generation: read.generation,
        creation_timestamp: read.creation_timestamp,
        deletion_timestamp: read.deletion_timestamp,
        finalizers: read.finalizers,
        labels: read.labels,
        annotations: read.annotations,
        owner_references: read.owner_references,
        ..ObjectMeta::default()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_but_managed_fields_is_decoded() {
        let metadata = json!({
            "name": "orders", "namespace": "shop", "uid": "1", "resourceVersion": "7", "generation": 2,
            "creationTimestamp": "2026-03-01T10:00:00Z", "deletionTimestamp": "2026-03-01T10:00:01Z",
            "finalizers": ["f"], "labels": {"a": "b"}, "annotations": {"c": "d"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "Job", "name": "j", "uid": "2"}],
            "managedFields": [{"manager": "x", "fieldsV1": {"f:spec": {}}}],
        });
        let decoded = without_managed_fields(&metadata).unwrap();
        let mut expected: ObjectMeta = serde_json::from_value(metadata).unwrap();
        assert!(expected.managed_fields.take().is_some());
        assert_eq!(decoded, expected);
    }
}
