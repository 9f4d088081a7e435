//! The events of a reconcile: each change is reported once, when it happens. Drift report, outcome and status
//! in, events out; no I/O. Messages are truncated here.

use lanyard_iam_policy::mistakes::mistakes;

use super::drift::DriftReport;
use super::input::SummaryInput;
use crate::model::condition::{Condition, ConditionStatus, ConditionType};
use crate::model::field::Resource;
use crate::model::reason::Reason;
use crate::model::status::{DriftItem, Status};
use crate::model::text;
use crate::reconcile::desired::Desired;
use crate::reconcile::diff::{Cause, Difference};
use crate::reconcile::step::Step;

/// The number of events of one kind in one reconcile. Further drift is only counted.
const ITEMS_LIMIT: usize = 5;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The type of the event.
    pub kind: EventKind,
    /// The reason of the event.
    pub reason: Reason,
    /// The message of the event.
    pub note: String,
}

/// The type of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// For information.
    Normal,
    /// A user should check the object.
    Warning,
}

impl Event {
    pub(super) fn normal(reason: Reason, note: impl AsRef<str>) -> Self {
        Self {
            kind: EventKind::Normal,
            reason,
            note: text::message(note.as_ref()),
        }
    }

    pub(super) fn warning(reason: Reason, note: impl AsRef<str>) -> Self {
        Self {
            kind: EventKind::Warning,
            reason,
            note: text::message(note.as_ref()),
        }
    }
}

pub(super) fn events(input: &SummaryInput<'_>, report: &DriftReport, status: &Status) -> Vec<Event> {
    let mut events = Vec::new();
    match input.decision.desired {
        Desired::Present(_) => events.extend(steps(input)),
        Desired::Absent(_) => events.extend(removal(input)),
    }
    events.extend(policy_mistakes(input));
    events.extend(drift(Reason::DriftCorrected, &report.corrected, Event::normal));
    events.extend(contested(input, report));
    events.extend(drift(Reason::DriftFound, &report.new, Event::warning));
    events.extend(condition_changes(input, status));
    events
}

/// The changes of this reconcile that the spec caused.
fn steps(input: &SummaryInput<'_>) -> Vec<Event> {
    let by_spec = |resource| {
        let of = |difference: &&Difference| difference.field.resource() == resource;
        input
            .decision
            .drift
            .differences
            .iter()
            .filter(of)
            .any(|difference| difference.cause == Cause::Spec)
    };
    let mut events = Vec::new();
    let mut updates = Vec::new();
    let mut bindings = Vec::new();
    let created = input
        .outcome
        .done()
        .any(|(step, _)| matches!(step, Step::CreateRole { .. }));
    for (step, _) in input.outcome.done() {
        match (step, step.resource()) {
            (Step::CreateRole { role, .. }, _) => {
                events.push(Event::normal(
                    Reason::RoleCreated,
                    format!("Created role {role}."),
                ));
            }
            (Step::AdoptRole { .. } | Step::AdoptAssociation { .. }, _) => {
                events.extend(completed(Reason::Adopted, &[step.to_string()]));
            }
            (Step::InstallAgent {}, _) => {
                let note = "Installed the EKS add-on eks-pod-identity-agent.";
                events.push(Event::normal(Reason::AgentInstalled, note));
            }
            (Step::RestartWorkload { owner, .. }, _) => {
                events.push(Event::normal(Reason::Restarted, format!("Restarted {owner}.")));
            }
            // The role of the previous binding, which the drift does not include.
            (Step::DeleteRole { .. } | Step::ReleaseRole { .. }, _) => updates.push(step.to_string()),
            (_, Some(Resource::Role)) if !created && by_spec(Resource::Role) => {
                updates.push(step.to_string())
            }
            (_, Some(on @ (Resource::Association | Resource::ServiceAccount))) if by_spec(on) => {
                bindings.push(step.to_string());
            }
            _ => {}
        }
    }
    events.extend(completed(Reason::RoleUpdated, &updates));
    events.extend(completed(Reason::BindingUpdated, &bindings));
    events
}

/// Probable mistakes in the policies that this reconcile wrote. IAM accepts them, and the pod would be denied later.
fn policy_mistakes(input: &SummaryInput<'_>) -> Option<Event> {
    let mut found = Vec::new();
    for (step, _) in input.outcome.done() {
        if let Step::PutInlinePolicy { name, document, .. } = step {
            let mistakes = mistakes(&document.to_value()).into_iter();
            found.extend(
                mistakes
                    .map(|mistake| format!("inline policy {name}, {}: {}", mistake.place, mistake.problem)),
            );
        }
    }
    found.truncate(ITEMS_LIMIT);
    (!found.is_empty()).then(|| Event::warning(Reason::PolicyMistake, found.join(" ")))
}

