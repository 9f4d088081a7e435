//! Wires the watch of classes, the count of their followers and the queue to `reconcile`.
//! Input: the context. Output: none; it runs until it is dropped. Reads from the API server.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use futures::channel::mpsc::UnboundedSender;
use futures::{Stream, StreamExt};
use kube::api::Api;
use kube::{Resource, ResourceExt};
use kube_runtime::controller::{Action, Config, Controller};
use kube_runtime::reflector::{self, Store, store::Writer};
use kube_runtime::watcher::{self, Event};
use kube_runtime::{PredicateConfig, WatchStreamExt};
use lanyard_engine::EngineError;

use super::followers::followers_changed;
use super::namespaces::watch_namespaces;
use super::reconcile::{ClassContext, reconcile};
use super::requeue::requeue_affected;
use crate::identity::{Context, IdentityRef};
use crate::watched::{paged, watched};
use lanyard_engine::raw::RawClass;

/// Merges the event of a class with the change of its followers that the event causes.
const DEBOUNCE: Duration = Duration::from_millis(250);
/// The delay of the next reconcile after a failed write.
const RETRY: Duration = Duration::from_secs(30);
/// The maximum number of concurrent reconciles.
const WORKERS: u16 = 2;

/// Runs the controller of classes and the watch of namespaces until it is dropped. Identities to reconcile go to
/// `requeue`.
pub async fn run(context: Arc<Context>, requeue: UnboundedSender<IdentityRef>) {
    let (store, classes) = watch_classes(Arc::clone(&context), requeue.clone());
    let namespaces = watch_namespaces(Arc::clone(&context), requeue.clone());
    let followers = followers_changed(Arc::clone(&context));
    let controller = Controller::for_stream(classes, store)
        .with_config(Config::default().debounce(DEBOUNCE).concurrency(WORKERS))
        .reconcile_on(followers)
        .run(reconcile, retry, Arc::new(ClassContext { context, requeue }))
        .for_each(|result| {
            if let Err(error) = result {
                tracing::debug!(%error, "class reconcile ended with an error");
            }
            futures::future::ready(())
        });
    futures::future::join(controller, namespaces).await;
}

/// The store of all classes, and the stream that fills it. Each event also updates the class index and requeues the
/// identities that it affects. The stream yields a class only when its `fingerprint` changed.
fn watch_classes(
    context: Arc<Context>,
    requeue: UnboundedSender<IdentityRef>,
) -> (
    Store<RawClass>,
    impl Stream<Item = Result<RawClass, watcher::Error>> + Send + 'static,
) {
    let writer: Writer<RawClass> = reflector::store::Writer::default();
    let store = writer.as_reader();
    let api = Api::<RawClass>::all(context.engine.kube().clone());
    let stream = watched(api, paged(), "workloadidentityclasses", &context.watch_health)
        .modify(|class| class.managed_fields_mut().clear())
        .reflect(writer)
        .inspect(move |event| {
            let affected = context.classes.apply(|index| index.apply_class(event));
            requeue_affected(&context, &requeue, &affected);
        })
        .scan(Vec::new(), |listing, event| {
            futures::future::ready(Some(after_store(listing, event)))
        })
        .flat_map(|classes| futures::stream::iter(classes.into_iter().map(Ok)))
        .predicate_filter(
            fingerprint as fn(&RawClass) -> Option<u64>,
            PredicateConfig::default(),
        );
    (store, stream)
}

/// The classes that the store holds after an event. The store takes over a list only when it is complete, so the listed
/// classes are held back until then: a reconcile before that would read their previous versions. Errors end here: the
/// watcher retries by itself, and `Controller` would pause every other trigger on each of them.
fn after_store(listing: &mut Vec<RawClass>, event: Result<Event<RawClass>, watcher::Error>) -> Vec<RawClass> {
    match event {
        Ok(Event::Init) => listing.clear(),
        Ok(Event::InitApply(class)) => listing.push(class),
        Ok(Event::InitDone) => return std::mem::take(listing),
        Ok(Event::Apply(class)) => return vec![class],
        Ok(Event::Delete(_)) | Err(_) => {}
    }
    Vec::new()
}

/// A hash of everything but the status, so that the operator's own status writes do not cause a reconcile.
fn fingerprint(class: &RawClass) -> Option<u64> {
    let metadata = class.meta();
    let mut hasher = DefaultHasher::new();
    (
        &metadata.uid,
        metadata.generation,
        metadata.deletion_timestamp.is_some(),
        &metadata.annotations,
        &metadata.finalizers,
    )
        .hash(&mut hasher);
    Some(hasher.finish())
}

/// Logs a failed write and repeats the reconcile.
fn retry(class: Arc<RawClass>, error: &EngineError, _context: Arc<ClassContext>) -> Action {
    let name = class.name_any();
    tracing::warn!(class = name, %error, again_in = ?RETRY, "could not update the class; retrying");
    Action::requeue(RETRY)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn class(generation: i64, finalizers: &Value, status: &Value) -> RawClass {
        let metadata =
            json!({"name": "tenants", "uid": "1", "generation": generation, "finalizers": finalizers});
        serde_json::from_value(json!({"metadata": metadata, "spec": {}, "status": status})).unwrap()
    }

    #[test]
    fn status_change_does_not_change_the_fingerprint() {
        let before = fingerprint(&class(1, &json!([]), &json!({})));
        assert_eq!(
            fingerprint(&class(1, &json!([]), &json!({"conditions": []}))),
            before
        );
        assert_ne!(fingerprint(&class(2, &json!([]), &json!({}))), before);
        assert_ne!(
            fingerprint(&class(1, &json!(["lanyard.dev/class"]), &json!({}))),
            before
        );
    }

    #[test]
    fn listed_classes_are_held_back_until_the_list_is_complete() {
        let mut listing = Vec::new();
        let class = || class(1, &json!([]), &json!({}));
        assert!(after_store(&mut listing, Ok(Event::Init)).is_empty());
        assert!(after_store(&mut listing, Ok(Event::InitApply(class()))).is_empty());
        assert_eq!(after_store(&mut listing, Ok(Event::InitDone)).len(), 1);
        assert_eq!(after_store(&mut listing, Ok(Event::Apply(class()))).len(), 1);
        assert!(after_store(&mut listing, Ok(Event::Delete(class()))).is_empty());
    }
}
