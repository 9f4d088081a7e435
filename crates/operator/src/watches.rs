//! The watches beside that of the objects themselves: ServiceAccounts and pods, each folded to what matters.
//! Watch events in; references to look at, or recounted statuses, out. Reads from the API server.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::channel::mpsc::UnboundedSender;
use futures::{Stream, StreamExt};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::api::Api;
use kube::core::PartialObjectMeta;
use kube_runtime::WatchStreamExt;
use kube_runtime::reflector::ObjectRef;
use kube_runtime::watcher::{self, Event, watcher};
use lanyard_core::model::reason::Reason;
use lanyard_core::reconcile::gate::WriteGate;
use lanyard_core::reconcile::summary::recount;
use lanyard_engine::fingerprint;
use lanyard_engine::pods::SubjectKey;

use crate::context::{Context, IdentityRef};
use crate::publish::write_over_the_same;
use crate::raw::{Decoded, RawIdentity};

/// How long changes of pods are gathered before they are counted: a rollout is one recount and not fifty.
const GATHER: Duration = Duration::from_secs(1);
/// Objects a page of a list: bounds the memory that a list of a large cluster takes.
const PAGE: u32 = 500;

/// References to objects whose ServiceAccount's annotations were changed by others, or whose ServiceAccount came or went.
pub fn service_accounts(context: &Arc<Context>) -> impl Stream<Item = IdentityRef> + Send + 'static {
    let api: Api<PartialObjectMeta<ServiceAccount>> = Api::all(context.engine.kube().clone());
    let config = watcher::Config::default().page_size(PAGE);
    let mut known = Annotations::default();
    let context = Arc::clone(context);
    let changes = watcher(api, config).default_backoff().map(move |event| {
        let changes = match event {
            Ok(event) => known.changed(event),
            Err(error) => {
                tracing::warn!(%error, "the watch of ServiceAccounts broke off");
                Vec::new()
            }
        };
        let changes: Vec<IdentityRef> = changes
            .into_iter()
            .filter(|change| is_news(&context, change))
            .map(|change| change.reference)
            .collect();
        changes
            .iter()
            .for_each(|reference| context.settling.forget(reference));
        changes
    });
    changes.flat_map(futures::stream::iter)
}

/// A ServiceAccount whose annotations are others than before.
#[derive(Debug)]
struct Change {
    reference: IdentityRef,
    fingerprint: Option<u64>,
}

/// Most ServiceAccounts have no object, and what our own pass just wrote is no news.
fn is_news(context: &Context, change: &Change) -> bool {
    let Some(object) = context.store.get(&change.reference) else {
        return false;
    };
    let Some(decoded) = object.decode(&context.engine.cluster().identity) else {
        return false;
    };
    let ours = |fingerprint| {
        context
            .engine
            .wrote_annotations(&decoded.target.subject, fingerprint)
    };
    !change.fingerprint.is_some_and(ours)
}

/// What the ServiceAccounts' annotations were, as one number each.
#[derive(Debug, Default)]
struct Annotations {
    seen: HashMap<IdentityRef, u64>,
    /// What a list that has begun has shown so far.
    listing: Option<HashMap<IdentityRef, u64>>,
    /// Whether a list has ever come to its end. The first one is no news: a sweep begins with each term.
    complete: bool,
}

impl Annotations {
    /// The changes that an event shows. A list is held against what was seen before, so that what changed or went
    /// while the watch was broken is seen too.
    fn changed(&mut self, event: Event<PartialObjectMeta<ServiceAccount>>) -> Vec<Change> {
        match event {
            Event::Init => self.listing = Some(HashMap::new()),
            Event::InitApply(account) => {
                if let (Some(listing), Some(reference)) = (&mut self.listing, reference(&account)) {
                    listing.insert(reference, print_of(&account));
                }
            }
            Event::InitDone => return self.list_ends(),
            Event::Apply(account) => {
                let Some(reference) = reference(&account) else {
                    return Vec::new();
                };
                let fingerprint = print_of(&account);
                let before = self.seen.insert(reference.clone(), fingerprint);
                return change_if(before != Some(fingerprint), reference, Some(fingerprint));
            }
            Event::Delete(account) => {
                let Some(reference) = reference(&account) else {
                    return Vec::new();
                };
                let known = self.seen.remove(&reference).is_some();
                return change_if(known, reference, None);
            }
        }
        Vec::new()
    }

    fn list_ends(&mut self) -> Vec<Change> {
        let now = self.listing.take().unwrap_or_default();
        let before = std::mem::replace(&mut self.seen, now);
        if !std::mem::replace(&mut self.complete, true) {
            return Vec::new();
        }
        let gone = before
            .keys()
            .filter(|reference| !self.seen.contains_key(*reference));
        let gone = gone.map(|reference| Change {
            reference: reference.clone(),
            fingerprint: None,
        });
        let others = self
            .seen
            .iter()
            .filter(|(reference, fingerprint)| before.get(*reference) != Some(*fingerprint));
        let others = others.map(|(reference, fingerprint)| Change {
            reference: reference.clone(),
            fingerprint: Some(*fingerprint),
        });
        gone.chain(others).collect()
    }
}

