//! The watch on WorkloadIdentities: fills the store and emits the objects that users or other controllers changed.
//! A client in; the store and a stream of raw objects out. Reads from the API server.

use std::sync::Arc;

use futures::{Stream, StreamExt};
use kube::api::Api;
use kube_runtime::reflector::{self, store::Writer};
use kube_runtime::watcher::{self, Event};
use kube_runtime::{PredicateConfig, WatchStreamExt};

use crate::class_state::IdentityChanges;
use crate::hash::hash;
use crate::identity::fingerprint::external_fingerprint;
use crate::identity::key::ObjectKey;
use crate::identity::object_table::ObjectTable;
use crate::watched::{WatchHealth, paged, watched};
use lanyard_engine::raw::RawIdentity;

/// Starts the watch. Returns the store that it fills and the stream of objects to reconcile.
///
/// Every event, including those of status writes, notifies `changes`. Deleted objects are removed from `states`.
pub fn objects(
    client: kube::Client,
    changes: Arc<IdentityChanges>,
    states: Arc<ObjectTable>,
    health: &WatchHealth,
) -> (
    reflector::Store<RawIdentity>,
    impl Stream<Item = RawIdentity> + Send + 'static,
) {
    let writer: Writer<RawIdentity> = Writer::default();
    let store = writer.as_reader();
    let stored = writer.as_reader();
    let api = Api::<RawIdentity>::all(client);
    let stream = watched(api, paged(), "workloadidentities", health)
        .modify(RawIdentity::bound)
        .reflect(writer)
        .inspect(move |event| {
            if let Ok(event) = event {
                remove_deleted(&states, event, &stored);
            }
        })
        .inspect(move |event| match event {
            Ok(Event::InitDone) => changes.all_listed(),
            // The class counts depend on status, too.
            Ok(_) => changes.notify(),
            Err(_) => {}
        })
        .scan(Vec::new(), |listed, event| {
            futures::future::ready(Some(added_or_changed(listed, event)))
        })
        .flat_map(|objects| futures::stream::iter(objects.into_iter().map(Ok)))
        .predicate_filter(
            (|object| Some(hash(&external_fingerprint(object)))) as fn(&RawIdentity) -> Option<u64>,
            PredicateConfig::default(),
        )
        .filter_map(|object: Result<RawIdentity, watcher::Error>| futures::future::ready(object.ok()));
    (store, stream)
}

/// Removes the state of deleted objects. A list does not report deletions, so `stored` is compared after it.
fn remove_deleted(states: &ObjectTable, event: &Event<RawIdentity>, stored: &reflector::Store<RawIdentity>) {
    match event {
        Event::Delete(object) => {
            if let Some(key) = ObjectKey::of_object(object) {
                states.remove(key);
            }
        }
        Event::InitDone => {
            let objects = stored.state();
            let live = objects.iter().filter_map(|object| ObjectKey::of_object(object));
            states.retain(&live.collect());
        }
        Event::Init | Event::InitApply(_) | Event::Apply(_) => {}
    }
}

/// The objects to reconcile after `event`. Objects of a list are held back until the list is complete, because the store
/// does not contain them earlier. Errors end here: the watch repeats itself.
fn added_or_changed(
    listed: &mut Vec<RawIdentity>,
    event: Result<Event<RawIdentity>, watcher::Error>,
) -> Vec<RawIdentity> {
    match event {
        Ok(Event::Init) => listed.clear(),
        Ok(Event::InitApply(object)) => listed.push(object.slim()),
        Ok(Event::InitDone) => return std::mem::take(listed),
        Ok(Event::Apply(object)) => return vec![object],
        Ok(Event::Delete(_)) | Err(_) => {}
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use jiff::Timestamp;
    use lanyard_core::reconcile::summary::Next;
    use prometheus_client::metrics::gauge::Gauge;
    use serde_json::json;

    use super::*;
    use crate::clock::Now;
    use crate::identity::fingerprint::Fingerprint;
    use crate::identity::triggers::Priority;

    fn object(name: &str) -> RawIdentity {
        serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": "shop", "uid": name},
            "spec": {},
        }))
        .unwrap()
    }

    #[test]
    fn deleted_and_unlisted_objects_leave_backoff() {
        let (gauge, now) = (Gauge::default(), Instant::now());
        let epoch = Now {
            instant: now,
            timestamp: Timestamp::UNIX_EPOCH,
        };
        let states = ObjectTable::new(gauge.clone(), epoch, Duration::from_secs(600));
        for name in ["deleted", "unlisted", "listed"] {
            let run = states.begin(ObjectKey::of(name), Fingerprint::default(), Priority::Normal, now);
            states.reconciled(&run, Next::Backoff, now);
        }
        assert_eq!(gauge.get(), 3);
        let mut writer = Writer::default();
        let store = writer.as_reader();
        remove_deleted(&states, &Event::Delete(object("deleted")), &store);
        assert_eq!(gauge.get(), 2);
        for event in [Event::Init, Event::InitApply(object("listed")), Event::InitDone] {
            writer.apply_watcher_event(&event);
            remove_deleted(&states, &event, &store);
        }
        assert_eq!(gauge.get(), 1);
    }
}
