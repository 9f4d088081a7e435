//! The reconcile of one WorkloadIdentity: read, decode, validate, observe, decide, apply, summarise, publish.
//! An object of the store in; the time of the next reconcile out. All I/O goes through the engine, `live` and `publish`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use kube_runtime::controller::Action;
use lanyard_core::identity::Identity;
use lanyard_core::model::observed::Observed;
use lanyard_core::reconcile::class_decision::ClassDecision;
use lanyard_core::reconcile::decide::{Decision, decide, decide_deletion};
use lanyard_core::reconcile::deletion_mode::DeletionMode;
use lanyard_core::reconcile::gate::WriteGate;
use lanyard_core::reconcile::scope::live_scope;
use lanyard_core::reconcile::step::Step;
use lanyard_core::reconcile::summary::{
    Next, Summary, SummaryInput, invalid, refused, summarise, undecodable,
};
use lanyard_engine::Scope;

use super::context::Context;
use super::fingerprint::external_fingerprint;
use super::key::ObjectKey;
use super::live::{log_unread, read_live};
use super::object_table::ReconcileRun;
use super::publish::publish;
use super::reconcile_result::ReconcileResult;
use super::reference::reference_of;
use super::triage::Triage;
use super::triggers::Priority;
use crate::backoff::spread;
use lanyard_engine::raw::{Decoded, RawIdentity};

/// Reconciles one object.
///
/// # Errors
/// Never: a failure is in the status, and each object has its own backoff.
pub async fn reconcile(object: Arc<RawIdentity>, context: Arc<Context>) -> Result<Action, Infallible> {
    if context.gate(false) == WriteGate::Closed {
        return Ok(Action::await_change());
    }
    let priority = match context.triage(&object) {
        Triage::Requeue(action) => return Ok(action),
        Triage::Reconcile(priority) => priority,
    };
    let Some(key) = ObjectKey::of_object(&object) else {
        return Ok(Action::await_change());
    };
    let _running = context.metrics.reconcile_begins();
    let fingerprint = external_fingerprint(&object);
    let run = context
        .objects
        .begin(key, fingerprint, priority, context.clock.now().instant);
    let ended = match read_live(&object, &context).await {
        // Boxed, because the future is large: it would take much of the stack of a worker thread.
        Ok(Some(live)) => Box::pin(reconcile_read(&live, run, &context)).await,
        Ok(None) => None,
        Err(error) => {
            log_unread(&object, &error);
            context
                .metrics
                .object_unreadable(context.clock.now().instant - run.began);
            Some((run, Next::Backoff))
        }
    };
    let Some((run, next)) = ended else {
        context.objects.remove(key);
        return Ok(Action::await_change());
    };
    let delay = context
        .objects
        .reconciled(&run, next, context.clock.now().instant);
    // Resyncs are spread by name, so that they do not come in a burst.
    let resync = || spread(context.engine.timings().resync, &reference_of(&object));
    Ok(Action::requeue(delay.unwrap_or_else(resync)))
}

/// Reconciles the object as the API server stores it now. Returns the end of the run, or `None` if the object needs no
/// further reconcile.
async fn reconcile_read(
    object: &RawIdentity,
    run: ReconcileRun,
    context: &Context,
) -> Option<(ReconcileRun, Next)> {
    let decoded = decode(object, context)?;
    let priority = match decoded.is_requested() {
        true => Priority::Normal,
        false => run.priority,
    };
    let run = ReconcileRun {
        fingerprint: external_fingerprint(object),
        priority,
        ..run
    };
    let result = reconcile_identity(&decoded, &run, context).await?;
    let published = publish(&decoded, &result, context).await;
    let elapsed = context.clock.now().instant - run.began;
    context.metrics.reconciled(&result.summary, published, elapsed);
    if result.released {
        return None;
    }
    let idle = result.summary.corrected.is_empty() && result.summary.status == decoded.status;
    let next = match published {
        true => result.summary.next,
        false => Next::Backoff,
    };
    Some((ReconcileRun { idle, ..run }, next))
}

fn decode(object: &RawIdentity, context: &Context) -> Option<Decoded> {
    let mut decoded = object.decode(&context.engine.cluster().identity)?;
    decoded.target.access = context.classes.account(&decoded);
    Some(decoded)
}

/// Returns `None` for a deleted object without the operator's finalizer.
async fn reconcile_identity(
    decoded: &Decoded,
    run: &ReconcileRun,
    context: &Context,
) -> Option<ReconcileResult> {
    let result = if decoded.is_deleting {
        reconcile_deleted(decoded, context).await?
    } else {
        let summary = match validate(decoded, context) {
            Ok(identity) => reconcile_live(decoded, *identity, run, context).await,
            Err(summary) => *summary,
        };
        ReconcileResult {
            summary,
            released: false,
        }
    };
    Some(ReconcileResult {
        summary: result.summary.handling(decoded.requested_at.as_deref()),
        ..result
    })
}

