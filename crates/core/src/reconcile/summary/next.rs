//! The time of the next reconcile. Decision, outcome and facts in, a requeue out; no I/O.

use std::time::Duration;

use super::input::SummaryInput;
use super::output::Next;
use super::readiness::ReadyInputs;
use super::stalled::prerequisite_awaited_for;
use super::transition;
use crate::model::fact::ReadError;
use crate::reconcile::diff::{Cause, Drift};
use crate::reconcile::gate::WriteGate;
use crate::reconcile::outcome::Disposition;
use crate::reconcile::plan::WaitReason;
use crate::reconcile::step::Step;
use crate::reconcile::transition::{Phase, Transition};

pub(super) fn next(input: &SummaryInput<'_>, drift: &Drift, ready_inputs: &ReadyInputs) -> Next {
    match after_outcome(input, drift, ready_inputs) {
        Next::OnWake(_) => Next::OnWake(prerequisite_awaited_for(input, &ready_inputs.binding)),
        next => next,
    }
}

fn after_outcome(input: &SummaryInput<'_>, drift: &Drift, ready_inputs: &ReadyInputs) -> Next {
    if input.outcome.waiting().is_some() {
        return Next::Backoff;
    }
    if input.outcome.has_failed(Disposition::RetrySoon) {
        return Next::Backoff;
    }
    // A final failure does not delay the steps that are independent of it.
    let next = after_steps(input, drift, ready_inputs);
    let limit = input.timings.waiting;
    match next {
        _ if !input.outcome.has_failed(Disposition::RetryThenStall) => next,
        Next::After(delay) | Next::Settled(delay) => Next::After(delay.min(limit)),
        Next::Backoff => Next::Backoff,
        Next::Resync | Next::OnWake(_) | Next::Waiting(_) => Next::After(limit),
    }
}

/// The next reconcile if no failed step is retried earlier.
fn after_steps(input: &SummaryInput<'_>, drift: &Drift, ready_inputs: &ReadyInputs) -> Next {
    let errors = drift
        .differences
        .iter()
        .filter_map(|difference| match &difference.cause {
            Cause::Unreadable(error) => Some(error),
            _ => None,
        });
    let mut next = Next::Resync;
    for error in errors {
        match error {
            ReadError::Throttled | ReadError::Failed(_) => return Next::Backoff,
            ReadError::AwaitingConsistency => next = Next::After(input.timings.read_consistency),
            ReadError::Denied(_) | ReadError::NotRead => {}
        }
    }
    if next == Next::Resync && input.decision.plan.waiting_for.contains(&WaitReason::Reading) {
        return Next::Backoff;
    }
    if let Some(transition) = transition::in_progress(input) {
        return Next::After(next_stage(input, transition));
    }
    if let Some(remaining) = ready_inputs.propagates_in {
        return Next::Settled(remaining);
    }
    if let Some(wait) = next_restart(input) {
        return Next::After(wait);
    }
    match next {
        Next::Resync => after_wait(&input.decision.plan.waiting_for, input.timings.waiting),
        next => next,
    }
}

/// The next reconcile of an object that waits for these resources.
fn after_wait(reasons: &[WaitReason], waiting: Duration) -> Next {
    let is_reported = |reason: &WaitReason| {
        matches!(
            reason,
            WaitReason::Agent | WaitReason::Webhook | WaitReason::ServiceAccount
        )
    };
    if reasons.is_empty() {
        Next::Resync
    } else if reasons.iter().all(is_reported) {
        Next::OnWake(None)
    } else if reasons.contains(&WaitReason::Pods) {
        // Deletions wait for pods, and each of them is at the end soon.
        Next::After(waiting)
    } else {
        Next::Waiting(waiting)
    }
}

/// The time of the next reconcile for restarts at rest. Returns `None` if none is due.
fn next_restart(input: &SummaryInput<'_>) -> Option<Duration> {
    let restarts = &input.decision.restarts;
    let sets_binding = |step: &Step| matches!(step, Step::CreateAssociation { .. } | Step::Annotate { .. });
    let pods = input
        .after
        .pods
        .present()
        .into_iter()
        .flat_map(|pods| &pods.items);
    let has_missed = pods.into_iter().any(|pod| pod.credentials.is_empty());
    if restarts.is_active() {
        Some(input.timings.waiting)
    } else if restarts.allowed && has_missed && input.outcome.done().any(|(step, _)| sets_binding(step)) {
        Some(input.timings.binding_propagation)
    } else {
        restarts.applies_in
    }
}

/// Returns whether this reconcile did everything for its stage of the transition, and waits for no other event.
fn is_stage_done(input: &SummaryInput<'_>) -> bool {
    let is_other = |wait: &WaitReason| !matches!(wait, WaitReason::Transition | WaitReason::Propagation);
    let has_other_waits = input.decision.plan.waiting_for.iter().any(is_other);
    input.gate == WriteGate::Open && input.outcome.all_done() && !has_other_waits
}

/// The delay until the next stage of a transition. A stage that needs no wait follows at once.
fn next_stage(input: &SummaryInput<'_>, transition: &Transition) -> Duration {
    let timings = input.timings;
    match &transition.phase {
        Phase::Preparing | Phase::Switching | Phase::Unbinding if is_stage_done(input) => timings.step,
        phase => phase
            .remaining()
            .map_or(timings.waiting, |remaining| remaining.max(timings.step)),
    }
}
