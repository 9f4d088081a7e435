//! The watch on pods: updates the pod index, and the pod count in the status of each affected object.
//! Pods in; status patches and references to reconcile out. Reads from the API server, and writes status through `pod_count`.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::channel::mpsc::UnboundedSender;
use k8s_openapi::api::core::v1::Pod;
use kube::api::Api;
use kube_runtime::WatchStreamExt;
use kube_runtime::reflector::ObjectRef;
use kube_runtime::watcher::{self, Event, watcher};
use lanyard_core::model::reason::Reason;
use lanyard_core::reconcile::gate::WriteGate;
use lanyard_engine::pods::{PodIndex, SubjectKey};

use super::config::paged;
use crate::identity::pod_count::recount_pods;
use crate::identity::{Context, IdentityRef};
use lanyard_engine::raw::RawIdentity;

/// Pod changes are collected for this time, so a rollout of fifty pods causes one count.
const DEBOUNCE: Duration = Duration::from_secs(1);

/// Watches pods and updates `status.pods` and `PodsCurrent` without an AWS call. While a transition waits for pods, the
/// object is requeued instead.
pub async fn pods(context: Arc<Context>, requeue: UnboundedSender<IdentityRef>) {
    let api: Api<Pod> = Api::all(context.engine.kube().clone());
    let changes = watcher(api, paged())
        .default_backoff()
        .map(|event| affected_subjects(&context, event));
    let mut batches = Box::pin(changes.flat_map(futures::stream::iter).ready_chunks(1000));
    while let Some(mut subjects) = batches.next().await {
        let pause = tokio::time::sleep(DEBOUNCE);
        tokio::pin!(pause);
        while let futures::future::Either::Left((Some(more), _)) =
            futures::future::select(batches.next(), pause.as_mut()).await
        {
            subjects.extend(more);
        }
        subjects.sort();
        subjects.dedup();
        for subject in &subjects {
            recount_or_requeue(&context, subject, &requeue).await;
        }
    }
}

fn affected_subjects(context: &Context, event: Result<Event<Pod>, watcher::Error>) -> Vec<SubjectKey> {
    let event = match event {
        Ok(event) => event,
        Err(error) => {
            tracing::warn!(%error, "the watch on pods failed and is restarted");
            return Vec::new();
        }
    };
    let mut index = context.pods.write().unwrap_or_else(PoisonError::into_inner);
    let was_complete = index.is_complete();
    let mut subjects = apply(&mut index, event);
    if index.is_complete() && !was_complete {
        // Reconciles before the first complete list had no pod count, so each object is counted once now.
        let objects = context.store.state();
        subjects.extend(objects.iter().filter_map(|object| subject_of(object)));
    }
    subjects
}

/// Records a watch event in the pod index and returns the subjects whose count may have changed.
fn apply(index: &mut PodIndex, event: Event<Pod>) -> Vec<SubjectKey> {
    match event {
        Event::Init => {
            index.list_begins();
            Vec::new()
        }
        Event::InitApply(pod) | Event::Apply(pod) => index.upsert(&pod).into_iter().collect(),
        Event::Delete(pod) => index.delete(&pod).into_iter().collect(),
        Event::InitDone => index.list_ends(),
    }
}

fn subject_of(object: &RawIdentity) -> Option<SubjectKey> {
    let metadata = kube::Resource::meta(object);
    Some((
        metadata.namespace.as_deref()?.into(),
        metadata.name.as_deref()?.into(),
    ))
}

/// Writes the new pod count, or requeues the object if a transition waits for pods.
async fn recount_or_requeue(
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
    if decoded.is_deleting {
        return;
    }
    let Some(transition) = &decoded.status.transition else {
        return recount_pods(context, &decoded, requeue).await;
    };
    // Pods advance only these two stages. The other stages wait for an approval or for time.
    if matches!(transition.stage, Reason::Draining | Reason::Soaking) {
        // The receiver is gone only after the controller has ended.
        let _ = requeue.unbounded_send(reference);
    }
}
