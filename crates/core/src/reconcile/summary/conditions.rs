//! The conditions of the status, in the order of the table of conditions. Verdicts, drift and outcome in,
//! conditions out; no I/O.

use super::drift::DriftReport;
use super::input::SummaryInput;
use super::pods::pods_current;
use super::readiness::ReadyInputs;
use super::reconciling::reconciling;
use super::stalled::{broken_and_reported, contested, stalled, unverified_trust};
use super::transition;
use super::unreadable::unreadable;
use super::verdict::Verdict;
use crate::model::condition::{CONDITIONS, Condition, ConditionStatus, ConditionType};
use crate::model::reason::Reason;
use crate::model::status::DriftReason;
use crate::model::text;
use crate::reconcile::diff::{Cause, Difference, Drift};
use crate::reconcile::outcome::Disposition;
use crate::reconcile::transition::TransitionState;

/// The number of fields that a message names.
const FIELDS_NAMED: usize = 3;

pub(super) fn conditions(
    input: &SummaryInput<'_>,
    drift: &Drift,
    ready_inputs: &ReadyInputs,
    report: &DriftReport,
) -> Vec<Condition> {
    let mut ready = frozen(input, drift).unwrap_or_else(|| ready(input, ready_inputs));
    let mut stalled = stalled(input, drift);
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

fn in_sync(input: &SummaryInput<'_>, drift: &Drift, report: &DriftReport) -> Verdict {
    if let Some(verdict) = contested(drift) {
        return verdict;
    }
    if let Some(verdict) = drifted(report) {
        return verdict;
    }
    let unread = drift
        .differences
        .iter()
        .find_map(|difference| match &difference.cause {
            Cause::Unreadable(error) => Some((difference.field.resource().as_str(), error)),
            _ => None,
        });
    if let Some((resource, error)) = unread {
        let consistency = Some(input.timings.read_consistency);
        let (reason, message) = unreadable(resource, error, consistency);
        return Verdict::unknown(reason, message);
    }
    if let Some(conflict) = drift.conflicts.first() {
        return Verdict::unknown(conflict.reason, conflict.message.clone());
    }
    let pending = |cause: &Cause| {
        let difference = drift
            .differences
            .iter()
            .find(|difference| difference.cause == *cause)?;
        Some(format!(
            "{} {}",
            difference.field.resource().as_str(),
            difference.field
        ))
    };
    if let (Some(field), Some(freeze)) = (pending(&Cause::Frozen), &input.decision.frozen) {
        return Verdict::unmet(freeze.reason, format!("Not applied: {field}. See Stalled."));
    }
    if let Some(field) = pending(&Cause::Spec) {
        return Verdict::unmet(Reason::Progressing, format!("Not applied yet: {field}."));
    }
    let message = match report.status.unmanaged_count {
        0 => "No drift detected.".to_owned(),
        1 => "No drift detected. 1 field of another owner stays, see status.drift.unmanaged.".to_owned(),
        count => {
            format!("No drift detected. {count} fields of other owners stay, see status.drift.unmanaged.")
        }
    };
    Verdict::met(Reason::InSync, message)
}

/// Returns `None` if there is no drift, apart from fields that could not be read.
fn drifted(report: &DriftReport) -> Option<Verdict> {
    let fields: Vec<String> = report
        .status
        .items
        .iter()
        .filter(|item| item.reason != Some(DriftReason::Unreadable))
        .map(|item| format!("{} {}", item.resource, item.field))
        .collect();
    if fields.is_empty() {
        return None;
    }
    let named = text::list(fields.get(..FIELDS_NAMED).unwrap_or(&fields));
    let limit = i64::try_from(FIELDS_NAMED).unwrap_or(i64::MAX);
    let more = match report.status.count.saturating_sub(limit) {
        more if more > 0 => format!(" and {more} more"),
        _ => String::new(),
    };
    Some(Verdict::unmet(
        Reason::Drifted,
        format!("Out of sync: {named}{more}. See status.drift.items."),
    ))
}

/// Keeps `Transitioning` as it was if the stage of the transition could not be determined.
fn transitioning_before(input: &SummaryInput<'_>) -> Option<Verdict> {
    let before = input.previous.condition(ConditionType::Transitioning)?;
    matches!(input.decision.transition, TransitionState::Unknown(..))
        .then(|| Verdict::met(before.reason, before.message.clone()))
}
