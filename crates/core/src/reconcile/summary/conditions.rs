//! Summarise, the conditions: every row of the table of conditions is judged here, in its order.
//! Verdicts and the outcome in, conditions out; no I/O.

use jiff::Timestamp;

use super::agent::WEBHOOK_MISSING;
use super::drift::Found;
use super::readiness::ReadyInputs;
use super::{SummaryInput, Verdict, transition};
use crate::model::binding::Binding;
use crate::model::condition::{CONDITIONS, Condition, ConditionStatus, ConditionType};
use crate::model::fact::ReadError;
use crate::model::pods::PodList;
use crate::model::reason::Reason;
use crate::model::status::DriftReason;
use crate::model::text;
use crate::reconcile::desired::{Desired, DesiredRole};
use crate::reconcile::diff::{Cause, Difference, Drift};
use crate::reconcile::gate::WriteGate;
use crate::reconcile::outcome::Disposition;
use crate::reconcile::plan::WaitReason;
use crate::reconcile::transition::TransitionState;

pub(super) fn of(
    input: &SummaryInput<'_>,
    drift: &Drift,
    ready_inputs: &ReadyInputs,
    found: &Found,
) -> Vec<Condition> {
    let ready = held_back(input, drift).unwrap_or_else(|| ready(input, ready_inputs));
    let stalled = stalled(input, drift).or_else(|| only_reported(input, drift, ready_inputs, &ready));
    let reconciling = reconciling(input, drift, &ready, stalled.is_some());
    let mut ready = Some(ready);
    let mut stalled = stalled;
    let mut reconciling = reconciling;
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
            ConditionType::InSync => Some(in_sync(input, drift, found)),
            ConditionType::Transitioning => {
                transition::verdict(input).or_else(|| transitioning_before(input))
            }
        };
        let condition =
            |verdict: Verdict| verdict.into_condition(row.kind, input.previous, input.generation, input.now);
        conditions.extend(verdict.map(condition));
    }
    conditions
}

/// The spec asks for something that is not applied because the identity is frozen: a pod created now does not get it.
fn held_back(input: &SummaryInput<'_>, drift: &Drift) -> Option<Verdict> {
    let freeze = input.decision.frozen.as_ref()?;
    let held = |difference: &Difference| difference.cause == Cause::Frozen;
    let waits = transition::under_way(input).is_some() || drift.differences.iter().any(held);
    waits.then(|| Verdict::fails(freeze.reason, freeze.message.clone()))
}

fn ready(input: &SummaryInput<'_>, ready_inputs: &ReadyInputs) -> Verdict {
    if let Some(verdict) = transition::not_ready(input) {
        return verdict;
    }
    let worst = |status| {
        ready_inputs
            .all()
            .into_iter()
            .find(|(_, verdict)| verdict.status == status)
    };
    let Some((_, verdict)) = worst(ConditionStatus::False).or_else(|| worst(ConditionStatus::Unknown)) else {
        return Verdict::holds(Reason::Bound, ready_inputs.binding.message.clone());
    };
    verdict.clone()
}

/// Nothing more happens until somebody acts.
fn stalled(input: &SummaryInput<'_>, drift: &Drift) -> Option<Verdict> {
    if let Some(freeze) = &input.decision.frozen {
        return Some(Verdict::holds(freeze.reason, freeze.message.clone()));
    }
    if let Some((step, trouble)) = input.outcome.failure()
        && trouble.disposition == Disposition::WaitForChange
    {
        return Some(Verdict::holds(
            trouble.reason,
            format!("Could not {step}: {}", trouble.message),
        ));
    }
    if let Some(conflict) = drift.conflicts.first() {
        return Some(Verdict::holds(conflict.reason, conflict.message.clone()));
    }
    denied(drift)
        .or_else(|| waits_for_a_person(input))
        .or_else(|| transition::stalled(input))
}

/// Drift that keeps pods from their role and that nobody repairs: the drift policy has it only reported.
fn only_reported(
    input: &SummaryInput<'_>,
    drift: &Drift,
    ready_inputs: &ReadyInputs,
    ready: &Verdict,
) -> Option<Verdict> {
    let rests =
        input.gate == WriteGate::Open && input.decision.plan.is_empty() && ready_inputs.settles_in.is_none();
    let stands = drift
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
    let contested = contested(drift).map(|verdict| verdict.message);
    let reported = "Others changed what pods need, and spec.driftPolicy: Report keeps Lanyard from repairing it. Put it back, or set Correct; see status.drift.";
    let message = contested.unwrap_or_else(|| reported.to_owned());
    (rests && stands && ready.status == ConditionStatus::False).then(|| Verdict::holds(reason, message))
}

