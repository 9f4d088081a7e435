//! The classes, once what followed them is let go: Lanyard's finalizer goes from each that nobody follows any more.
//! Classes and the objects that are held in, an account of each class out. Writes to the API server.

use std::collections::BTreeMap;

use kube::Resource;
use lanyard_engine::GuardedClient;
use serde::Serialize;

use super::one::Outcome;
use super::settings::Which;
use crate::classes::hold;
use lanyard_engine::raw::{RawClass, RawIdentity};

/// What became of one class.
#[derive(Debug, Clone, Serialize)]
pub struct Class {
    /// Its name.
    pub name: String,
    /// Whether it is free.
    pub outcome: Outcome,
    /// Why it is still held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Class {
    fn of(class: &RawClass, outcome: Outcome) -> Self {
        Self {
            name: class.meta().name.clone().unwrap_or_default(),
            outcome,
            error: None,
        }
    }
}

/// Who follows each class and is held.
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

    /// Whether a class is nobody's but of those that are to be let go.
    fn concerns(&self, class: &RawClass, which: &Which) -> bool {
        let asked = |namespace: &String| {
            let only = which.namespace.as_ref();
            only.is_none_or(|only| only.as_str() == namespace)
        };
        class.is_held() && self.namespaces(class).iter().all(asked)
    }
}

/// What a release would do to classes.
pub(super) fn would_release(classes: &[RawClass], followers: &Followers, which: &Which) -> Vec<Class> {
    let concerned = classes.iter().filter(|class| followers.concerns(class, which));
    concerned
        .map(|class| Class::of(class, Outcome::WouldRelease))
        .collect()
}

/// Takes the finalizer off the classes that it is kept on by nobody who is still held.
pub(super) async fn release(
    guarded: GuardedClient<'_>,
    classes: &[RawClass],
    followers: &Followers,
    which: &Which,
) -> Vec<Class> {
    let mut released = Vec::new();
    for class in classes.iter().filter(|class| followers.concerns(class, which)) {
        let held = |why: String| Class {
            error: Some(why),
            ..Class::of(class, Outcome::Held)
        };
        released.push(match followers.namespaces(class).len() {
            0 => match hold(guarded, class.meta(), false).await {
                Ok(()) => Class::of(class, Outcome::Released),
                Err(error) => held(error.to_string()),
            },
            1 => held("1 WorkloadIdentity that is still held follows it".to_owned()),
            many => held(format!("{many} WorkloadIdentities that are still held follow it")),
        });
    }
    released
}
