//! The external fingerprint: hashes of the parts of an object that users and other controllers change. No I/O.
//! It ignores status, inventory and the operator's own finalizer, so the operator's own writes do not cause a reconcile, and
//! annotations of other tools, which change nothing that the operator does.

use std::hash::{DefaultHasher, Hash, Hasher};

use lanyard_api::{ANNOTATION_INVENTORY, FINALIZER};

use lanyard_engine::raw::RawIdentity;

/// The prefix of the annotations that the operator reads.
const OWN_ANNOTATIONS: &str = "lanyard.dev/";

/// The parts of an object that others change, as two hashes. The loss of the operator's finalizer or inventory changes
/// `rest` too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    /// The hash of uid, generation, deletion and foreign finalizers.
    pub rest: u32,
    /// The hash of the annotations that the operator reads.
    pub annotations: u32,
}

/// The fingerprint of `object`.
#[must_use]
pub fn external_fingerprint(object: &RawIdentity) -> Fingerprint {
    let metadata = kube::Resource::meta(object);
    let mut hasher = DefaultHasher::new();
    (
        &metadata.uid,
        metadata.generation,
        metadata.deletion_timestamp.is_some(),
    )
        .hash(&mut hasher);
    object.lost_its_control_metadata().hash(&mut hasher);
    let finalizers = metadata.finalizers.iter().flatten();
    finalizers
        .filter(|finalizer| *finalizer != FINALIZER)
        .for_each(|finalizer| finalizer.hash(&mut hasher));
    let mut annotations = DefaultHasher::new();
    let read = metadata.annotations.iter().flatten();
    read.filter(|(key, _)| key.starts_with(OWN_ANNOTATIONS) && *key != ANNOTATION_INVENTORY)
        .for_each(|pair| pair.hash(&mut annotations));
    Fingerprint {
        rest: high_half(hasher.finish()),
        annotations: high_half(annotations.finish()),
    }
}

fn high_half(hash: u64) -> u32 {
    u32::try_from(hash >> 32).unwrap_or_default()
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

    #[test]
    fn only_annotations_that_the_operator_reads_count() {
        let print = |annotations: serde_json::Value| {
            let object = json!({"metadata": {"name": "orders", "namespace": "shop", "uid": "1", "generation": 3,
                "annotations": annotations}});
            external_fingerprint(&serde_json::from_value(object).unwrap())
        };
        let none = print(json!({}));
        assert_eq!(
            print(json!({"example.com/x": "1", "kubectl.kubernetes.io/last": "2"})),
            none
        );
        assert_eq!(print(json!({ANNOTATION_INVENTORY: "1"})), none);
        let requested = print(json!({"lanyard.dev/reconcile-requested-at": "1"}));
        assert_ne!(requested, none);
        assert_eq!(requested.rest, none.rest);
    }
}