/// A read that is refused stays refused until somebody grants it.
fn denied(drift: &Drift) -> Option<Verdict> {
    drift
        .differences
        .iter()
        .find_map(|difference| match &difference.cause {
            Cause::Unreadable(why @ ReadError::Denied(_)) => {
                let what = difference.field.resource().as_str();
                Some(Verdict::holds(
                    Reason::AccessDenied,
                    format!("{what} could not be read: {why}"),
                ))
            }
            _ => None,
        })
}

/// An existing role that is missing or does not let the subject in is its owner's to mend; off EKS somebody has to
/// install the webhook.
fn waits_for_a_person(input: &SummaryInput<'_>) -> Option<Verdict> {
    let Desired::Present(wanted) = &input.decision.desired else {
        return None;
    };
    let awaits = |what| input.decision.plan.waiting_for.contains(&what);
    if awaits(WaitReason::Webhook) {
        return Some(Verdict::holds(Reason::WebhookMissing, WEBHOOK_MISSING));
    }
    let arn = &wanted.binding.role_arn;
    let (others, kept_by_others) = match wanted.role {
        DesiredRole::Existing => (true, true),
        DesiredRole::Shared(_) => (true, false),
        DesiredRole::Managed(_) | DesiredRole::Adopted(..) | DesiredRole::Held => (false, false),
    };
    if others && awaits(WaitReason::Role) {
        return Some(Verdict::holds(
            Reason::RoleNotFound,
            format!("{arn} does not exist. Create it, or correct the ARN."),
        ));
    }
    (kept_by_others && awaits(WaitReason::Trust)).then(|| {
        Verdict::holds(
            Reason::TrustMissing,
            format!(
                "{arn} belongs to somebody else, who has to let {} in; see TrustReady for the statement.",
                wanted.subject
            ),
        )
    })
}

fn reconciling(input: &SummaryInput<'_>, drift: &Drift, ready: &Verdict, stalled: bool) -> Option<Verdict> {
    if stalled {
        return None;
    }
    if matches!(input.decision.desired, Desired::Absent(_)) {
        return Some(going(input));
    }
    if let Some((step, trouble)) = input.outcome.failure().or_else(|| input.outcome.waiting()) {
        return Some(Verdict::holds(
            trouble.reason,
            format!("Could not {step} yet: {}", trouble.message),
        ));
    }
    if ready.status == ConditionStatus::True {
        return None;
    }
    if let WriteGate::ReportOnly(reporting) = input.gate {
        let next = input
            .decision
            .plan
            .steps()
            .next()
            .map(|step| format!(" Next would be: {step}."))
            .unwrap_or_default();
        return Some(Verdict::holds(
            reporting.reason(),
            format!("Nothing is changed ({}).{next}", reporting.reason()),
        ));
    }
    let unread = drift
        .differences
        .iter()
        .find_map(|difference| match &difference.cause {
            Cause::Unreadable(why) => Some((difference.field.resource(), why)),
            _ => None,
        });
    // Where nothing is done for want of reading, that is what is to be known, whatever else is not there yet.
    let waits = ready.status == ConditionStatus::Unknown || input.decision.plan.is_empty();
    if let Some((resource, why)) = unread.filter(|_| waits) {
        return Some(Verdict::holds(
            Reason::Unreadable,
            format!("{} could not be read: {why}", resource.as_str()),
        ));
    }
    Some(Verdict::holds(ready.reason, ready.message.clone()))
}

/// What keeps an object that is being deleted.
fn going(input: &SummaryInput<'_>) -> Verdict {
    if let Some((step, trouble)) = input.outcome.failure().or_else(|| input.outcome.waiting()) {
        return Verdict::holds(Reason::Deleting, format!("Could not {step}: {}", trouble.message));
    }
    if let WriteGate::ReportOnly(reporting) = input.gate {
        let message = format!(
            "Nothing is removed ({}); the finalizer holds the object until then.",
            reporting.reason()
        );
        return Verdict::holds(reporting.reason(), message);
    }
    let unread = input
        .decision
        .drift
        .differences
        .iter()
        .find_map(|difference| match &difference.cause {
            Cause::Unreadable(why) => Some(format!(
                "{} could not be read: {why}",
                difference.field.resource().as_str()
            )),
            _ => None,
        });
    let awaits = |what| input.decision.plan.waiting_for.contains(&what);
    if awaits(WaitReason::Holders) {
        return in_use(input);
    }
    let waits = awaits(WaitReason::Reading);
    let unread = unread.or_else(|| unread_pods(input).filter(|_| waits));
    let otherwise = if waits {
        "Nothing is deleted before everything on it can be read; Lanyard decisions again soon."
    } else {
        "What Lanyard owns is being removed."
    };
    Verdict::holds(Reason::Deleting, unread.unwrap_or_else(|| otherwise.to_owned()))
}

/// Pods keep what is only removed when unused.
fn in_use(input: &SummaryInput<'_>) -> Verdict {
    let pods = match input.after.pods.present().map_or(0, PodList::total) {
        1 => "1 pod uses".to_owned(),
        count => format!("{count} pods use"),
    };
    Verdict::holds(
        Reason::InUse,
        format!(
            "Nothing is removed while {pods} this ServiceAccount (deletionPolicy: DeleteWhenUnused). Delete them or scale them down, or set deletionPolicy: Delete."
        ),
    )
}

