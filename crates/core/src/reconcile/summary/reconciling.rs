//! The condition `Reconciling`: the progress of an object that is not ready, or that is being deleted.
//! Decision, drift and outcome in, a verdict out; no I/O.

use super::input::SummaryInput;
use super::pods::{in_use, unreadable_pods};
use super::unreadable::{failed_step, unreadable, waiting_step};
use super::verdict::Verdict;
use crate::model::condition::ConditionStatus;
use crate::model::reason::Reason;
use crate::reconcile::desired::Desired;
use crate::reconcile::diff::{Cause, Drift};
use crate::reconcile::plan::WaitReason;

/// Returns `None` if the object is ready or stalled.
pub(super) fn reconciling(
    input: &SummaryInput<'_>,
    drift: &Drift,
    ready: &Verdict,
    is_stalled: bool,
) -> Option<Verdict> {
    if is_stalled {
        return None;
    }
    if matches!(input.decision.desired, Desired::Absent(_)) {
        return Some(deleting(input));
    }
    if let Some((reason, message)) = unfinished_step(input) {
        return Some(Verdict::met(reason, message));
    }
    if ready.status == ConditionStatus::True {
        return None;
    }
    // If a read failure is the cause of an empty plan, it is more useful than a missing resource.
    let is_blocked = ready.status == ConditionStatus::Unknown || input.decision.plan.is_empty();
    if let Some((reason, message)) = unread(input, drift).filter(|_| is_blocked) {
        return Some(Verdict::met(reason, message));
    }
    Some(Verdict::met(ready.reason, ready.message.clone()))
}

/// Reason and message of the first step that failed or waits. Returns `None` if every step took effect.
fn unfinished_step(input: &SummaryInput<'_>) -> Option<(Reason, String)> {
    if let Some((step, failure)) = input.outcome.failure() {
        return Some((failure.reason, failed_step(step, failure)));
    }
    let (step, failure) = input.outcome.waiting()?;
    let message = waiting_step(step, failure, input.timings.stall_after);
    Some((failure.reason, message))
}

/// The progress of a deletion.
fn deleting(input: &SummaryInput<'_>) -> Verdict {
    if let Some((step, failure)) = input.outcome.failure() {
        return Verdict::met(Reason::Deleting, failed_step(step, failure));
    }
    if let Some((step, failure)) = input.outcome.waiting() {
        let message = waiting_step(step, failure, input.timings.stall_after);
        return Verdict::met(Reason::Deleting, message);
    }
    let waits_for = |reason| input.decision.plan.waiting_for.contains(&reason);
    if waits_for(WaitReason::Pods) {
        return in_use(input);
    }
    let is_blocked = waits_for(WaitReason::Reading);
    let unread = unread(input, &input.decision.drift).map(|(_, message)| message);
    let unread = unread.or_else(|| unreadable_pods(input).filter(|_| is_blocked));
    let progress = match is_blocked {
        true => "Lanyard deletes nothing until all of its resources can be read, and retries soon.",
        false => "Removing the resources that Lanyard owns.",
    };
    Verdict::met(Reason::Deleting, unread.unwrap_or_else(|| progress.to_owned()))
}

/// Reason and message of the first resource that could not be read. Returns `None` if all could be read.
fn unread(input: &SummaryInput<'_>, drift: &Drift) -> Option<(Reason, String)> {
    let consistency = Some(input.timings.read_consistency);
    drift
        .differences
        .iter()
        .find_map(|difference| match &difference.cause {
            Cause::Unreadable(error) => Some(unreadable(
                difference.field.resource().as_str(),
                error,
                consistency,
            )),
            _ => None,
        })
}
