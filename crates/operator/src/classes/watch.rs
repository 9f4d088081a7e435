//! The watches of classes and namespaces. Watch events in; what is known of them, and references to look at again, out.
//! Reads from the API server. A class whose status alone has changed wakes nobody, and one that this version cannot read
//! is one class that cannot be used.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;

use futures::channel::mpsc::UnboundedSender;
use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::Api;
use kube::core::PartialObjectMeta;
use kube::{Resource, ResourceExt};
use kube_runtime::WatchStreamExt;
use kube_runtime::watcher::{self, Event, watcher};
use lanyard_core::class::selector::Labels;
use lanyard_core::class::{ClassEntry, RolloutPolicy};
use lanyard_core::model::fact::{Fact, ReadError};

use super::{Shown, class_of, record};
use crate::context::{Context, IdentityRef};
use crate::raw::RawClass;

/// Watches classes and namespaces until it is dropped.
pub async fn watch(context: Arc<Context>, requeue: UnboundedSender<IdentityRef>) {
    let kube = context.engine.kube();
    let classes = watcher(Api::<RawClass>::all(kube.clone()), watcher::Config::default());
    let namespaces = watcher(
        Api::<PartialObjectMeta<Namespace>>::all(kube.clone()),
        watcher::Config::default().page_size(500),
    );
    let labels = |namespace: &PartialObjectMeta<Namespace>| namespace.labels().clone();
    let (context, requeue) = (&*context, &requeue);
    let classes = follow(classes.default_backoff(), shown, |seen| {
        let shown = seen.present().cloned().unwrap_or_default();
        let now = seen.map(|all| all.into_values().map(|(listed, _)| listed).collect());
        let before = context.classes.known.borrow().classes.clone();
        let shown = shown.into_iter().map(|(name, (_, shown))| (name, shown));
        context.classes.known.send_modify(|known| {
            known.shown = shown.collect();
            known.classes = now.clone();
        });
        // What is written to a class by those who count is no news to them.
        if now != before {
            context.classes.changed();
            wake_followers(context, requeue, &before, &now);
        }
    });
    let namespaces = follow(namespaces.default_backoff(), labels, |seen| {
        let before = context.classes.known.borrow().namespaces.clone();
        if seen != before {
            context
                .classes
                .known
                .send_modify(|known| known.namespaces = seen.clone());
            context.classes.changed();
            wake_inside(context, requeue, &before, &seen);
        }
    });
    futures::future::join(classes, namespaces).await;
}

/// What is kept of a class.
fn shown(class: &RawClass) -> (ClassEntry, Shown) {
    let mut metadata = class.meta().clone();
    metadata.managed_fields = None;
    let status = class.decode_status();
    (class.listed(), Shown { metadata, status })
}

/// Folds a watch into what there is by name, and tells it at each change. A kind that the API server does not serve has no
/// objects; one that may not be read is unreadable.
async fn follow<K: ResourceExt + Debug, T: Clone + PartialEq>(
    events: impl Stream<Item = Result<Event<K>, watcher::Error>>,
    keep: impl Fn(&K) -> T,
    mut told: impl FnMut(Fact<BTreeMap<String, T>>),
) {
    let mut seen = BTreeMap::new();
    let mut listing = BTreeMap::new();
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => listing.clear(),
            Ok(Event::InitApply(object)) => {
                listing.insert(object.name_any(), keep(&object));
            }
            Ok(Event::InitDone) => {
                seen = std::mem::take(&mut listing);
                told(Fact::Present(seen.clone()));
            }
            Ok(Event::Apply(object)) => {
                let (name, now) = (object.name_any(), keep(&object));
                if seen.insert(name, now.clone()) != Some(now) {
                    told(Fact::Present(seen.clone()));
                }
            }
            Ok(Event::Delete(object)) => {
                seen.remove(&object.name_any());
                told(Fact::Present(seen.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "the watch of classes or namespaces broke off");
                if let Some(refused) = refused(&error) {
                    told(refused);
                }
            }
        }
    }
}

/// What a list that was refused says; a watch that broke off says nothing of what there is.
fn refused<T>(error: &watcher::Error) -> Option<Fact<T>> {
    let (watcher::Error::InitialListFailed(kube::Error::Api(status))
    | watcher::Error::WatchStartFailed(kube::Error::Api(status))) = error
    else {
        return None;
    };
    match status.code {
        404 => Some(Fact::Absent),
        401 | 403 => Some(Fact::Unreadable(ReadError::Denied(status.message.clone()))),
        _ => None,
    }
}

/// Which classes are not what they were, to those who follow them and to those who ask for one. How their fleets change
/// concerns no identity that rests, and that one goes nobody who follows it. Whether there is a default one concerns those
/// that name none.
fn differ(
    before: &Fact<Vec<ClassEntry>>,
    now: &Fact<Vec<ClassEntry>>,
    pinned: bool,
) -> BTreeSet<Option<String>> {
    let all = |fact: &Fact<Vec<ClassEntry>>| -> BTreeMap<String, ClassEntry> {
        let classes = fact.present().into_iter().flatten();
        let fingerprint = |listed: &ClassEntry| {
            let mut listed = listed.clone();
            listed.is_deleting &= !pinned;
            if let Ok(class) = &mut listed.class {
                class.transition = RolloutPolicy::default();
            }
            listed
        };
        classes
            .map(|class| (class.name.clone(), fingerprint(class)))
            .collect()
    };
    let (old, new) = (all(before), all(now));
    let names = old.keys().chain(new.keys());
    let changed = names.filter(|name| old.get(*name) != new.get(*name));
    changed.map(|name| Some(name.clone())).chain([None]).collect()
}

fn wake_followers(
    context: &Context,
    requeue: &UnboundedSender<IdentityRef>,
    before: &Fact<Vec<ClassEntry>>,
    now: &Fact<Vec<ClassEntry>>,
) {
    let (to_followers, to_others) = (differ(before, now, true), differ(before, now, false));
    for object in context.store.state() {
        let Some(decoded) = object.decode(&context.engine.cluster().identity) else {
            continue;
        };
        let changed = match record(&decoded).pinned() {
            Some(_) => &to_followers,
            None => &to_others,
        };
        if changed.contains(&class_of(&decoded).map(str::to_owned)) {
            context.requeue_now(requeue, IdentityRef::from_obj(&*object));
        }
    }
}

fn wake_inside(
    context: &Context,
    requeue: &UnboundedSender<IdentityRef>,
    before: &Fact<BTreeMap<String, Labels>>,
    now: &Fact<BTreeMap<String, Labels>>,
) {
    let labels = |fact: &Fact<BTreeMap<String, Labels>>, namespace: &str| {
        fact.present().and_then(|all| all.get(namespace).cloned())
    };
    for object in context.store.state() {
        let namespace = object.namespace().unwrap_or_default();
        if labels(before, &namespace) != labels(now, &namespace) {
            context.requeue_now(requeue, IdentityRef::from_obj(&*object));
        }
    }
}
