//! Summarise, the events: what people are told once, at the moment it happens.
//! What was found and done in, events out; no I/O. Texts are cut short before they leave.

use super::SummaryInput;
use super::drift::Found;
use crate::model::condition::{Condition, ConditionStatus, ConditionType};
use crate::model::field::Resource;
use crate::model::reason::Reason;
use crate::model::status::{DriftItem, Status};
use crate::model::text;
use crate::reconcile::desired::Desired;
use crate::reconcile::diff::Cause;
use crate::reconcile::step::Step;

/// Events of one kind in one pass; a storm of drift is one line each and then a number.
const ITEMS_LIMIT: usize = 5;

/// One thing to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Whether somebody should look.
    pub kind: EventKind,
    /// The word for it.
    pub reason: Reason,
    /// The sentence for it.
    pub note: String,
}

/// Whether somebody should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// For the record.
    Normal,
    /// Somebody should look.
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

pub(super) fn of(input: &SummaryInput<'_>, found: &Found, status: &Status) -> Vec<Event> {
    let mut events = Vec::new();
    match input.decision.desired {
        Desired::Present(_) => events.extend(steps(input)),
        Desired::Absent(_) => events.extend(removal(input)),
    }
    events.extend(drift(Reason::DriftCorrected, &found.corrected, Event::normal));
    events.extend(contested(input, found));
    events.extend(drift(Reason::DriftFound, &found.new, Event::warning));
    events.extend(turns(input, status));
    events
}

/// What the steps of this pass changed because the spec asked for it.
fn steps(input: &SummaryInput<'_>) -> Vec<Event> {
    let by_spec = |resource| {
        let of = |difference: &&crate::reconcile::diff::Difference| difference.field.resource() == resource;
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
                events.extend(did(Reason::Adopted, &[step.to_string()]));
            }
            (Step::InstallAgent {}, _) => {
                let note = "Installed the EKS add-on eks-pod-identity-agent.";
                events.push(Event::normal(Reason::AgentInstalled, note));
            }
            (Step::RestartWorkload { owner, .. }, _) => {
                events.push(Event::normal(Reason::Restarted, format!("Restarted {owner}.")));
            }
            // The role of the binding before, which no drift tells of.
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
    events.extend(did(Reason::RoleUpdated, &updates));
    events.extend(did(Reason::BindingUpdated, &bindings));
    events
}

/// What this pass removed or let go, with the object itself: one line each.
fn removal(input: &SummaryInput<'_>) -> Vec<Event> {
    let (mut removed, mut released) = (Vec::new(), Vec::new());
    for (step, _) in input.outcome.done() {
        match step {
            Step::ReleaseRole { .. } | Step::ReleaseAssociation {} => released.push(step.to_string()),
            // Only what AWS demands before the role can go.
            Step::DetachPolicy { .. }
            | Step::DeleteInlinePolicy { .. }
            | Step::LeaveInstanceProfiles { .. } => {}
            step if step.resource().is_some() => removed.push(step.to_string()),
            _ => {}
        }
    }
    let removed = did(Reason::Removed, &removed);
    removed
        .into_iter()
        .chain(did(Reason::Released, &released))
        .collect()
}

/// What was put back once more although somebody changes it again each time.
fn contested(input: &SummaryInput<'_>, found: &Found) -> Option<Event> {
    let again = found
        .fields
        .iter()
        .filter(|key| input.decision.contested.contains(*key));
    let again: Vec<String> = again.take(ITEMS_LIMIT).cloned().collect();
    (!again.is_empty()).then(|| {
        let note = format!(
            "Put back once more, and somebody changes it again each time: {}. Find out who it is (CloudTrail), and let one of the two decide.",
            text::list(&again)
        );
        Event::warning(Reason::Contested, note)
    })
}

fn did(reason: Reason, steps: &[String]) -> Option<Event> {
    (!steps.is_empty()).then(|| Event::normal(reason, format!("Did: {}.", text::list(steps))))
}

