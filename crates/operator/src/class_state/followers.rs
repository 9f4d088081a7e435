//! The identities that follow each class, counted.
//! Input: decoded identities. Output: counts, and the identities that wait for a rollout slot. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use lanyard_core::class::{Class, IdentityCounts, RolloutState};

use super::record::record;
use lanyard_engine::raw::Decoded;

/// Namespace and name of an identity. Ordered, so that the rollout starts in the same order everywhere.
pub(crate) type FollowerKey = (String, String);

/// The followers of one class.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Followers {
    /// Their counts.
    pub counts: IdentityCounts,
    /// The identities that wait for a rollout slot and can use one.
    pub waiting: BTreeSet<FollowerKey>,
}

impl Followers {
    /// Counts identities by the class that they follow.
    pub fn by_class(identities: impl IntoIterator<Item = Decoded>) -> BTreeMap<String, Self> {
        let mut classes: BTreeMap<String, Self> = BTreeMap::new();
        for identity in identities {
            let Some(class) = record(&identity).pinned() else {
                continue;
            };
            let followers = classes.entry(class.to_owned()).or_default();
            followers.counts.add(&identity.status);
            if RolloutState::of(&identity.status) == RolloutState::Queued && !is_paused(&identity) {
                followers.waiting.insert(key(&identity));
            }
        }
        classes
    }
}

/// The key of an identity.
pub(super) fn key(identity: &Decoded) -> FollowerKey {
    let subject = &identity.target.subject;
    (subject.namespace.to_string(), subject.name.to_string())
}

/// Returns true if an identity with a granted slot still has to start the transition that its class requests.
pub(crate) fn is_to_start(identity: &Decoded, class: &Class) -> bool {
    let class_decides = identity.spec.as_ref().is_ok_and(|spec| spec.method.is_none());
    let active = identity.status.active_binding();
    let method = active.map(|active| active.binding.method());
    let differs = class.defaults.method.is_some() && method != class.defaults.method;
    !identity.is_deleting && class_decides && differs && identity.status.transition.is_none()
}

/// Returns true if an identity would hold a slot without using it.
fn is_paused(identity: &Decoded) -> bool {
    let spec = identity.spec.as_ref();
    spec.is_ok_and(|spec| spec.suspend || spec.transition_paused)
}

#[cfg(test)]
mod tests {
    use lanyard_core::model::name::ClusterIdentity;
    use lanyard_core::model::spec::Method;
    use serde_json::{Value, json};

    use super::*;
    use lanyard_engine::raw::RawIdentity;

    fn identity(name: &str, spec: &Value, reason: Option<&str>) -> Decoded {
        let queued = reason.map(|reason| {
            json!({"type": "Transitioning", "status": "True", "reason": reason, "message": "",
                   "lastTransitionTime": "2026-03-01T12:00:00Z"})
        });
        let binding = json!({"method": "PodIdentity", "state": "Active", "sessionTags": true,
            "roleArn": "arn:aws:iam::111122223333:role/orders"});
        let object: RawIdentity = serde_json::from_value(json!({
            "metadata": {"namespace": "shop", "name": name, "uid": name},
            "spec": spec,
            "status": {"observedGeneration": 1, "className": "tenants", "conditions": Vec::from_iter(queued),
                       "bindings": [binding]},
        }))
        .unwrap();
        let cluster = ClusterIdentity::parse("arn:aws:eks:eu-west-1:111122223333:cluster/prod").unwrap();
        object.decode(&cluster).unwrap()
    }

    fn class(method: Option<Method>) -> Class {
        let mut class = Class::default();
        class.defaults.method = method;
        class
    }

    #[test]
    fn queued_identities_wait_in_order_unless_they_are_paused() {
        let spec = json!({"role": {"managed": {}}});
        let suspended = json!({"role": {"managed": {}}, "suspend": true});
        let classes = Followers::by_class([
            identity("b", &spec, Some("Queued")),
            identity("a", &spec, Some("Queued")),
            identity("c", &suspended, Some("Queued")),
            identity("d", &spec, None),
        ]);
        let followers = &classes["tenants"];
        assert_eq!((followers.counts.total, followers.counts.waiting), (4, 3));
        let waiting: Vec<&str> = followers.waiting.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(waiting, ["a", "b"]);
    }

    #[test]
    fn identity_starts_only_when_its_class_decides_the_method() {
        let by_class = identity("a", &json!({"role": {"managed": {}}}), None);
        let by_spec = identity(
            "a",
            &json!({"role": {"managed": {}}, "method": "PodIdentity"}),
            None,
        );
        assert!(is_to_start(&by_class, &class(Some(Method::Irsa))));
        assert!(!is_to_start(&by_class, &class(Some(Method::PodIdentity))));
        assert!(!is_to_start(&by_class, &class(None)));
        assert!(!is_to_start(&by_spec, &class(Some(Method::Irsa))));
        let deleted = Decoded {
            is_deleting: true,
            ..by_class
        };
        assert!(!is_to_start(&deleted, &class(Some(Method::Irsa))));
    }
}