/// The resources that this reconcile removed or released with their object: one event each.
fn removal(input: &SummaryInput<'_>) -> Vec<Event> {
    let (mut removed, mut released) = (Vec::new(), Vec::new());
    for (step, _) in input.outcome.done() {
        match step {
            Step::ReleaseRole { .. } | Step::ReleaseAssociation {} => released.push(step.to_string()),
            // AWS requires these steps before it deletes the role.
            Step::DetachPolicy { .. }
            | Step::DeleteInlinePolicy { .. }
            | Step::LeaveInstanceProfiles { .. } => {}
            step if step.resource().is_some() => removed.push(step.to_string()),
            _ => {}
        }
    }
    let removed = completed(Reason::Removed, &removed);
    removed
        .into_iter()
        .chain(completed(Reason::Released, &released))
        .collect()
}

/// Corrections of fields that another writer keeps changing.
fn contested(input: &SummaryInput<'_>, report: &DriftReport) -> Option<Event> {
    let again = report
        .corrected_fields
        .iter()
        .filter(|key| input.decision.contested.contains(*key));
    let again: Vec<String> = again.take(ITEMS_LIMIT).cloned().collect();
    (!again.is_empty()).then(|| {
        let note = format!(
            "Corrected again: {}. Another writer reverts each correction. Find the writer in CloudTrail, and let only one of the two manage the fields.",
            text::list(&again)
        );
        Event::warning(Reason::Contested, note)
    })
}

fn completed(reason: Reason, steps: &[String]) -> Option<Event> {
    (!steps.is_empty()).then(|| Event::normal(reason, format!("Completed: {}.", text::list(steps))))
}

fn drift(reason: Reason, items: &[DriftItem], event: fn(Reason, String) -> Event) -> Vec<Event> {
    let mut events: Vec<Event> = items
        .iter()
        .take(ITEMS_LIMIT)
        .map(|item| event(reason, difference_message(item)))
        .collect();
    if let Some(more) = items.len().checked_sub(ITEMS_LIMIT).filter(|more| *more > 0) {
        events.push(event(reason, format!("{more} more fields, see status.drift.")));
    }
    events
}

fn difference_message(item: &DriftItem) -> String {
    let or_no_value = |text: &Option<String>| text.clone().unwrap_or_else(|| "no value".to_owned());
    format!(
        "{} {}: desired {}, observed {}",
        item.resource,
        item.field,
        or_no_value(&item.desired),
        or_no_value(&item.observed)
    )
}

/// The changes of conditions that are worth an event.
fn condition_changes(input: &SummaryInput<'_>, status: &Status) -> Vec<Event> {
    let changed = |kind| {
        let now = status.condition(kind)?;
        let before = input.previous.condition(kind);
        let is_same = before.is_some_and(|before| before.status == now.status && before.reason == now.reason);
        (!is_same).then_some((before, now))
    };
    let ready = changed(ConditionType::Ready).and_then(|(before, now)| ready_changed(before, now, status));
    let stalled = changed(ConditionType::Stalled).map(|(_, now)| Event::warning(now.reason, &now.message));
    // A stalled transition is reported once, as stalled.
    let transition = changed(ConditionType::Transitioning).filter(|_| stalled.is_none());
    let transition = transition.map(|(_, now)| Event::normal(now.reason, &now.message));
    let ended = input.previous.transition.is_some() && status.transition.is_none();
    let ended = ended.then(|| {
        let note = "The transition is complete: all pods use the binding of the spec, and the old binding is removed.";
        Event::normal(Reason::BindingChanged, note)
    });
    let recreated = status.condition(ConditionType::RoleReady).filter(|now| {
        let before = input.previous.condition(ConditionType::RoleReady);
        now.reason == Reason::RoleRecreated && before.is_none_or(|before| before.message != now.message)
    });
    let recreated = recreated.map(|now| Event::warning(now.reason, &now.message));
    let contested = changed(ConditionType::InSync).filter(|(_, now)| now.reason == Reason::Contested);
    let contested = contested.map(|(_, now)| Event::warning(now.reason, &now.message));
    [ready, recreated, contested, stalled, transition, ended]
        .into_iter()
        .flatten()
        .collect()
}

