//! Summarise, the conditions: every row of the table of conditions is judged here, in its order.
//! Verdicts and the outcome in, conditions out; no I/O.

use jiff::Timestamp;

use super::agent::WEBHOOK_MISSING;
use super::found::Found;
use super::three::Three;
use super::{Told, Verdict, transition};
use crate::binding::Binding;
use crate::condition::{CONDITIONS, Condition, ConditionStatus, ConditionType};
use crate::desired::{Desired, WantedRole};
use crate::drift::{Cause, Difference, Drift};
use crate::fact::Why;
use crate::gate::Gate;
use crate::holder::Pods;
use crate::outcome::Disposition;
use crate::plan::Await;
use crate::reason::Reason;
use crate::stage::Stage;
use crate::status::Standing;
use crate::text;

pub(super) fn of(told: &Told<'_>, drift: &Drift, three: &Three, found: &Found) -> Vec<Condition> {
    let ready = held_back(told, drift).unwrap_or_else(|| ready(told, three));
    let stalled = stalled(told, drift).or_else(|| only_reported(told, drift, three, &ready));
    let reconciling = reconciling(told, drift, &ready, stalled.is_some());
    let mut ready = Some(ready);
    let mut stalled = stalled;
    let mut reconciling = reconciling;
    let mut conditions = Vec::new();
    for row in CONDITIONS {
        let verdict = match row.kind {
            ConditionType::Ready => ready.take(),
            ConditionType::Reconciling => reconciling.take(),
            ConditionType::Stalled => stalled.take(),
            ConditionType::RoleReady => Some(three.role.clone()),
            ConditionType::TrustReady => Some(three.trust.clone()),
            ConditionType::BindingReady => Some(three.binding.clone()),
            ConditionType::PodsCurrent => Some(pods_current(told)),
            ConditionType::InSync => Some(in_sync(told, drift, found)),
            ConditionType::Transitioning => transition::verdict(told).or_else(|| transitioning_before(told)),
        };
        let condition =
            |verdict: Verdict| verdict.into_condition(row.kind, told.previous, told.generation, told.now);
        conditions.extend(verdict.map(condition));
    }
    conditions
}

/// The spec asks for something that is not applied because the identity is frozen: a pod created now does not get it.
fn held_back(told: &Told<'_>, drift: &Drift) -> Option<Verdict> {
    let freeze = told.look.frozen.as_ref()?;
    let held = |difference: &Difference| difference.cause == Cause::Held;
    let waits = transition::under_way(told).is_some() || drift.differences.iter().any(held);
    waits.then(|| Verdict::fails(freeze.reason, freeze.message.clone()))
}

fn ready(told: &Told<'_>, three: &Three) -> Verdict {
    if let Some(verdict) = transition::not_ready(told) {
        return verdict;
    }
    let worst = |status| {
        three
            .all()
            .into_iter()
            .find(|(_, verdict)| verdict.status == status)
    };
    let Some((_, verdict)) = worst(ConditionStatus::False).or_else(|| worst(ConditionStatus::Unknown)) else {
        return Verdict::holds(Reason::Bound, three.binding.message.clone());
    };
    verdict.clone()
}

/// Nothing more happens until somebody acts.
fn stalled(told: &Told<'_>, drift: &Drift) -> Option<Verdict> {
    if let Some(freeze) = &told.look.frozen {
        return Some(Verdict::holds(freeze.reason, freeze.message.clone()));
    }
    if let Some((step, trouble)) = told.outcome.failure()
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
        .or_else(|| waits_for_a_person(told))
        .or_else(|| transition::stalled(told))
}

