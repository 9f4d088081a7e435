//! The controller: wires watches, the queue and the gate to `reconcile`, and runs until it is told to stop.
//! A context and the stream of raw objects in; nothing out. Reads from the API server.

use std::convert::Infallible;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Instant;

use futures::stream::select;
use futures::{Stream, StreamExt};
use kube::ResourceExt;
use kube::api::Api;
use kube_runtime::controller::{Action, Config, Controller};
use kube_runtime::reflector::{self, store::Writer};
use kube_runtime::watcher::{self, Event, watcher};
use kube_runtime::{PredicateConfig, WatchStreamExt};
use lanyard_api::{ANNOTATION_INVENTORY, FINALIZER};
use lanyard_core::reconcile::summary::Next;

use crate::backoff::spread;
use crate::checks::{Key, Looked};
use crate::class;
use crate::class_state::IdentityChanges;
use crate::context::{Context, IdentityRef};
use crate::raw::RawIdentity;
use crate::reconcile::reconcile;
use crate::triggers::Priority;
use crate::{drift_scan, watches};

/// Objects a page of a list.
const PAGE: u32 = 500;

/// The store of all objects, and the stream that fills it: only what users or other controllers changed comes out.
/// `changes` is told of every change.
pub fn objects(
    client: kube::Client,
    changes: Arc<IdentityChanges>,
) -> (
    reflector::Store<RawIdentity>,
    impl Stream<Item = Result<RawIdentity, watcher::Error>> + Send + 'static,
) {
    let writer: Writer<RawIdentity> = Writer::default();
    let store = writer.as_reader();
    let config = watcher::Config::default().page_size(PAGE);
    let stream = watcher(Api::<RawIdentity>::all(client), config)
        .default_backoff()
        .modify(|object| object.managed_fields_mut().clear())
        .reflect(writer)
        .inspect(move |event| match event {
            Ok(Event::InitDone) => changes.all_listed(),
            // Statuses too: what follows a class is counted by them.
            Ok(_) => changes.notify(),
            Err(_) => {}
        })
        .scan(Vec::new(), |listed, event| {
            futures::future::ready(Some(known(listed, event)))
        })
        .flat_map(futures::stream::iter)
        .predicate_filter(
            external_fingerprint as fn(&RawIdentity) -> Option<u64>,
            PredicateConfig::default(),
        );
    (store, stream)
}

/// The objects that an event makes known. Those of a list wait for its end: only then does the store hold them, and a
/// look that is asked for sooner finds nothing or the old.
fn known(
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

/// A number that changes only with what others change: neither status writes nor our own marks cause a look.
pub(crate) fn external_fingerprint(object: &RawIdentity) -> Option<u64> {
    let metadata = kube::Resource::meta(object);
    let mut hasher = DefaultHasher::new();
    (
        &metadata.uid,
        metadata.generation,
        metadata.deletion_timestamp.is_some(),
    )
        .hash(&mut hasher);
    let annotations = metadata.annotations.iter().flatten();
    annotations
        .filter(|(key, _)| *key != ANNOTATION_INVENTORY)
        .for_each(|pair| pair.hash(&mut hasher));
    let finalizers = metadata.finalizers.iter().flatten();
    object.lost_its_control_metadata().hash(&mut hasher);
    finalizers
        .filter(|finalizer| *finalizer != FINALIZER)
        .for_each(|finalizer| finalizer.hash(&mut hasher));
    Some(hasher.finish())
}

/// How much is done at once.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The most looks at once.
    pub workers: u16,
    /// The most associations that the sweep describes in a second.
    pub describes_per_second: u16,
}

/// Runs until `stop` resolves; looks that are under way are finished. `leading` yields each time the lease is won, `changes`
/// an object for each thing that AWS tells of it by itself.
pub async fn run(
    context: Arc<Context>,
    objects: impl Stream<Item = Result<RawIdentity, watcher::Error>> + Send + 'static,
    leading: impl Stream<Item = ()> + Send + 'static,
    changes: impl Stream<Item = IdentityRef> + Send + 'static,
    pace: Pace,
    stop: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let accounts = watches::service_accounts(&context);
    let (requeue, woken) = futures::channel::mpsc::unbounded();
    let counting = tokio::spawn(watches::pods(Arc::clone(&context), requeue.clone()));
    let classes = tokio::spawn(class::run(Arc::clone(&context), requeue.clone()));
    let (drifted, found_drifted) = futures::channel::mpsc::unbounded();
    let sweeping = tokio::spawn(drift_scan::run(Arc::clone(&context), requeue, drifted, pace));
    // Without them nobody knows what an identity may ask for.
    context.classes.known().await;
    let afresh = Arc::clone(&context);
    let asked = Arc::clone(&context);
    let asking = select(select(accounts, woken), changes)
        .inspect(move |object| asked.asked.ask(object.clone(), Priority::Normal));
    let leading = leading.then(move |()| {
        let context = Arc::clone(&afresh);
        async move { context.forget_what_was_seen().await }
    });
    Controller::for_stream(objects, context.store.clone())
        .with_config(Config::default().concurrency(pace.workers))
        .reconcile_on(select(asking, found_drifted))
        .reconcile_all_on(leading)
        .graceful_shutdown_on(stop)
        .run(reconcile, never, Arc::clone(&context))
        .for_each(|result| {
            if let Err(error) = result {
                tracing::debug!(%error, "an object went away before its look");
            }
            futures::future::ready(())
        })
        .await;
    for task in [counting, classes, sweeping] {
        task.abort();
    }
}

/// A pass never fails: see `reconcile`.
fn never(_object: Arc<RawIdentity>, error: &Infallible, _context: Arc<Context>) -> Action {
    match *error {}
}

impl Looked {
    /// A look at an object begins. `None` for what has no uid, which the API server never shows.
    pub(crate) fn begins(object: &RawIdentity, priority: Priority, context: &Context) -> Option<Self> {
        Some(Self {
            key: Key::of(kube::Resource::meta(object).uid.as_deref()?),
            fingerprint: external_fingerprint(object)?,
            began: Instant::now(),
            term: context.checks.term(),
            priority,
            idle: false,
        })
    }
}

impl Context {
    /// When an object is looked at again. What waits for drift alone comes back with the resync, spread by its name so
    /// that not all come in a burst, and is then looked at only if no sweep has checked it.
    pub(crate) fn next_action(&self, object: &IdentityRef, looked: &Looked, next: Next) -> Action {
        let due = match next {
            // What failed for drift alone is made again for drift alone.
            Next::Backoff => Some((self.backoff.next(object), looked.priority)),
            Next::After(time) | Next::Settled(time) => Some((time, Priority::Normal)),
            Next::Resync => None,
        };
        if next != Next::Backoff {
            self.backoff.reset(object);
        }
        self.checks.looked(looked, due);
        let resync = || spread(self.engine.timings().resync, object);
        Action::requeue(due.map_or_else(resync, |(due, _)| due))
    }

    /// Forgets every fact from before: somebody else may have led since, and changed what it told.
    async fn forget_what_was_seen(&self) {
        self.settling.forget_all();
        self.classes.forget_turns();
        self.engine.forget().await;
        self.asked.begin_term();
        self.checks.begin_term();
    }

    /// Forgets an object that is gone.
    pub(crate) fn forget(&self, object: &IdentityRef, uid: &str) {
        self.checks.forget(Key::of(uid));
        self.backoff.reset(object);
        self.contests.forget(object);
        self.requests.forget(uid);
        self.settling.forget(object);
        self.looks.forget(object);
    }
}