/// Ready became true, or it became false and no other event reports the cause: a deletion, a stall and a
/// transition do.
fn ready_changed(before: Option<&Condition>, now: &Condition, status: &Status) -> Option<Event> {
    let was_ready = before.is_some_and(|before| before.status == ConditionStatus::True);
    let is_reported = [ConditionType::Stalled, ConditionType::Transitioning]
        .iter()
        .any(|kind| status.condition(*kind).is_some());
    match (now.status, now.reason) {
        (ConditionStatus::True, _) => Some(Event::normal(now.reason, &now.message)),
        (
            _,
            Reason::Deleting
            | Reason::AwaitingConsistency
            | Reason::Propagating
            | Reason::Settling
            | Reason::Progressing,
        ) => None,
        (ConditionStatus::False, _) if was_ready && !is_reported => {
            Some(Event::warning(now.reason, &now.message))
        }
        (ConditionStatus::False | ConditionStatus::Unknown, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{applied, carry_out, decide, rendered, spec};
    use crate::model::fact::{Fact, ReadError};
    use crate::model::name::PolicyName;
    use crate::model::spec::{DriftPolicy, Method, Spec};
    use crate::model::status::DRIFT_ITEMS_LIMIT;
    use crate::reconcile::outcome::Outcome;
    use lanyard_iam_policy::Document;

    fn reporting() -> Spec {
        Spec {
            drift_policy: Some(DriftPolicy::Report),
            ..spec(Method::Irsa)
        }
    }

    fn reasons(events: &[Event]) -> Vec<Reason> {
        events.iter().map(|event| event.reason).collect()
    }

    #[test]
    fn drift_beyond_the_limit_is_reported_once_and_counted() {
        let (identity, mut world, status) = applied(&reporting());
        let role = world.roles.get_mut(identity.role_arn()).unwrap();
        let grants = serde_json::json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
        ]});
        let document = Document::from_value(grants).unwrap();
        let extras = (0..30).map(|at| {
            (
                PolicyName::parse(format!("extra-{at}")).unwrap(),
                document.clone(),
            )
        });
        role.inline = Fact::Present(extras.collect());
        let first = carry_out(&decide(&identity, &status, &world), &status, &mut world);
        assert_eq!(first.status.drift.count, 30);
        assert_eq!(first.status.drift.items.len(), DRIFT_ITEMS_LIMIT);
        assert_eq!(reasons(&first.events), vec![Reason::DriftFound; ITEMS_LIMIT + 1]);
        let again = carry_out(
            &decide(&identity, &first.status, &world),
            &first.status,
            &mut world,
        );
        assert_eq!(again.events, vec![]);
        assert_eq!(again.status, first.status);
    }

    #[test]
    fn unreadable_field_is_not_reported_as_drift() {
        let (identity, mut world, status) = applied(&spec(Method::Irsa));
        world.roles.get_mut(identity.role_arn()).unwrap().inline = Fact::Unreadable(ReadError::Throttled);
        let decision = decide(&identity, &status, &world);
        assert_eq!(
            rendered(&decision, &status, &world, &Outcome::default()).events,
            vec![]
        );
    }

    #[test]
    fn lost_readiness_is_reported_once() {
        let (identity, mut world, status) = applied(&spec(Method::PodIdentity));
        world.agent = Fact::Absent;
        let first = carry_out(&decide(&identity, &status, &world), &status, &mut world);
        assert_eq!(reasons(&first.events), vec![Reason::AgentNotReady]);
        let again = carry_out(
            &decide(&identity, &first.status, &world),
            &first.status,
            &mut world,
        );
        assert_eq!(again.events, vec![]);
    }

    #[test]
    fn new_binding_reports_its_steps_and_readiness() {
        let identity = crate::example::identity(&spec(Method::Irsa));
        let mut world = crate::example::world(&identity);
        let none = Status::default();
        let summary = carry_out(&decide(&identity, &none, &world), &none, &mut world);
        let expected = [Reason::RoleCreated, Reason::BindingUpdated];
        assert_eq!(reasons(&summary.events), expected);
        let mut before = summary.status;
        for condition in &mut before.conditions {
            condition.last_transition_time = "2026-03-01T11:00:00Z".parse().unwrap();
        }
        let summary = carry_out(&decide(&identity, &before, &world), &before, &mut world);
        assert_eq!(reasons(&summary.events), [Reason::Bound], "after propagation");
    }
}
