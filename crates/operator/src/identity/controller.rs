//! The controller: feeds `reconcile` from the watches, the triggers and the drift scan until it is stopped.
//! A context and streams of objects and references in. It does no I/O of its own.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use futures::stream::select;
use futures::{Stream, StreamExt};
use kube_runtime::controller::{Action, Config, Controller};
use kube_runtime::watcher;
use lanyard_core::reconcile::summary::Next;

use super::checks::{Key, Looked};
use super::context::Context;
use super::fingerprint::external_fingerprint;
use super::reconcile::reconcile;
use super::reference::IdentityRef;
use super::triggers::Priority;
use crate::backoff::spread;
use crate::raw::RawIdentity;

/// The streams that cause reconciles.
#[derive(Debug)]
pub struct Sources<Objects, Triggers, Drifted, Terms> {
    /// Objects that users or other controllers changed.
    pub objects: Objects,
    /// References from the other watches and from AWS events, to reconcile with normal priority.
    pub triggers: Triggers,
    /// References from the drift scan, which have marked their priority already.
    pub drifted: Drifted,
    /// An item for each leader term.
    pub terms: Terms,
}

/// Runs the controller until `stop` resolves, and waits for the reconciles in progress.
pub async fn run<Objects, Triggers, Drifted, Terms>(
    context: Arc<Context>,
    sources: Sources<Objects, Triggers, Drifted, Terms>,
    workers: u16,
    stop: impl Future<Output = ()> + Send + Sync + 'static,
) where
    Objects: Stream<Item = Result<RawIdentity, watcher::Error>> + Send + 'static,
    Triggers: Stream<Item = IdentityRef> + Send + 'static,
    Drifted: Stream<Item = IdentityRef> + Send + 'static,
    Terms: Stream<Item = ()> + Send + 'static,
{
    let (for_triggers, for_terms) = (Arc::clone(&context), Arc::clone(&context));
    let triggers = sources
        .triggers
        .inspect(move |object| for_triggers.asked.ask(object.clone(), Priority::Normal));
    let terms = sources.terms.then(move |()| {
        let context = Arc::clone(&for_terms);
        async move { context.new_term().await }
    });
    Controller::for_stream(sources.objects, context.store.clone())
        .with_config(Config::default().concurrency(workers))
        .reconcile_on(select(triggers, sources.drifted))
        .reconcile_all_on(terms)
        .graceful_shutdown_on(stop)
        .run(reconcile, unreachable_error_policy, Arc::clone(&context))
        .for_each(|result| {
            if let Err(error) = result {
                tracing::debug!(%error, "an object was deleted before its reconcile started");
            }
            futures::future::ready(())
        })
        .await;
}

/// `reconcile` never fails, so this is never called.
fn unreachable_error_policy(_object: Arc<RawIdentity>, error: &Infallible, _context: Arc<Context>) -> Action {
    match *error {}
}

impl Looked {
    /// A reconcile of `object` that starts now. Returns `None` if the object has no uid, which the API server always sets.
    pub(crate) fn begins(object: &RawIdentity, priority: Priority, context: &Context) -> Option<Self> {
        Some(Self {
            key: Key::of(kube::Resource::meta(object).uid.as_deref()?),
            fingerprint: external_fingerprint(object),
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

    /// Drops every cached fact at the start of a term: another replica may have led and changed AWS since.
    async fn new_term(&self) {
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