fn drift(reason: Reason, items: &[DriftItem], event: fn(Reason, String) -> Event) -> Vec<Event> {
    let mut events: Vec<Event> = items
        .iter()
        .take(ITEMS_LIMIT)
        .map(|item| event(reason, difference_message(item)))
        .collect();
    if let Some(more) = items.len().checked_sub(ITEMS_LIMIT).filter(|more| *more > 0) {
        events.push(event(reason, format!("{more} more fields; see status.drift.")));
    }
    events
}

fn difference_message(item: &DriftItem) -> String {
    let or_nothing = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".to_owned());
    format!(
        "{} {}: wanted {}, found {}",
        item.resource,
        item.field,
        or_nothing(&item.desired),
        or_nothing(&item.observed)
    )
}

/// The conditions that turned in this pass and are worth a line.
fn turns(input: &SummaryInput<'_>, status: &Status) -> Vec<Event> {
    let turned = |kind| {
        let now = status.condition(kind)?;
        let before = input.previous.condition(kind);
        let same = before.is_some_and(|before| before.status == now.status && before.reason == now.reason);
        (!same).then_some((before, now))
    };
    let ready = turned(ConditionType::Ready).and_then(|(before, now)| ready_turned(before, now, status));
    let stalled = turned(ConditionType::Stalled).map(|(_, now)| Event::warning(now.reason, &now.message));
    // What stalls a change is told once, as what stalls.
    let change = turned(ConditionType::Transitioning).filter(|_| stalled.is_none());
    let change = change.map(|(_, now)| Event::normal(now.reason, &now.message));
    let ended = input.previous.transition.is_some() && status.transition.is_none();
    let ended = ended.then(|| {
        let note = "The change of the binding is done: new pods and old ones have what the spec asks for, and nothing of the old binding is left.";
        Event::normal(Reason::BindingChanged, note)
    });
    let recreated = status.condition(ConditionType::RoleReady).filter(|now| {
        let before = input.previous.condition(ConditionType::RoleReady);
        now.reason == Reason::RoleRecreated && before.is_none_or(|before| before.message != now.message)
    });
    let recreated = recreated.map(|now| Event::warning(now.reason, &now.message));
    let contested = turned(ConditionType::InSync).filter(|(_, now)| now.reason == Reason::Contested);
    let contested = contested.map(|(_, now)| Event::warning(now.reason, &now.message));
    [ready, recreated, contested, stalled, change, ended]
        .into_iter()
        .flatten()
        .collect()
}

/// Ready comes, or goes without anything else that says why: a deletion, a stall and a change of the binding do.
fn ready_turned(before: Option<&Condition>, now: &Condition, status: &Status) -> Option<Event> {
    let was = before.is_some_and(|before| before.status == ConditionStatus::True);
    let told_elsewhere = [ConditionType::Stalled, ConditionType::Transitioning]
        .iter()
        .any(|kind| status.condition(*kind).is_some());
    match (now.status, now.reason) {
        (ConditionStatus::True, _) => Some(Event::normal(now.reason, &now.message)),
        (_, Reason::Deleting | Reason::Settling | Reason::Progressing) => None,
        (ConditionStatus::False, _) if was && !told_elsewhere => {
            Some(Event::warning(now.reason, &now.message))
        }
        (ConditionStatus::False | ConditionStatus::Unknown, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::decide;
    use crate::example::{applied, carry_out, rendered, spec};
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
    fn more_drift_than_the_status_holds_is_told_once_and_counted() {
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
    fn what_could_not_be_read_is_no_drift() {
        let (identity, mut world, status) = applied(&spec(Method::Irsa));
        world.roles.get_mut(identity.role_arn()).unwrap().inline = Fact::Unreadable(ReadError::Throttled);
        let decision = decide(&identity, &status, &world);
        assert_eq!(
            rendered(&decision, &status, &world, &Outcome::default()).events,
            vec![]
        );
    }

    #[test]
    fn losing_ready_is_told_once() {
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
    fn a_new_binding_is_told_as_what_was_made_and_that_it_is_ready() {
        let identity = crate::example::identity(&spec(Method::Irsa));
        let mut world = crate::example::world(&identity);
        let none = Status::default();
        let summary = carry_out(&decide(&identity, &none, &world), &none, &mut world);
        let input = [Reason::RoleCreated, Reason::BindingUpdated, Reason::Bound];
        assert_eq!(reasons(&summary.events), input);
    }
}
