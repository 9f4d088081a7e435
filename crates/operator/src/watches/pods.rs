//! The watch on pods: updates the pod index, and the pod count in the status of each affected object.
//! Pods in; status patches and references to reconcile out. Reads from the API server, and writes status through `pod_count`.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::channel::mpsc::UnboundedSender;
use futures::{Stream, StreamExt};
use kube::api::Api;
use kube_runtime::reflector::ObjectRef;
use kube_runtime::watcher::Event;
use lanyard_core::model::reason::Reason;
use lanyard_core::reconcile::gate::WriteGate;
use lanyard_engine::pods::{PodIndex, PodRecord, SubjectKey};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::identity::pod_count::recount_pods;
use crate::identity::{Context, IdentityRef};
use crate::watched::{paged, watched};
use lanyard_engine::raw::RawIdentity;

/// Pod changes are collected for this time, so a rollout of fifty pods causes one count.
const DEBOUNCE: Duration = Duration::from_secs(1);

/// Watches pods and updates `status.pods` and `PodsCurrent` without an AWS call. While a transition waits for pods, the
/// object is requeued instead.
pub async fn pods(context: Arc<Context>, requeue: UnboundedSender<IdentityRef>) {
    let api: Api<PodRecord> = Api::all(context.engine.kube().clone());
    let events = watched(api, paged(), "pods", &context.watch_health);
    let changes = events
        .filter_map(|event| futures::future::ready(event.ok()))
        .map(|event| affected_subjects(&context, event));
    let write = |subject: SubjectKey| {
        let (context, requeue) = (Arc::clone(&context), requeue.clone());
        async move { recount_or_requeue(&context, &subject, &requeue).await }
    };
    collect_and_write(changes, write).await;
}

/// Collects the changed subjects, and beside it writes them one after another: the watch is read while a write takes its
/// time. Ends with `changes`.
async fn collect_and_write<Write: Future<Output = ()>>(
    changes: impl Stream<Item = Vec<SubjectKey>>,
    write: impl Fn(SubjectKey) -> Write,
) {
    let changed = ChangedSubjects::default();
    let collect = changes.for_each(|subjects| {
        changed.add(subjects);
        futures::future::ready(())
    });
    let write = async {
        loop {
            changed.added.notified().await;
            tokio::time::sleep(DEBOUNCE).await;
            for subject in changed.take() {
                write(subject).await;
            }
        }
    };
    tokio::select! {
        () = collect => {}
        () = write => {}
    }
}

/// The subjects to write, at most one entry for each.
#[derive(Debug, Default)]
struct ChangedSubjects {
    subjects: Mutex<BTreeSet<SubjectKey>>,
    added: Notify,
}

impl ChangedSubjects {
    fn add(&self, subjects: Vec<SubjectKey>) {
        if !subjects.is_empty() {
            self.subjects.lock().extend(subjects);
            self.added.notify_one();
        }
    }

    fn take(&self) -> BTreeSet<SubjectKey> {
        std::mem::take(&mut *self.subjects.lock())
    }
}

fn affected_subjects(context: &Context, event: Event<PodRecord>) -> Vec<SubjectKey> {
    let mut index = context.pods.write().unwrap_or_else(PoisonError::into_inner);
    let was_complete = index.is_complete();
    let mut subjects = apply(&mut index, event);
    context.engine.set_agent_nodes(index.agent_nodes());
    if index.is_complete() && !was_complete {
        // Reconciles before the first complete list had no pod count, so each object is counted once now.
        let objects = context.store.state();
        subjects.extend(objects.iter().filter_map(|object| subject_of(object)));
    }
    subjects
}

/// Records a watch event in the pod index and returns the subjects whose count may have changed.
fn apply(index: &mut PodIndex, event: Event<PodRecord>) -> Vec<SubjectKey> {
    match event {
        Event::Init => {
            index.list_begins();
            Vec::new()
        }
        Event::InitApply(pod) | Event::Apply(pod) => index.upsert(pod),
        Event::Delete(pod) => index.delete(&pod),
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn watch_is_read_while_a_write_does_not_return() {
        let read = AtomicUsize::new(0);
        let paced = futures::stream::iter(0..20).then(|number: usize| {
            read.fetch_add(1, Ordering::Relaxed);
            async move {
                tokio::time::sleep(DEBOUNCE).await;
                vec![("shop".into(), format!("orders-{number}").into())]
            }
        });
        let write = |_| futures::future::pending();
        tokio::time::timeout(DEBOUNCE * 60, collect_and_write(paced, write))
            .await
            .unwrap();
        assert_eq!(read.load(Ordering::Relaxed), 20);
    }

    #[tokio::test(start_paused = true)]
    async fn subject_that_changes_often_is_written_once() {
        let written = AtomicUsize::new(0);
        let burst = futures::stream::iter(0..50).map(|_| vec![("shop".into(), "orders".into())]);
        let changes = burst.chain(futures::stream::pending());
        let write = |_| {
            written.fetch_add(1, Ordering::Relaxed);
            futures::future::ready(())
        };
        let ended = tokio::time::timeout(DEBOUNCE * 10, collect_and_write(changes, write)).await;
        assert!(ended.is_err());
        assert_eq!(written.load(Ordering::Relaxed), 1);
    }
}
