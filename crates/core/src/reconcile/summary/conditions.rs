//! The conditions of the status, in the order of the table of conditions. Verdicts, drift and outcome in,
//! conditions out; no I/O.

use super::drift::DriftReport;
use super::in_sync::in_sync;
use super::input::SummaryInput;
use super::pods::pods_current;
use super::readiness::ReadyInputs;
use super::reconciling::reconciling;
use super::stalled::{broken_and_reported, missing_prerequisite, not_permitted, stalled, unverified_trust};
use super::transition;
use super::verdict::Verdict;
use crate::model::condition::{CONDITIONS, Condition, ConditionStatus, ConditionType};
use crate::model::reason::Reason;
use crate::reconcile::diff::{Cause, Difference, Drift};
use crate::reconcile::outcome::Disposition;
use crate::reconcile::transition::TransitionState;

pub(super) fn conditions(
    input: &SummaryInput<'_>,
    drift: &Drift,
    ready_inputs: &ReadyInputs,
    report: &DriftReport,
) -> Vec<Condition> {
    let mut ready = frozen(input, drift).unwrap_or_else(|| ready(input, ready_inputs));
    let mut stalled = stalled(input, drift)
        .or_else(|| not_permitted(input, &ready))
        .or_else(|| missing_prerequisite(input, &ready));
    if let Some(cause) = &stalled
        && ready.status != ConditionStatus::True
        && ready.reason != cause.reason
    {
        // `kubectl get` shows the reason of Ready only.
        (ready.reason, ready.message) = (cause.reason, cause.message.clone());
    }
    stalled = stalled
        .or_else(|| broken_and_reported(input, drift, ready_inputs, &ready))
        .or_else(|| unverified_trust(ready_inputs));
    let mut reconciling = reconciling(input, drift, &ready, stalled.is_some());
    if let Some(cause) = &reconciling
        && input.outcome.has_failed(Disposition::RetryThenStall)
        && ready.status != ConditionStatus::True
    {
        (ready.reason, ready.message) = (cause.reason, cause.message.clone());
    }
    let mut ready = Some(ready);
    let mut conditions = Vec::new();
    for row in CONDITIONS {
        let verdict = match row.kind {
            ConditionType::Ready => ready.take(),
            ConditionType::Reconciling => reconciling.take(),
            ConditionType::Stalled => stalled.take(),
            ConditionType::RoleReady => Some(ready_inputs.role.clone()),
            ConditionType::TrustReady => Some(ready_inputs.trust.clone()),
            ConditionType::BindingReady => Some(ready_inputs.binding.clone()),
            ConditionType::PodsCurrent => Some(pods_current(input)),
            ConditionType::InSync => Some(in_sync(input, drift, report)),
            ConditionType::Transitioning => {
                transition::transitioning(input).or_else(|| transitioning_before(input))
            }
        };
        let condition =
            |verdict: Verdict| verdict.into_condition(row.kind, input.previous, input.generation, input.now);
        conditions.extend(verdict.map(condition));
    }
    conditions
}

/// Returns a verdict if the spec has a change that is not applied because the identity is frozen: a pod
/// created now does not get it.
fn frozen(input: &SummaryInput<'_>, drift: &Drift) -> Option<Verdict> {
    let freeze = input.decision.frozen.as_ref()?;
    let is_frozen = |difference: &Difference| difference.cause == Cause::Frozen;
    let has_change = transition::in_progress(input).is_some() || drift.differences.iter().any(is_frozen);
    has_change.then(|| Verdict::unmet(freeze.reason, freeze.message.clone()))
}

fn ready(input: &SummaryInput<'_>, ready_inputs: &ReadyInputs) -> Verdict {
    if let Some(verdict) = transition::not_ready(input) {
        return verdict;
    }
    let first_with = |status| {
        ready_inputs
            .all()
            .into_iter()
            .find(|(_, verdict)| verdict.status == status)
    };
    let worst = first_with(ConditionStatus::False).or_else(|| first_with(ConditionStatus::Unknown));
    match worst {
        Some((_, verdict)) => verdict.clone(),
        None => Verdict::met(Reason::Bound, ready_inputs.binding.message.clone()),
    }
}

/// Keeps `Transitioning` as it was if the stage of the transition could not be determined.
fn transitioning_before(input: &SummaryInput<'_>) -> Option<Verdict> {
    let before = input.previous.condition(ConditionType::Transitioning)?;
    matches!(input.decision.transition, TransitionState::Unknown(..))
        .then(|| Verdict::met(before.reason, before.message.clone()))
}