/// Drift that keeps pods from their role and that nobody repairs: the drift policy has it only reported.
fn only_reported(told: &Told<'_>, drift: &Drift, three: &Three, ready: &Verdict) -> Option<Verdict> {
    let rests = told.gate == Gate::Open && told.look.plan.is_empty() && three.settles_in.is_none();
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
            Cause::Unreadable(why @ Why::Denied(_)) => {
                let what = difference.aspect.resource().word();
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
fn waits_for_a_person(told: &Told<'_>) -> Option<Verdict> {
    let Desired::Present(wanted) = &told.look.desired else {
        return None;
    };
    let awaits = |what| told.look.plan.then.contains(&what);
    if awaits(Await::Webhook) {
        return Some(Verdict::holds(Reason::WebhookMissing, WEBHOOK_MISSING));
    }
    let arn = &wanted.binding.role_arn;
    let (others, kept_by_others) = match wanted.role {
        WantedRole::Existing => (true, true),
        WantedRole::Shared(_) => (true, false),
        WantedRole::Managed(_) | WantedRole::Adopted(..) | WantedRole::Held => (false, false),
    };
    if others && awaits(Await::Role) {
        return Some(Verdict::holds(
            Reason::RoleNotFound,
            format!("{arn} does not exist. Create it, or correct the ARN."),
        ));
    }
    (kept_by_others && awaits(Await::Trust)).then(|| {
        Verdict::holds(
            Reason::TrustMissing,
            format!(
                "{arn} belongs to somebody else, who has to let {} in; see TrustReady for the statement.",
                wanted.subject
            ),
        )
    })
}

fn reconciling(told: &Told<'_>, drift: &Drift, ready: &Verdict, stalled: bool) -> Option<Verdict> {
    if stalled {
        return None;
    }
    if matches!(told.look.desired, Desired::Absent(_)) {
        return Some(going(told));
    }
    if let Some((step, trouble)) = told.outcome.failure().or_else(|| told.outcome.waiting()) {
        return Some(Verdict::holds(
            trouble.reason,
            format!("Could not {step} yet: {}", trouble.message),
        ));
    }
    if ready.status == ConditionStatus::True {
        return None;
    }
    if let Gate::ReportOnly(reporting) = told.gate {
        let next = told
            .look
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
            Cause::Unreadable(why) => Some((difference.aspect.resource(), why)),
            _ => None,
        });
    // Where nothing is done for want of reading, that is what is to be known, whatever else is not there yet.
    let waits = ready.status == ConditionStatus::Unknown || told.look.plan.is_empty();
    if let Some((resource, why)) = unread.filter(|_| waits) {
        return Some(Verdict::holds(
            Reason::Unreadable,
            format!("{} could not be read: {why}", resource.word()),
        ));
    }
    Some(Verdict::holds(ready.reason, ready.message.clone()))
}

/// What keeps an object that is being deleted.
fn going(told: &Told<'_>) -> Verdict {
    if let Some((step, trouble)) = told.outcome.failure().or_else(|| told.outcome.waiting()) {
        return Verdict::holds(Reason::Deleting, format!("Could not {step}: {}", trouble.message));
    }
    if let Gate::ReportOnly(reporting) = told.gate {
        let message = format!(
            "Nothing is removed ({}); the finalizer holds the object until then.",
            reporting.reason()
        );
        return Verdict::holds(reporting.reason(), message);
    }
    let unread = told
        .look
        .drift
        .differences
        .iter()
        .find_map(|difference| match &difference.cause {
            Cause::Unreadable(why) => Some(format!(
                "{} could not be read: {why}",
                difference.aspect.resource().word()
            )),
            _ => None,
        });
    let awaits = |what| told.look.plan.then.contains(&what);
    if awaits(Await::Holders) {
        return in_use(told);
    }
    let waits = awaits(Await::Reading);
    let unread = unread.or_else(|| unread_pods(told).filter(|_| waits));
    let otherwise = if waits {
        "Nothing is deleted before everything on it can be read; Lanyard looks again soon."
    } else {
        "What Lanyard owns is being removed."
    };
    Verdict::holds(Reason::Deleting, unread.unwrap_or_else(|| otherwise.to_owned()))
}

/// Pods keep what is only removed when unused.
fn in_use(told: &Told<'_>) -> Verdict {
    let pods = match told.after.pods.present().map_or(0, Pods::total) {
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

fn unread_pods(told: &Told<'_>) -> Option<String> {
    let why = told.after.pods.unreadable()?;
    Some(format!("The pods could not be listed: {why}"))
}

fn pods_current(told: &Told<'_>) -> Verdict {
    let Some(pods) = told.after.pods.present() else {
        let why = told.after.pods.unreadable().cloned().unwrap_or(Why::NotRead);
        return Verdict::as_before(told.previous, ConditionType::PodsCurrent, "The pods", &why);
    };
    match &told.look.desired {
        Desired::Present(wanted) => {
            let moving = transition::under_way(told);
            let asked = moving.map_or(&wanted.binding, |transition| &transition.wanted);
            let since = moving.and_then(|transition| transition.made_before);
            let moving = moving.and_then(|moving| transition::stale(moving, pods.stale(asked, since)));
            moving.unwrap_or_else(|| pods_verdict(pods, asked, since))
        }
        Desired::Absent(_) => Verdict::fails(Reason::Deleting, "The object is being deleted."),
    }
}

/// Whether the holders carry what a binding by this method gives.
pub(super) fn pods_verdict(pods: &Pods, binding: &Binding, since: Option<Timestamp>) -> Verdict {
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
        .map(|difference| format!("{} {}", difference.aspect.resource().word(), difference.aspect))
        .collect();
    (!fields.is_empty()).then(|| {
        let fields = text::list(fields.get(..3).unwrap_or(&fields));
        let message = format!(
            "Somebody changes {fields} again each time that Lanyard puts it back. Lanyard tries ever more rarely: find out who it is (CloudTrail), and let one of the two decide."
        );
        Verdict::fails(Reason::Contested, message)
    })
}

fn in_sync(told: &Told<'_>, drift: &Drift, found: &Found) -> Verdict {
    let items = &found.status.items;
    let stands: Vec<String> = items
        .iter()
        .filter(|item| item.why != Some(Standing::Unreadable))
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
        let why = item.found.as_deref().unwrap_or_default();
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
            difference.aspect.resource().word(),
            difference.aspect
        ))
    };
    if let (Some(what), Some(freeze)) = (waits(&Cause::Held), &told.look.frozen) {
        return Verdict::fails(freeze.reason, format!("Not applied: {what}; see Stalled."));
    }
    if let Some(what) = waits(&Cause::Spec) {
        return Verdict::fails(Reason::Progressing, format!("Not applied yet: {what}."));
    }
    Verdict::holds(Reason::InSync, "Everything read is as wanted.")
}

/// Where nobody knows how far a change has come, it stands where it stood.
fn transitioning_before(told: &Told<'_>) -> Option<Verdict> {
    let before = told.previous.condition(ConditionType::Transitioning)?;
    matches!(told.look.stage, Stage::Unknown(..))
        .then(|| Verdict::holds(before.reason, before.message.clone()))
}
