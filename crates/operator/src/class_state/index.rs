//! The known classes and the labels of the namespaces.
//! Input: watch events. Output: the class of a spec, and the identities that an event affects. No I/O.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use kube::core::PartialObjectMeta;
use kube_runtime::watcher::{self, Event};
use lanyard_core::class::selector::Labels;
use lanyard_core::class::{ClassEntry, ClassRequest, RolloutPolicy, Selection, select};
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::name::ClusterIdentity;
use lanyard_core::model::spec::Spec;

use super::record::{class_of, record};
use super::watched::{Change, Changes, WatchedObjects};
use lanyard_engine::raw::{Decoded, RawClass, RawIdentity};

/// The known classes and the labels of the namespaces.
#[derive(Debug)]
pub(crate) struct ClassIndex {
    classes: WatchedObjects<ClassEntry>,
    /// The values of `classes`, in the form that `select` takes.
    listed: Fact<Vec<ClassEntry>>,
    namespaces: WatchedObjects<Labels>,
    require_class: bool,
}

/// The identities that a change affects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Affected {
    /// No identity.
    None,
    /// Every identity.
    All,
    /// The identities of these classes, and every identity that names no class and follows none: a change can make a
    /// class the default.
    Classes {
        /// Classes whose followers are affected.
        followed: BTreeSet<String>,
        /// Classes that affect the identities that request them and do not follow a class yet.
        requested: BTreeSet<String>,
    },
    /// The identities in these namespaces.
    Namespaces(BTreeSet<String>),
}

impl Affected {
    /// Returns true if the change affects an identity.
    pub fn includes(&self, identity: &RawIdentity, cluster: &ClusterIdentity) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Namespaces(namespaces) => identity
                .namespace()
                .is_some_and(|namespace| namespaces.contains(&namespace)),
            Self::Classes { followed, requested } => identity.decode(cluster).is_some_and(|identity| {
                let pinned = record(&identity).pinned();
                match (pinned, class_of(&identity)) {
                    (Some(class), _) => followed.contains(class),
                    (None, Some(class)) => requested.contains(class),
                    (None, None) => true,
                }
            }),
        }
    }
}

impl ClassIndex {
    /// Creates an empty index. `require_class`: whether every identity has to follow a class.
    pub fn new(require_class: bool) -> Self {
        Self {
            classes: WatchedObjects::default(),
            listed: Fact::Unreadable(ReadError::NotRead),
            namespaces: WatchedObjects::default(),
            require_class,
        }
    }

    /// Applies an event of the watch of classes.
    pub fn apply_class(&mut self, event: &Result<Event<RawClass>, watcher::Error>) -> Affected {
        let changes = self.classes.handle(event, RawClass::listed);
        if changes == Changes::None {
            return Affected::None;
        }
        let classes = self.classes.get().clone();
        self.listed = classes.map(|classes| classes.into_values().collect());
        match changes {
            Changes::None => Affected::None,
            Changes::All => Affected::All,
            Changes::Some(changes) => Affected::Classes {
                followed: changed(&changes, true),
                requested: changed(&changes, false),
            },
        }
    }

    /// Applies an event of the watch of namespaces.
    pub fn apply_namespace(
        &mut self,
        event: &Result<Event<PartialObjectMeta<Namespace>>, watcher::Error>,
    ) -> Affected {
        match self.namespaces.handle(event, |object| object.labels().clone()) {
            Changes::None => Affected::None,
            Changes::All => Affected::All,
            Changes::Some(changes) => {
                Affected::Namespaces(changes.into_iter().map(|change| change.name).collect())
            }
        }
    }

    /// Returns true if classes and namespaces were listed, or the API server refused to list them.
    pub fn is_read(&self) -> bool {
        self.classes.is_read() && self.namespaces.is_read()
    }

    /// The known classes.
    pub fn classes(&self) -> impl Iterator<Item = &ClassEntry> {
        self.listed.present().into_iter().flatten()
    }

