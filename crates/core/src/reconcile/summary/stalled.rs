//! The condition `Stalled`: problems that a user has to solve. Decision, drift and outcome in, a verdict out;
//! no I/O.

use std::time::Duration;

use super::agent::WEBHOOK_MISSING;
use super::input::SummaryInput;
use super::persistence::{remaining, unmet_for};
use super::readiness::ReadyInputs;
use super::transition;
use super::unreadable::{failed_step, unreadable};
use super::verdict::Verdict;
use crate::model::condition::ConditionStatus;
use crate::model::fact::ReadError;
use crate::model::reason::Reason;
use crate::model::text;
use crate::reconcile::desired::{Desired, DesiredRole, DesiredState};
use crate::reconcile::diff::{Cause, Drift};
use crate::reconcile::gate::{Reporting, WriteGate};
use crate::reconcile::outcome::{Disposition, StepFailure};
use crate::reconcile::plan::WaitReason;

/// The number of contested fields that a message names.
const FIELDS_NAMED: usize = 3;

/// Returns `None` if the reconcile continues without a user.
pub(super) fn stalled(input: &SummaryInput<'_>, drift: &Drift) -> Option<Verdict> {
    if let Some(freeze) = &input.decision.frozen {
        return Some(Verdict::met(freeze.reason, freeze.message.clone()));
    }
    if let Some((step, failure)) = input.outcome.failure()
        && needs_user(input, failure)
    {
        return Some(Verdict::met(failure.reason, failed_step(step, failure)));
    }
    if let Some(conflict) = drift.conflicts.first() {
        return Some(Verdict::met(conflict.reason, conflict.message.clone()));
    }
    denied(input, drift)
        .or_else(|| waits_for_user(input))
        .or_else(|| transition::stalled(input))
}

/// Returns whether a failure does not end by itself: because of its kind, or because it persisted.
fn needs_user(input: &SummaryInput<'_>, failure: &StepFailure) -> bool {
    match failure.disposition {
        Disposition::RetrySoon => false,
        Disposition::WaitForChange => true,
        Disposition::RetryThenStall => {
            let limit = input.timings.stall_after;
            remaining(input.previous, failure.reason, limit, input.now).is_none()
        }
    }
}

/// Returns a verdict if the object is not ready, and the operator may not take its pending steps.
pub(super) fn not_permitted(input: &SummaryInput<'_>, ready: &Verdict) -> Option<Verdict> {
    let WriteGate::ReportOnly(reporting) = input.gate else {
        return None;
    };
    let mut steps = input.decision.plan.steps();
    let pending = steps.find(|step| !input.gate.permits(step))?;
    let (cause, next) = match reporting {
        Reporting::ReadOnly => (
            "the operator runs with --read-only",
            "Remove the flag to continue.",
        ),
        Reporting::Suspended => ("spec.suspend is true", "Set it to false to continue."),
    };
    let message = match input.decision.desired {
        Desired::Present(_) => {
            format!("Nothing is changed, because {cause}. Pending step: {pending}. {next}")
        }
        Desired::Absent(_) => {
            format!("Nothing is removed, because {cause}. The finalizer keeps the object. {next}")
        }
    };
    (ready.status != ConditionStatus::True).then(|| Verdict::met(reporting.reason(), message))
}

/// Returns a verdict if a resource that Lanyard does not create is still missing after `stall_after`. Until then the
/// object is `Reconciling`, because the same deployment often creates the resource.
pub(super) fn missing_prerequisite(input: &SummaryInput<'_>, ready: &Verdict) -> Option<Verdict> {
    let is_over = awaits_prerequisite(input, ready) && prerequisite_awaited_for(input, ready).is_none();
    is_over.then(|| Verdict::met(ready.reason, ready.message.clone()))
}

/// The time for which a missing resource is still awaited. Returns `None` if none is missing, or if it is reported.
pub(super) fn prerequisite_awaited_for(input: &SummaryInput<'_>, ready: &Verdict) -> Option<Duration> {
    let remaining = unmet_for(input.previous, ready.reason, input.timings.stall_after, input.now);
    remaining.filter(|_| awaits_prerequisite(input, ready))
}

/// Returns whether `Ready` names a missing resource that Lanyard does not create.
fn awaits_prerequisite(input: &SummaryInput<'_>, ready: &Verdict) -> bool {
    let is_left_to_others = |desired: &DesiredState| match ready.reason {
        Reason::ServiceAccountMissing => !desired.create_service_account,
        Reason::AgentNotReady => !desired.installs_agent,
        Reason::ProviderMissing => desired.provider.as_ref().is_some_and(|provider| !provider.ensure),
        _ => false,
    };
    ready.status == ConditionStatus::False && input.desired().is_some_and(is_left_to_others)
}