fn change_if(changed: bool, reference: IdentityRef, fingerprint: Option<u64>) -> Vec<Change> {
    if changed {
        vec![Change {
            reference,
            fingerprint,
        }]
    } else {
        Vec::new()
    }
}

fn reference(account: &PartialObjectMeta<ServiceAccount>) -> Option<IdentityRef> {
    let namespace = account.metadata.namespace.as_deref()?;
    Some(ObjectRef::new(account.metadata.name.as_deref()?).within(namespace))
}

fn print_of(account: &PartialObjectMeta<ServiceAccount>) -> u64 {
    fingerprint(account.metadata.annotations.iter().flatten())
}

/// Watches pods and writes `pods` and `PodsCurrent` anew where their count changes, without a look at AWS. Where a change
/// of the binding runs, they decide how it goes on, and a look is asked for through `requeue`.
pub async fn pods(context: Arc<Context>, requeue: UnboundedSender<IdentityRef>) {
    let api: Api<Pod> = Api::all(context.engine.kube().clone());
    let config = watcher::Config::default().page_size(PAGE);
    let changes = watcher(api, config)
        .default_backoff()
        .map(|event| folded(&context, event));
    let mut batches = Box::pin(changes.flat_map(futures::stream::iter).ready_chunks(1000));
    while let Some(mut subjects) = batches.next().await {
        // Pods change in bursts: what comes within a moment is counted together.
        let pause = tokio::time::sleep(GATHER);
        tokio::pin!(pause);
        while let futures::future::Either::Left((Some(more), _)) =
            futures::future::select(batches.next(), pause.as_mut()).await
        {
            subjects.extend(more);
        }
        subjects.sort();
        subjects.dedup();
        for subject in &subjects {
            recounted(&context, subject, &requeue).await;
        }
    }
}

fn folded(context: &Context, event: Result<Event<Pod>, watcher::Error>) -> Vec<SubjectKey> {
    let mut fold = context.pods.write().unwrap_or_else(PoisonError::into_inner);
    match event {
        Ok(Event::Init) => {
            fold.list_begins();
            Vec::new()
        }
        Ok(Event::InitApply(pod) | Event::Apply(pod)) => fold.upsert(&pod).into_iter().collect(),
        Ok(Event::Delete(pod)) => fold.delete(&pod).into_iter().collect(),
        Ok(Event::InitDone) => {
            let first = !fold.is_complete();
            let mut changed = fold.list_ends();
            if first {
                // Looks before this end could not count; each object is counted once now.
                changed.extend(
                    context
                        .store
                        .state()
                        .iter()
                        .filter_map(|object| subject_of(object)),
                );
            }
            changed
        }
        Err(error) => {
            tracing::warn!(%error, "the watch of pods broke off");
            Vec::new()
        }
    }
}

fn subject_of(object: &RawIdentity) -> Option<SubjectKey> {
    let metadata = kube::Resource::meta(object);
    Some((
        metadata.namespace.as_deref()?.into(),
        metadata.name.as_deref()?.into(),
    ))
}

/// Writes the new count, if there is an object for the subject and its status says otherwise, or asks for a look.
async fn recounted(
    context: &Context,
    (namespace, name): &SubjectKey,
    requeue: &UnboundedSender<IdentityRef>,
) {
    if context.gate(false) == WriteGate::Closed {
        return;
    }
    let reference = ObjectRef::new(name).within(namespace);
    let Some(object) = context.store.get(&reference) else {
        return;
    };
    let Some(decoded) = object.decode(&context.engine.cluster().identity) else {
        return;
    };
    if decoded.goes {
        return;
    }
    if let Some(transition) = &decoded.status.transition {
        // Only where pods decide how it goes on: what waits for a person or for time is not hurried by them.
        if !matches!(transition.stage, Reason::Draining | Reason::Soaking) {
            return;
        }
        // Nobody listens any more only when the controller has ended.
        let _ = requeue.unbounded_send(reference);
        return;
    }
    recount_pods(context, &decoded, requeue).await;
}

/// Writes a new count of the pods, if the status says otherwise, or asks for a look.
pub(crate) async fn recount_pods(
    context: &Context,
    decoded: &Decoded,
    requeue: &UnboundedSender<IdentityRef>,
) {
    let (namespace, name) = (&decoded.target.subject.namespace, &decoded.target.subject.name);
    let pods = {
        let fold = context.pods.read().unwrap_or_else(PoisonError::into_inner);
        fold.counted(namespace.as_str(), name.as_str())
    };
    let Some(pods) = pods.present() else { return };
    if let Some(status) = recount(&decoded.status, pods, Timestamp::now())
        && !write_over_the_same(decoded, &status, context).await
    {
        // Nobody listens any more only when the controller has ended.
        let _ = requeue.unbounded_send(ObjectRef::new(name.as_str()).within(namespace.as_str()));
    }
}
