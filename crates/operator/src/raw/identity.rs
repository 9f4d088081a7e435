//! A WorkloadIdentity as it lies in the store, and decoded for one pass. No I/O.
//! Called by everything that looks at objects.

use lanyard_api::{
    ANNOTATION_ADOPT, ANNOTATION_INVENTORY, ANNOTATION_RECONCILE_REQUESTED_AT, FINALIZER, WorkloadIdentity,
    WorkloadIdentitySpec, WorkloadIdentityStatus,
};
use lanyard_core::class::adoption::named;
use lanyard_core::model::inventory::Inventory;
use lanyard_core::model::name::{ClusterIdentity, Namespace, ServiceAccountName};
use lanyard_core::model::spec::Spec;
use lanyard_core::model::status::Status;
use lanyard_core::model::subject::Subject;
use lanyard_core::reconcile::class_decision::Record;
use lanyard_engine::Target;
use serde::{Deserialize, Serialize};

use super::Raw;

/// Of a status, whether it was written.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Looked {
    observed_generation: i64,
}

/// A WorkloadIdentity, not decoded.
pub type RawIdentity = Raw<WorkloadIdentity>;

/// A WorkloadIdentity, decoded for one pass.
#[derive(Debug)]
pub struct Decoded {
    /// The object as the target of steps.
    pub target: Target,
    /// The spec, or why it could not be decoded.
    pub spec: Result<Spec, String>,
    /// The status as it was last written; empty when there is none that can be read.
    pub status: Status,
    /// The generation of the spec.
    pub generation: i64,
    /// Whether the object is being deleted.
    pub goes: bool,
    /// What the annotation that asks for a fresh look says.
    pub requested_at: Option<String>,
}

impl RawIdentity {
    /// Whether an object that was looked at before is without our finalizer or custody: somebody took them off.
    #[must_use]
    pub fn lost_its_control_metadata(&self) -> bool {
        let inventory = self
            .metadata
            .annotations
            .as_ref()
            .is_some_and(|all| all.contains_key(ANNOTATION_INVENTORY));
        self.was_looked_at() && !(self.is_held() && inventory)
    }

    /// Whether our finalizer holds the object.
    #[must_use]
    pub fn is_held(&self) -> bool {
        let mut finalizers = self.metadata.finalizers.iter().flatten();
        finalizers.any(|known| known == FINALIZER)
    }

    /// Custody as it is written on the object.
    #[must_use]
    pub fn inventory(&self) -> Option<Inventory> {
        let annotations = self.metadata.annotations.as_ref()?;
        Inventory::parse(annotations.get(ANNOTATION_INVENTORY)?)
    }

    /// The class that the object follows, as far as one is on record.
    #[must_use]
    pub fn class(&self) -> Option<String> {
        let (status, inventory) = (&self.decode_status(), self.inventory());
        let inventory = inventory.as_ref();
        Record { status, inventory }.pinned().map(str::to_owned)
    }

    /// Whether a status was ever written; the schema's own default has generation -1.
    fn was_looked_at(&self) -> bool {
        self.looked().is_some_and(|looked| looked.observed_generation > 0)
    }

    fn looked(&self) -> Option<Looked> {
        let status = self.status.as_ref()?;
        serde_json::from_str(status.get()).ok()
    }

    /// The object for whoever asks only which it is and what its marks are: ten thousand of a list are held at once, beside
    /// the store's own.
    #[must_use]
    pub fn slim(self) -> Self {
        let status = self
            .looked()
            .map(|looked| serde_json::value::to_raw_value(&looked));
        Self {
            status: status.and_then(Result::ok),
            spec: None,
            ..self
        }
    }

    /// Decodes the object. `None` only for an object whose name the API server itself would not allow.
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
            goes: metadata.deletion_timestamp.is_some(),
            requested_at: requested_at.cloned(),
        })
    }

    /// The spec, with the annotation that names what is to be adopted beside it.
    fn decode_spec(&self) -> Result<Spec, String> {
        let text = self.spec.as_ref().map_or("null", |raw| raw.get());
        let annotations = self.metadata.annotations.as_ref();
        let adopt = annotations.and_then(|all| all.get(ANNOTATION_ADOPT));
        let decoded = serde_json::from_str::<WorkloadIdentitySpec>(text);
        let spec = decoded.map_err(|error| error.to_string())?.to_core();
        Ok(Spec {
            adopt: adopt.map(|text| named(text)).unwrap_or_default(),
            ..spec
        })
    }

    /// The status as it was last written. One that cannot be read is one that was lost: everything is found again.
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
    use crate::controller::external_fingerprint;

    #[test]
    fn a_slim_object_has_the_same_marks_and_nothing_to_say() {
        for (generation, finalizers) in [(-1, json!([])), (3, json!([])), (3, json!([FINALIZER]))] {
            let object: RawIdentity = serde_json::from_value(json!({
                "metadata": {
                    "name": "orders", "namespace": "shop", "uid": "1", "generation": 3, "finalizers": finalizers,
                },
                "spec": {"method": "IRSA"},
                "status": {"observedGeneration": generation, "conditions": [{
                    "type": "Ready", "status": "True", "reason": "Bound", "message": "", "lastTransitionTime": "2026-03-01T12:00:00Z",
                }]},
            }))
            .unwrap();
            let slim = object.clone().slim();
            assert_eq!(external_fingerprint(&slim), external_fingerprint(&object));
            assert_eq!(
                slim.lost_its_control_metadata(),
                object.lost_its_control_metadata()
            );
            assert!(slim.spec.is_none() && slim.decode_status().conditions.is_empty());
        }
    }
}
