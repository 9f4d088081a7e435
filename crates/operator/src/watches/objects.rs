//! The watch on WorkloadIdentities: fills the store and emits the objects that users or other controllers changed.
//! A client in; the store and a stream of raw objects out. Reads from the API server.

use std::sync::Arc;

use futures::{Stream, StreamExt};
use kube::ResourceExt;
use kube::api::Api;
use kube_runtime::reflector::{self, store::Writer};
use kube_runtime::watcher::{self, Event, watcher};
use kube_runtime::{PredicateConfig, WatchStreamExt};

use super::config::paged;
use crate::classes::Changes;
use crate::identity::fingerprint::external_fingerprint;
use crate::raw::RawIdentity;

/// Starts the watch. Returns the store that it fills and the stream of objects to reconcile.
///
/// Every event, including those of status writes, notifies `changes`.
pub fn objects(
    client: kube::Client,
    changes: Arc<Changes>,
) -> (
    reflector::Store<RawIdentity>,
    impl Stream<Item = Result<RawIdentity, watcher::Error>> + Send + 'static,
) {
    let writer: Writer<RawIdentity> = Writer::default();
    let store = writer.as_reader();
    let stream = watcher(Api::<RawIdentity>::all(client), paged())
        .default_backoff()
        .modify(|object| object.managed_fields_mut().clear())
        .reflect(writer)
        .inspect(move |event| match event {
            Ok(Event::InitDone) => changes.all_listed(),
            // The class counts depend on status, too.
            Ok(_) => changes.tell(),
            Err(_) => {}
        })
        .scan(Vec::new(), |listed, event| {
            futures::future::ready(Some(added_or_changed(listed, event)))
        })
        .flat_map(futures::stream::iter)
        .predicate_filter(
            (|object| Some(external_fingerprint(object))) as fn(&RawIdentity) -> Option<u64>,
            PredicateConfig::default(),
        );
    (store, stream)
}

/// The objects to reconcile after `event`. Objects of a list are held back until the list is complete, because the store
/// does not contain them earlier.
fn added_or_changed(
    listed: &mut Vec<RawIdentity>,
    event: Result<Event<RawIdentity>, watcher::Error>,
) -> Vec<Result<RawIdentity, watcher::Error>> {
    match event {
        Ok(Event::Init) => listed.clear(),
        Ok(Event::InitApply(object)) => listed.push(object.slim()),
        Ok(Event::InitDone) => return std::mem::take(listed).into_iter().map(Ok).collect(),
        Ok(Event::Apply(object)) => return vec![Ok(object)],
        Ok(Event::Delete(_)) => {}
        Err(error) => return vec![Err(error)],
    }
    Vec::new()
}
