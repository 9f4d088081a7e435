//! A WorkloadIdentity as the store holds it, and decoded for one reconcile. No I/O.

use crate::target::Target;
use lanyard_api::{
    ANNOTATION_ADOPT, ANNOTATION_INVENTORY, ANNOTATION_RECONCILE_REQUESTED_AT, FINALIZER, WorkloadIdentity,
    WorkloadIdentitySpec, WorkloadIdentityStatus,
};
use lanyard_core::class::adoption::named;
use lanyard_core::model::cluster::Cluster;
use lanyard_core::model::inventory::Inventory;
use lanyard_core::model::name::{ClusterIdentity, Namespace, ServiceAccountName};
use lanyard_core::model::spec::Spec;
use lanyard_core::model::status::Status;
use lanyard_core::model::subject::Subject;
use lanyard_core::reconcile::class_decision::Record;
use lanyard_core::reconcile::scope::DeletedObject;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::object::Raw;

/// Maximum size of a spec as JSON, in bytes. The limits of IAM for the policies of a role and of EKS for a session policy
/// come to less than half of it (docs/dev/aws-behaviour.md).
const SPEC_LIMIT: usize = 64 * 1024;

/// Maximum size of one annotation, in bytes. An inventory entry takes about 200.
const ANNOTATION_LIMIT: usize = 16 * 1024;

/// The prefix of the annotations that the operator reads.
const OWN_ANNOTATIONS: &str = "lanyard.dev/";

/// Maximum length of `status.lastHandledReconcileAt` in the CRD.
const REQUEST_LIMIT: usize = 256;

/// The part of a status that shows that a status was written.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusMarker {
    observed_generation: i64,
}

/// A WorkloadIdentity whose spec and status are not decoded.
pub type RawIdentity = Raw<WorkloadIdentity>;

/// A WorkloadIdentity, decoded for one reconcile.
#[derive(Debug)]
pub struct Decoded {
    /// The object as the target of steps.
    pub target: Target,
    /// The spec, or the decode error.
    pub spec: Result<Spec, String>,
    /// The status as last written. Empty if it is absent or does not decode.
    pub status: Status,
    /// The generation of the spec.
    pub generation: i64,
    /// True if the object is being deleted.
    pub is_deleting: bool,
    /// The value of the annotation `lanyard.dev/reconcile-requested-at`, cut to the length that the status can hold.
    pub requested_at: Option<String>,
}

impl Decoded {
    /// True if the spec suspends the object. A spec that does not decode does not.
    #[must_use]
    pub fn is_suspended(&self) -> bool {
        self.spec.as_ref().is_ok_and(|spec| spec.suspend)
    }

    /// The object as core's deletion takes it.
    #[must_use]
    pub fn deleted<'a>(&'a self, cluster: &'a Cluster) -> DeletedObject<'a> {
        DeletedObject {
            subject: &self.target.subject,
            spec: self.spec.as_ref().ok(),
            status: &self.status,
            inventory: self.target.control.inventory.as_ref(),
            cluster,
        }
    }

    /// True if the annotation asks for a reconcile that the status does not record as handled.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.requested_at.is_some() && self.requested_at != self.status.last_handled_reconcile_at
    }
}

impl RawIdentity {
    /// Drops what the operator does not read, so that no object takes much memory: labels, owners, annotations of
    /// other tools, and a spec that is larger than any valid one. Such a spec does not decode.
    pub fn bound(&mut self) {
        let metadata = &mut self.metadata;
        (metadata.labels, metadata.owner_references) = (None, None);
        if let Some(annotations) = &mut metadata.annotations {
            let is_read = |key: &str| key.starts_with(OWN_ANNOTATIONS);
            annotations.retain(|key, value| is_read(key) && value.len() <= ANNOTATION_LIMIT);
        }
        let size = self.spec.as_ref().map_or(0, |spec| spec.get().len());
        if size > SPEC_LIMIT {
            let text = format!("the spec has {size} bytes; expected at most {SPEC_LIMIT}");
            // A string, which no spec is.
            self.spec = serde_json::value::to_raw_value(&text).ok();
        }
    }

    /// The spec as raw JSON.
    #[must_use]
    pub fn spec(&self) -> Option<&RawValue> {
        self.spec.as_deref()
    }

    /// True if an object with a status lacks the operator's finalizer or inventory, because another writer removed them.
    #[must_use]
    pub fn lost_its_control_metadata(&self) -> bool {
        let inventory = self
            .metadata
            .annotations
            .as_ref()
            .is_some_and(|all| all.contains_key(ANNOTATION_INVENTORY));
        self.has_status() && !(self.is_held() && inventory)
    }

    /// True if the object carries the operator's finalizer.
    #[must_use]
    pub fn is_held(&self) -> bool {
        let mut finalizers = self.metadata.finalizers.iter().flatten();
        finalizers.any(|known| known == FINALIZER)
    }

    /// The inventory annotation of the object. Returns `None` if it is absent or does not parse.
    #[must_use]
    pub fn inventory(&self) -> Option<Inventory> {
        let annotations = self.metadata.annotations.as_ref()?;
        Inventory::parse(annotations.get(ANNOTATION_INVENTORY)?)
    }

    /// The class that status or inventory record. Returns `None` if neither does.
    #[must_use]
    pub fn class(&self) -> Option<String> {
        let (status, inventory) = (&self.decode_status(), self.inventory());
        let inventory = inventory.as_ref();
        Record { status, inventory }.pinned().map(str::to_owned)
    }

