//! The controller: feeds `reconcile` from the watches, the triggers and the drift scan until it is stopped.
//! A context and streams of objects and references in. It does no I/O of its own.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use futures::stream::select;
use futures::{Stream, StreamExt};
use kube_runtime::controller::{Action, Config, Controller};

use super::context::Context;
use super::reconcile::reconcile;
use super::reference::IdentityRef;
use super::triggers::Priority;
use lanyard_engine::raw::RawIdentity;

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
    Objects: Stream<Item = RawIdentity> + Send + 'static,
    Triggers: Stream<Item = IdentityRef> + Send + 'static,
    Drifted: Stream<Item = IdentityRef> + Send + 'static,
    Terms: Stream<Item = ()> + Send + 'static,
{
    let (for_triggers, for_terms) = (Arc::clone(&context), Arc::clone(&context));
    let triggers = sources
        .triggers
        .filter(move |object| futures::future::ready(for_triggers.trigger(object, Priority::Normal)));
    let terms = sources.terms.then(move |()| {
        let context = Arc::clone(&for_terms);
        async move { context.new_term().await }
    });
    // Without an error the controller never pauses its triggers. It has no debounce: each trigger would start the time
    // again (kube-runtime, `scheduler.rs`), so that a frequent writer of annotations could keep a spec from being read.
    Controller::for_stream(sources.objects.map(Ok), context.store.clone())
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