fn unread_pods(input: &SummaryInput<'_>) -> Option<String> {
    let why = input.after.pods.unreadable()?;
    Some(format!("The pods could not be listed: {why}"))
}

fn pods_current(input: &SummaryInput<'_>) -> Verdict {
    let Some(pods) = input.after.pods.present() else {
        let why = input
            .after
            .pods
            .unreadable()
            .cloned()
            .unwrap_or(ReadError::NotRead);
        return Verdict::as_before(input.previous, ConditionType::PodsCurrent, "The pods", &why);
    };
    match &input.decision.desired {
        Desired::Present(wanted) => {
            let moving = transition::under_way(input);
            let asked = moving.map_or(&wanted.binding, |transition| &transition.wanted);
            let since = moving.and_then(|transition| transition.made_before);
            let moving = moving.and_then(|moving| transition::stale(moving, pods.stale(asked, since)));
            moving.unwrap_or_else(|| pods_verdict(pods, asked, since))
        }
        Desired::Absent(_) => Verdict::fails(Reason::Deleting, "The object is being deleted."),
    }
}

/// Whether the holders carry what a binding by this method gives.
pub(super) fn pods_verdict(pods: &PodList, binding: &Binding, since: Option<Timestamp>) -> Verdict {
    let stale = pods.stale(binding, since);
    match (pods.total(), stale) {
        (0, _) => Verdict::holds(Reason::PodsCurrent, "No pod uses this ServiceAccount."),
        (_, 0) => Verdict::holds(
            Reason::PodsCurrent,
            "Every pod carries the credentials that the spec asks for.",
        ),
        (_, 1) => Verdict::fails(
            Reason::PodsStale,
            "1 pod carries other credentials or none: it was created before the binding. Restart its workload when it suits.",
        ),
        (_, stale) => Verdict::fails(
            Reason::PodsStale,
            format!(
                "{stale} pods carry other credentials or none: they were created before the binding. Restart their workloads when it suits."
            ),
        ),
    }
}

/// Somebody else writes what Lanyard writes.
fn contested(drift: &Drift) -> Option<Verdict> {
    let contested = drift
        .differences
        .iter()
        .filter(|difference| difference.cause == Cause::Contested);
    let fields: Vec<String> = contested
        .map(|difference| format!("{} {}", difference.field.resource().as_str(), difference.field))
        .collect();
    (!fields.is_empty()).then(|| {
        let fields = text::list(fields.get(..3).unwrap_or(&fields));
        let message = format!(
            "Somebody changes {fields} again each time that Lanyard puts it back. Lanyard tries ever more rarely: find out who it is (CloudTrail), and let one of the two decide."
        );
        Verdict::fails(Reason::Contested, message)
    })
}

fn in_sync(input: &SummaryInput<'_>, drift: &Drift, found: &Found) -> Verdict {
    let items = &found.status.items;
    let stands: Vec<String> = items
        .iter()
        .filter(|item| item.reason != Some(DriftReason::Unreadable))
        .map(|item| format!("{} {}", item.resource, item.field))
        .collect();
    if let Some(verdict) = contested(drift) {
        return verdict;
    }
    if !stands.is_empty() {
        let more = found.status.count.saturating_sub(3);
        let shown = text::list(stands.get(..3).unwrap_or(&stands));
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        return Verdict::fails(
            Reason::Drifted,
            format!("Differs: {shown}{more}. See status.drift.items."),
        );
    }
    if let Some(item) = items.first() {
        let why = item.observed.as_deref().unwrap_or_default();
        return Verdict::unknown(
            Reason::Unreadable,
            format!("{} could not be read: {why}", item.resource),
        );
    }
    if let Some(conflict) = drift.conflicts.first() {
        return Verdict::unknown(conflict.reason, conflict.message.clone());
    }
    let waits = |cause: &Cause| {
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
    if let (Some(what), Some(freeze)) = (waits(&Cause::Frozen), &input.decision.frozen) {
        return Verdict::fails(freeze.reason, format!("Not applied: {what}; see Stalled."));
    }
    if let Some(what) = waits(&Cause::Spec) {
        return Verdict::fails(Reason::Progressing, format!("Not applied yet: {what}."));
    }
    Verdict::holds(Reason::InSync, "Everything read is as wanted.")
}

/// Where nobody knows how far a change has come, it stands where it stood.
fn transitioning_before(input: &SummaryInput<'_>) -> Option<Verdict> {
    let before = input.previous.condition(ConditionType::Transitioning)?;
    matches!(input.decision.stage, TransitionState::Unknown(..))
        .then(|| Verdict::holds(before.reason, before.message.clone()))
}
