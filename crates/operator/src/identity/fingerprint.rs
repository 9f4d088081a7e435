//! The external fingerprint: a hash of the parts of an object that users and other controllers change. No I/O.
//! It ignores status, inventory and the operator's own finalizer, so the operator's own writes do not cause a reconcile.

use std::hash::{DefaultHasher, Hash, Hasher};

use lanyard_api::{ANNOTATION_INVENTORY, FINALIZER};

use lanyard_engine::raw::RawIdentity;

/// Hashes uid, generation, deletion, foreign annotations and foreign finalizers of `object`.
///
/// The loss of the operator's finalizer or inventory changes the fingerprint too.
#[must_use]
pub fn external_fingerprint(object: &RawIdentity) -> u64 {
    let metadata = kube::Resource::meta(object);
    let mut hasher = DefaultHasher::new();
    (
        &metadata.uid,
        metadata.generation,
        metadata.deletion_timestamp.is_some(),
    )
        .hash(&mut hasher);
    let annotations = metadata.annotations.iter().flatten();
    annotations
        .filter(|(key, _)| *key != ANNOTATION_INVENTORY)
        .for_each(|pair| pair.hash(&mut hasher));
    object.lost_its_control_metadata().hash(&mut hasher);
    let finalizers = metadata.finalizers.iter().flatten();
    finalizers
        .filter(|finalizer| *finalizer != FINALIZER)
        .for_each(|finalizer| finalizer.hash(&mut hasher));
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn slim_object_has_same_fingerprint_without_spec_and_status() {
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
            assert!(slim.spec().is_none() && slim.decode_status().conditions.is_empty());
        }
    }
}
