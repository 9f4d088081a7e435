//! The watches beside that of the objects themselves: ServiceAccounts and pods, each folded to what matters.
//! Watch events in; references to look at, or recounted statuses, out. Reads from the API server.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::{Stream, StreamExt};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::api::Api;
use kube::core::PartialObjectMeta;
use kube_runtime::WatchStreamExt;
use kube_runtime::reflector::ObjectRef;
use kube_runtime::watcher::{self, Event, watcher};
use lanyard_core::gate::Gate;
use lanyard_core::summarise::recount;
use lanyard_engine::pods::SubjectKey;
use lanyard_engine::service_account::print;

use crate::context::{Context, Ref};
use crate::publish::write;

/// How long changes of pods are gathered before they are counted: a rollout is one recount and not fifty.
const GATHER: Duration = Duration::from_secs(1);
/// Objects a page of a list: bounds the memory that a list of a large cluster takes.
const PAGE: u32 = 500;

/// References to objects whose ServiceAccount's annotations were changed by others, or whose ServiceAccount came or went.
pub fn service_accounts(context: &Arc<Context>) -> impl Stream<Item = Ref> + Send + 'static {
    let api: Api<PartialObjectMeta<ServiceAccount>> = Api::all(context.world.kube().clone());
    let config = watcher::Config::default().page_size(PAGE);
    let mut known = Annotations::default();
    let context = Arc::clone(context);
    watcher(api, config).default_backoff().filter_map(move |event| {
        let event = event
            .map_err(|error| tracing::warn!(%error, "the watch of ServiceAccounts broke off"))
            .ok();
        let changed = event.and_then(|event| known.changed(&event));
        futures::future::ready(
            changed
                .filter(|change| is_news(&context, change))
                .map(|change| change.reference),
        )
    })
}

/// A ServiceAccount whose annotations are others than before.
#[derive(Debug)]
struct Change {
    reference: Ref,
    print: Option<u64>,
}

/// Most ServiceAccounts have no object, and what our own pass just wrote is no news.
fn is_news(context: &Context, change: &Change) -> bool {
    let Some(object) = context.store.get(&change.reference) else {
        return false;
    };
    let Some(decoded) = object.decode(&context.world.cluster().identity) else {
        return false;
    };
    !change
        .print
        .is_some_and(|print| context.world.wrote_annotations(&decoded.target.subject, print))
}

/// What the ServiceAccounts' annotations were, as one number each.
#[derive(Debug, Default)]
struct Annotations {
    seen: HashMap<Ref, u64>,
}

impl Annotations {
    /// The change that an event shows. The first sight of one in a list is no change: every object is looked at after
    /// a start anyway.
    fn changed(&mut self, event: &Event<PartialObjectMeta<ServiceAccount>>) -> Option<Change> {
        let (account, print) = match event {
            Event::InitApply(account) | Event::Apply(account) => (account, Some(print_of(account))),
            Event::Delete(account) => (account, None),
            Event::Init | Event::InitDone => return None,
        };
        let namespace = account.metadata.namespace.as_deref()?;
        let reference = ObjectRef::new(account.metadata.name.as_deref()?).within(namespace);
        let before = match print {
            Some(print) => self.seen.insert(reference.clone(), print),
            None => self.seen.remove(&reference),
        };
        let first_sight = before.is_none() && matches!(event, Event::InitApply(_));
        (before != print && !first_sight).then_some(Change { reference, print })
    }
}

fn print_of(account: &PartialObjectMeta<ServiceAccount>) -> u64 {
    print(account.metadata.annotations.iter().flatten())
}

/// Watches pods and writes `pods` and `PodsCurrent` anew where their count changes, without a look at AWS.
pub async fn pods(context: Arc<Context>) {
    let api: Api<Pod> = Api::all(context.world.kube().clone());
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
            recounted(&context, subject).await;
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
        Ok(Event::InitDone) => fold.list_ends(),
        Err(error) => {
            tracing::warn!(%error, "the watch of pods broke off");
            Vec::new()
        }
    }
}

/// Writes the new count, if there is an object for the subject and its status says otherwise.
async fn recounted(context: &Context, (namespace, name): &SubjectKey) {
    if context.gate(false) == Gate::Closed {
        return;
    }
    let reference = ObjectRef::new(name).within(namespace);
    let Some(object) = context.store.get(&reference) else {
        return;
    };
    let Some(decoded) = object.decode(&context.world.cluster().identity) else {
        return;
    };
    let role = decoded.status.role.as_ref().map(|role| role.arn.to_string());
    let pods = {
        let fold = context.pods.read().unwrap_or_else(PoisonError::into_inner);
        fold.counted(namespace, name, role.as_deref())
    };
    let Some(pods) = pods.present() else { return };
    if let Some(status) = recount(&decoded.status, pods, Timestamp::now()) {
        // When a look is writing at this moment it counts for itself: the conflict is no loss.
        write(&decoded.target, &status, context).await;
    }
}
