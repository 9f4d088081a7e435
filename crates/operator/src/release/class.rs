//! The release of classes: removes the finalizer from each class without followers.
//! Input: classes, and the identities that are still held. Output: the result for each class. Writes to the API server.

use std::collections::BTreeMap;

use kube::Resource;
use lanyard_engine::GuardedClient;
use serde::Serialize;

use super::object::Outcome;
use super::settings::ReleaseScope;
use crate::class::set_finalizer;
use lanyard_engine::raw::{RawClass, RawIdentity};

/// The result for one class.
#[derive(Debug, Clone, Serialize)]
pub struct ClassResult {
    /// The name of the class.
    pub name: String,
    /// The outcome.
    pub outcome: Outcome,
    /// The cause of `Held`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl ClassResult {
    fn of(class: &RawClass, outcome: Outcome) -> Self {
        Self {
            name: class.meta().name.clone().unwrap_or_default(),
            outcome,
            error: None,
        }
    }
}

/// The namespaces of the followers of each class that are still held.
pub(super) struct Followers(BTreeMap<String, Vec<String>>);

impl Followers {
    pub(super) fn of(held: &[RawIdentity]) -> Self {
        let mut followers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for object in held {
            let namespace = object.meta().namespace.clone().unwrap_or_default();
            if let Some(class) = object.class() {
                followers.entry(class).or_default().push(namespace);
            }
        }
        Self(followers)
    }

    fn namespaces(&self, class: &RawClass) -> &[String] {
        let name = class.meta().name.as_deref().unwrap_or_default();
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Returns true if the finalizer holds the class and all of its followers are in the scope of the release.
    fn are_in_scope(&self, class: &RawClass, scope: &ReleaseScope) -> bool {
        let in_scope = |namespace: &String| {
            let only = scope.namespace.as_ref();
            only.is_none_or(|only| only.as_str() == namespace)
        };
        class.is_held() && self.namespaces(class).iter().all(in_scope)
    }
}

/// Returns the result that a release would have, without changes.
pub(super) fn would_release(
    classes: &[RawClass],
    followers: &Followers,
    scope: &ReleaseScope,
) -> Vec<ClassResult> {
    let selected = classes
        .iter()
        .filter(|class| followers.are_in_scope(class, scope));
    selected
        .map(|class| ClassResult::of(class, Outcome::WouldRelease))
        .collect()
}

/// Removes the finalizer from the classes without followers.
pub(super) async fn release(
    guarded: GuardedClient<'_>,
    classes: &[RawClass],
    followers: &Followers,
    scope: &ReleaseScope,
) -> Vec<ClassResult> {
    let mut released = Vec::new();
    for class in classes
        .iter()
        .filter(|class| followers.are_in_scope(class, scope))
    {
        let held = |cause: String| ClassResult {
            error: Some(cause),
            ..ClassResult::of(class, Outcome::Held)
        };
        released.push(match followers.namespaces(class).len() {
            0 => match set_finalizer(guarded, class.meta(), false).await {
                Ok(()) => ClassResult::of(class, Outcome::Released),
                Err(error) => held(error.to_string()),
            },
            1 => held("followed by 1 WorkloadIdentity that is still held".to_owned()),
            many => held(format!(
                "followed by {many} WorkloadIdentities that are still held"
            )),
        });
    }
    released
}