/// The identity that the spec and its class define, or the summary of a spec that is invalid or rejected.
fn validate(decoded: &Decoded, context: &Context) -> Result<Box<Identity>, Box<Summary>> {
    let (status, generation, now) = (&decoded.status, decoded.generation, context.clock.now().timestamp);
    let summary = match &decoded.spec {
        Err(error) => undecodable(status, generation, error, now),
        Ok(spec) => match context.classes.rule(spec, decoded, context.engine.cluster()) {
            ClassDecision::Accepted(identity) => return Ok(identity),
            ClassDecision::Invalid(errors) => invalid(status, generation, &errors, now),
            ClassDecision::Rejected(freeze) => refused(status, generation, &freeze, now),
        },
    };
    Err(Box::new(summary))
}

/// Establishes the binding and keeps it in sync.
async fn reconcile_live(
    decoded: &Decoded,
    identity: Identity,
    run: &ReconcileRun,
    context: &Context,
) -> Summary {
    let contested = context.objects.contested(run.key, context.clock.now().timestamp);
    let identity = identity.with_contested(contested);
    let mut observed = observe(decoded, &identity, run, context).await;
    let timings = context
        .engine
        .timings()
        .with_rollout_policy(identity.queue.as_ref());
    let now = context.clock.now().timestamp;
    context
        .engine
        .observe_surroundings(&identity, &decoded.status, &mut observed, &timings, now)
        .await;
    let decision = decide(
        &identity,
        &decoded.status,
        &observed,
        &timings,
        context.clock.now().timestamp,
    );
    let (summary, _) = apply_and_summarise(decoded, &decision, &mut observed, context).await;
    context
        .objects
        .corrected(run.key, &summary.corrected, context.clock.now().timestamp);
    if let Next::Settled(delay) = summary.next {
        let until = context.clock.now().instant + delay;
        context
            .objects
            .keep_settled(run, observed, decoded.generation, until);
    }
    summary
}

/// Reads AWS and the cluster. After a change that only had to propagate, only pods and workloads are read again.
async fn observe(decoded: &Decoded, identity: &Identity, run: &ReconcileRun, context: &Context) -> Observed {
    let inventory = decoded.target.control.inventory.as_ref();
    let read = live_scope(identity, &decoded.status, inventory);
    let scope = Scope {
        fresh: decoded.is_requested(),
        background: run.priority == Priority::Background,
        ..Scope::new(
            &decoded.target,
            read,
            context.counted_pods(&decoded.target.subject),
        )
    };
    let settled = context
        .objects
        .take_settled(run.key, decoded.generation, context.clock.now().instant);
    let Some(settled) = settled.filter(|_| !scope.fresh) else {
        context.objects.observing(run.key, context.clock.now().instant);
        return context.engine.observe(&scope).await;
    };
    let (pods, workloads) = context.engine.running(&scope).await;
    Observed {
        object: decoded.target.control.clone(),
        pods,
        workloads,
        ..settled
    }
}

/// Removes or releases everything that the operator owns for a deleted object. Returns `None` if the object does not
/// carry the operator's finalizer.
async fn reconcile_deleted(decoded: &Decoded, context: &Context) -> Option<ReconcileResult> {
    if !decoded.target.control.finalizer {
        return None;
    }
    let inventory = decoded.target.control.inventory.as_ref();
    let mode = DeletionMode::of(decoded.spec.as_ref().ok(), inventory);
    let deleted = decoded.deleted(context.engine.cluster());
    let scope = Scope::new(
        &decoded.target,
        deleted.scope(mode),
        context.counted_pods(&decoded.target.subject),
    );
    let mut observed = context.engine.observe(&scope).await;
    context
        .engine
        .treat_absence_as_stale(&decoded.target, &mut observed);
    observed.object.inventory = deleted.inventory();
    let decision = decide_deletion(&decoded.target.subject, &decoded.status, &observed, mode);
    let (summary, released) = apply_and_summarise(decoded, &decision, &mut observed, context).await;
    Some(ReconcileResult { summary, released })
}

/// Applies the plan. Returns the summary, and whether the finalizer was removed.
async fn apply_and_summarise(
    decoded: &Decoded,
    decision: &Decision,
    observed: &mut Observed,
    context: &Context,
) -> (Summary, bool) {
    let gate = || context.gate(decoded.is_suspended());
    let meter = |step: &Step, result: &_, elapsed: Duration| context.metrics.step(step, result, elapsed);
    let outcome = context
        .engine
        .apply(&decoded.target, &decision.plan, observed, &gate, &meter)
        .await;
    let released = outcome
        .done()
        .any(|(step, _)| matches!(step, Step::ReleaseObject { .. }));
    let input = SummaryInput {
        generation: decoded.generation,
        decision,
        outcome: &outcome,
        after: observed,
        previous: &decoded.status,
        gate: gate(),
        timings: context.engine.timings(),
        now: context.clock.now().timestamp,
    };
    (summarise(&input), released)
}