    /// True if a status was ever written. The default of the schema has generation -1.
    fn has_status(&self) -> bool {
        let marker = self.status_marker();
        marker.is_some_and(|marker| marker.observed_generation > 0)
    }

    fn status_marker(&self) -> Option<StatusMarker> {
        let status = self.status.as_ref()?;
        serde_json::from_str(status.get()).ok()
    }

    /// The object without spec and status: enough for a reference and a fingerprint. Ten thousand objects of a list are
    /// held in memory at once, beside the store.
    #[must_use]
    pub fn slim(mut self) -> Self {
        let marker = self.status_marker();
        let status = marker.map(|marker| serde_json::value::to_raw_value(&marker));
        self.status = status.and_then(Result::ok);
        self.spec = None;
        self
    }

    /// Decodes the object. Returns `None` if its name or namespace is not a valid Kubernetes name.
    #[must_use]
    pub fn decode(&self, cluster: &ClusterIdentity) -> Option<Decoded> {
        let metadata = &self.metadata;
        let subject = Subject {
            cluster: cluster.clone(),
            namespace: Namespace::parse(metadata.namespace.as_deref()?).ok()?,
            name: ServiceAccountName::parse(metadata.name.as_deref()?).ok()?,
        };
        let requested_at = metadata
            .annotations
            .as_ref()
            .and_then(|all| all.get(ANNOTATION_RECONCILE_REQUESTED_AT));
        Some(Decoded {
            target: Target::new(subject, metadata)?,
            spec: self.decode_spec(),
            status: self.decode_status(),
            generation: metadata.generation.unwrap_or_default(),
            is_deleting: metadata.deletion_timestamp.is_some(),
            requested_at: requested_at.map(|value| value.chars().take(REQUEST_LIMIT).collect()),
        })
    }

    /// Decodes the spec and adds the value of the adopt annotation.
    fn decode_spec(&self) -> Result<Spec, String> {
        let text = self.spec.as_ref().map_or("null", |raw| raw.get());
        if let Ok(error) = serde_json::from_str::<String>(text) {
            return Err(error);
        }
        let annotations = self.metadata.annotations.as_ref();
        let adopt = annotations.and_then(|all| all.get(ANNOTATION_ADOPT));
        let decoded = serde_json::from_str::<WorkloadIdentitySpec>(text);
        let spec = decoded.map_err(|error| error.to_string())?.to_core();
        Ok(Spec {
            adopt: adopt.map(|text| named(text)).unwrap_or_default(),
            ..spec
        })
    }

    /// The status as last written. Empty if it is absent or does not decode; a reconcile then restores it.
    #[must_use]
    pub fn decode_status(&self) -> Status {
        self.status
            .as_ref()
            .and_then(|raw| serde_json::from_str::<WorkloadIdentityStatus>(raw.get()).ok())
            .map(|status| status.to_core())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn decoded(requested: Option<&str>, handled: Option<&str>) -> Decoded {
        let annotations = requested.map(|value| json!({ANNOTATION_RECONCILE_REQUESTED_AT: value}));
        let object: RawIdentity = serde_json::from_value(json!({
            "metadata": {"name": "orders", "namespace": "shop", "uid": "1", "annotations": annotations},
            "spec": {},
            "status": {"observedGeneration": 1, "lastHandledReconcileAt": handled},
        }))
        .unwrap();
        let cluster = "arn:aws:eks:eu-west-1:111122223333:cluster/prod";
        object.decode(&ClusterIdentity::parse(cluster).unwrap()).unwrap()
    }

    #[test]
    fn large_spec_and_foreign_annotations_are_not_kept() {
        let mut object: RawIdentity = serde_json::from_value(json!({
            "metadata": {"name": "orders", "namespace": "shop", "uid": "1", "labels": {"a": "b"}, "annotations": {
                "example.com/x": "1", ANNOTATION_ADOPT: "all", "lanyard.dev/large": "x".repeat(ANNOTATION_LIMIT + 1)}},
            "spec": {"role": {"managed": {"description": "x".repeat(2 * SPEC_LIMIT)}}},
        }))
        .unwrap();
        object.bound();
        let kept: Vec<&String> = object
            .metadata
            .annotations
            .iter()
            .flatten()
            .map(|(key, _)| key)
            .collect();
        assert_eq!(kept, [ANNOTATION_ADOPT]);
        assert!(object.metadata.labels.is_none());
        let cluster = ClusterIdentity::parse("arn:aws:eks:eu-west-1:111122223333:cluster/prod").unwrap();
        let error = object.decode(&cluster).unwrap().spec.unwrap_err();
        assert!(error.contains("expected at most 65536"), "{error}");
        assert!(serde_json::to_string(&object).unwrap().len() < 1000);
    }

    #[test]
    fn request_is_open_until_status_records_its_value() {
        assert!(!decoded(None, None).is_requested());
        assert!(!decoded(None, Some("1")).is_requested());
        assert!(decoded(Some("1"), None).is_requested());
        assert!(decoded(Some("2"), Some("1")).is_requested());
        assert!(!decoded(Some("2"), Some("2")).is_requested());
    }

    #[test]
    fn long_request_is_cut_to_status_limit() {
        let long = "é".repeat(1000);
        let handled = decoded(Some(&long), None).requested_at.unwrap();
        assert_eq!(handled.chars().count(), REQUEST_LIMIT);
        assert!(!decoded(Some(&long), Some(&handled)).is_requested());
    }
}