/// Returns a verdict if drift breaks the binding and is only reported, or its corrections are paused.
pub(super) fn broken_and_reported(
    input: &SummaryInput<'_>,
    drift: &Drift,
    ready_inputs: &ReadyInputs,
    ready: &Verdict,
) -> Option<Verdict> {
    let is_idle = input.gate == WriteGate::Open
        && input.decision.plan.is_empty()
        && ready_inputs.propagates_in.is_none();
    let has_drift = drift
        .differences
        .iter()
        .any(|difference| matches!(difference.cause, Cause::OutOfBand | Cause::Contested));
    let reason = match ready.reason {
        Reason::RoleMissing
        | Reason::TrustMissing
        | Reason::BindingMissing
        | Reason::BindingDrifted
        | Reason::ProviderMissing => ready.reason,
        _ => return None,
    };
    let reported = "Out-of-band changes break this binding and driftPolicy is Report. Revert them, see status.drift, or set driftPolicy: Correct.";
    let contested = contested(drift).map(|verdict| verdict.message);
    let message = contested.unwrap_or_else(|| reported.to_owned());
    (is_idle && has_drift && ready.status == ConditionStatus::False).then(|| Verdict::met(reason, message))
}

/// Returns a verdict if only a user can state that the trust policy admits the subject.
pub(super) fn unverified_trust(ready_inputs: &ReadyInputs) -> Option<Verdict> {
    let trust = &ready_inputs.trust;
    (trust.reason == Reason::TrustNotVerifiable).then(|| Verdict::met(trust.reason, trust.message.clone()))
}

/// Returns a verdict if another writer reverts the corrections of a field.
pub(super) fn contested(drift: &Drift) -> Option<Verdict> {
    let contested = drift
        .differences
        .iter()
        .filter(|difference| difference.cause == Cause::Contested);
    let fields: Vec<String> = contested
        .map(|difference| format!("{} {}", difference.field.resource().as_str(), difference.field))
        .collect();
    (!fields.is_empty()).then(|| {
        let fields = text::list(fields.get(..FIELDS_NAMED).unwrap_or(&fields));
        let message = format!(
            "Another writer reverts each correction of {fields}. Lanyard corrects them less and less often. Find the writer in CloudTrail, and let only one of the two manage the fields."
        );
        Verdict::unmet(Reason::Contested, message)
    })
}

/// Returns a verdict if a read is denied: it stays denied until the permission is granted.
fn denied(input: &SummaryInput<'_>, drift: &Drift) -> Option<Verdict> {
    drift
        .differences
        .iter()
        .find_map(|difference| match &difference.cause {
            Cause::Unreadable(error @ ReadError::Denied(_)) => {
                let resource = difference.field.resource().as_str();
                let consistency = Some(input.timings.read_consistency);
                let (_, message) = unreadable(resource, error, consistency);
                Some(Verdict::met(Reason::AccessDenied, message))
            }
            _ => None,
        })
}

/// Returns a verdict if an existing role is missing or does not admit the subject, or the pod webhook is not
/// installed.
fn waits_for_user(input: &SummaryInput<'_>) -> Option<Verdict> {
    let Desired::Present(desired) = &input.decision.desired else {
        return None;
    };
    let waits_for = |reason| input.decision.plan.waiting_for.contains(&reason);
    if waits_for(WaitReason::Webhook) {
        return Some(Verdict::met(Reason::WebhookMissing, WEBHOOK_MISSING));
    }
    let arn = &desired.binding.role_arn;
    let (is_existing, has_foreign_trust) = match desired.role {
        DesiredRole::Existing => (true, true),
        DesiredRole::Shared(_) => (true, false),
        DesiredRole::Managed(_) | DesiredRole::Adopted(..) | DesiredRole::Unchanged => (false, false),
    };
    if is_existing && waits_for(WaitReason::Role) {
        return Some(Verdict::met(
            Reason::RoleNotFound,
            format!("Role {arn} does not exist. Create it, or correct the ARN in spec.role.existing."),
        ));
    }
    (has_foreign_trust && waits_for(WaitReason::Trust)).then(|| {
        Verdict::met(
            Reason::TrustMissing,
            format!(
                "Lanyard does not manage role {arn}, and its trust policy must admit {}. Add the statement that TrustReady shows.",
                desired.subject
            ),
        )
    })
}