    /// Selects the class of a spec and passes the selection to `apply`.
    pub fn select<R>(&self, spec: &Spec, identity: &Decoded, apply: impl FnOnce(&Selection<'_>) -> R) -> R {
        let labels = self.labels(identity.target.subject.namespace.as_str());
        let request = ClassRequest {
            class_name: spec.class_name.as_deref(),
            pinned: record(identity).pinned(),
            labels: &labels,
            required: self.require_class,
        };
        apply(&select(&request, &self.listed))
    }

    fn labels(&self, namespace: &str) -> Fact<Labels> {
        // The namespace of an identity exists, so a missing one is only not watched yet.
        let not_read = Fact::Unreadable(ReadError::NotRead);
        match self.namespaces.get() {
            Fact::Unreadable(error) => Fact::Unreadable(error.clone()),
            Fact::Absent => not_read,
            Fact::Present(all) => all.get(namespace).cloned().map_or(not_read, Fact::Present),
        }
    }
}

/// The classes whose change matters to identities. No change of the rollout policy does, and the deletion of a class
/// matters only to identities that do not follow it yet.
fn changed(changes: &[Change<ClassEntry>], is_followed: bool) -> BTreeSet<String> {
    let relevant = |listed: &Option<ClassEntry>| {
        let mut listed = listed.clone();
        if let Some(listed) = &mut listed {
            listed.is_deleting &= !is_followed;
            if let Ok(class) = &mut listed.class {
                class.transition = RolloutPolicy::default();
            }
        }
        listed
    };
    let changed = changes
        .iter()
        .filter(|change| relevant(&change.before) != relevant(&change.now));
    changed.map(|change| change.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn cluster() -> ClusterIdentity {
        ClusterIdentity::parse("arn:aws:eks:eu-west-1:111122223333:cluster/prod").unwrap()
    }

    fn class(name: &str, spec: &Value, deletion: Option<&str>) -> RawClass {
        let metadata = json!({"name": name, "deletionTimestamp": deletion});
        serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap()
    }

    fn identity(class_name: Option<&str>, pinned: Option<&str>) -> RawIdentity {
        serde_json::from_value(json!({
            "metadata": {"namespace": "shop", "name": "orders", "uid": "1"},
            "spec": {"className": class_name, "role": {"managed": {}}},
            "status": {"observedGeneration": 1, "className": pinned},
        }))
        .unwrap()
    }

    fn listed(classes: &[RawClass]) -> ClassIndex {
        let mut index = ClassIndex::new(false);
        index.apply_class(&Ok(Event::Init));
        for class in classes {
            index.apply_class(&Ok(Event::InitApply(class.clone())));
        }
        assert_eq!(index.apply_class(&Ok(Event::InitDone)), Affected::All);
        index
    }

    fn affected(affected: &Affected) -> [bool; 3] {
        let (follower, requester) = (identity(None, Some("tenants")), identity(Some("tenants"), None));
        [follower, requester, identity(None, None)].map(|identity| affected.includes(&identity, &cluster()))
    }

    #[test]
    fn class_change_affects_followers_requesters_and_default() {
        let mut index = listed(&[class("tenants", &json!({}), None)]);
        let same = index.apply_class(&Ok(Event::Apply(class("tenants", &json!({}), None))));
        assert_eq!(same, Affected::None);
        let spec = json!({"defaults": {"method": "IRSA"}});
        let changed = index.apply_class(&Ok(Event::Apply(class("tenants", &spec, None))));
        assert_eq!(affected(&changed), [true; 3]);
        let created = index.apply_class(&Ok(Event::Apply(class("batch", &spec, None))));
        assert_eq!(affected(&created), [false, false, true]);
    }

    #[test]
    fn class_deletion_does_not_affect_followers() {
        let mut index = listed(&[class("tenants", &json!({}), None)]);
        let deleted = class("tenants", &json!({}), Some("2026-03-01T12:00:00Z"));
        let changed = index.apply_class(&Ok(Event::Apply(deleted.clone())));
        assert_eq!(affected(&changed), [false, true, true]);
        let gone = index.apply_class(&Ok(Event::Delete(deleted)));
        assert_eq!(affected(&gone), [true; 3]);
    }

    #[test]
    fn rollout_policy_change_affects_no_named_class() {
        let mut index = listed(&[class("tenants", &json!({}), None)]);
        let spec = json!({"transition": {"paused": true}});
        let changed = index.apply_class(&Ok(Event::Apply(class("tenants", &spec, None))));
        assert_eq!(affected(&changed), [false, false, true]);
    }

    #[test]
    fn namespace_label_change_affects_its_identities() {
        let namespace = |name: &str, tier: &str| -> PartialObjectMeta<Namespace> {
            let metadata = json!({"name": name, "labels": {"tier": tier}});
            serde_json::from_value(json!({"metadata": metadata})).unwrap()
        };
        let mut index = listed(&[]);
        assert!(!index.is_read());
        index.apply_namespace(&Ok(Event::Init));
        index.apply_namespace(&Ok(Event::InitApply(namespace("shop", "a"))));
        assert_eq!(index.apply_namespace(&Ok(Event::InitDone)), Affected::All);
        assert!(index.is_read());
        let changed = index.apply_namespace(&Ok(Event::Apply(namespace("shop", "b"))));
        assert!(changed.includes(&identity(None, None), &cluster()));
        let created = index.apply_namespace(&Ok(Event::Apply(namespace("other", "b"))));
        assert!(!created.includes(&identity(None, None), &cluster()));
    }
}
