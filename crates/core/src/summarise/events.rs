//! Summarise, the events: what people are told once, at the moment it happens.
//! What was found and done in, events out; no I/O. Texts are cut short before they leave.

use super::Told;
use super::found::Found;
use crate::aspect::Resource;
use crate::condition::{ConditionStatus, ConditionType};
use crate::drift::Cause;
use crate::reason::Reason;
use crate::status::{DriftItem, Status};
use crate::step::Step;
use crate::text;

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

pub(super) fn of(told: &Told<'_>, found: &Found, status: &Status) -> Vec<Event> {
    let mut events = Vec::new();
    events.extend(steps(told));
    events.extend(drift(Reason::DriftCorrected, &found.corrected, Event::normal));
    events.extend(drift(Reason::DriftFound, &found.new, Event::warning));
    events.extend(turns(told, status));
    events
}

/// What the steps of this pass changed because the spec asked for it.
fn steps(told: &Told<'_>) -> Vec<Event> {
    let by_spec = |resource| {
        let of = |difference: &&crate::drift::Difference| difference.aspect.resource() == resource;
        told.look
            .drift
            .differences
            .iter()
            .filter(of)
            .any(|difference| difference.cause == Cause::Spec)
    };
    let mut events = Vec::new();
    let mut updates = Vec::new();
    let mut bindings = Vec::new();
    let created = told
        .outcome
        .done()
        .any(|(step, _)| matches!(step, Step::CreateRole { .. }));
    for (step, _) in told.outcome.done() {
        match (step, step.resource()) {
            (Step::CreateRole { role, .. }, _) => {
                events.push(Event::normal(
                    Reason::RoleCreated,
                    format!("Created role {role}."),
                ));
            }
            (Step::DeleteRole { role }, _) => {
                events.push(Event::normal(Reason::Removed, format!("Deleted role {role}.")));
            }
            (Step::ReleaseRole { .. } | Step::ReleaseAssociation {}, _) => {
                events.push(Event::normal(Reason::Released, sentence(step)));
            }
            (_, Some(Resource::Role)) if !created && by_spec(Resource::Role) => {
                updates.push(step.to_string())
            }
            (_, Some(on @ (Resource::Association | Resource::ServiceAccount))) if by_spec(on) => {
                bindings.push(step.to_string());
            }
            _ => {}
        }
    }
    let did = |reason, steps: &[String]| Event::normal(reason, format!("Did: {}.", text::list(steps)));
    events.extend((!updates.is_empty()).then(|| did(Reason::RoleUpdated, &updates)));
    events.extend((!bindings.is_empty()).then(|| did(Reason::BindingUpdated, &bindings)));
    events
}

fn sentence(step: &Step) -> String {
    format!("Did: {step}.")
}

fn drift(reason: Reason, items: &[DriftItem], event: fn(Reason, String) -> Event) -> Vec<Event> {
    let mut events: Vec<Event> = items
        .iter()
        .take(ITEMS_LIMIT)
        .map(|item| event(reason, difference_told(item)))
        .collect();
    if let Some(more) = items.len().checked_sub(ITEMS_LIMIT).filter(|more| *more > 0) {
        events.push(event(reason, format!("{more} more fields; see status.drift.")));
    }
    events
}

fn difference_told(item: &DriftItem) -> String {
    let or_nothing = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".to_owned());
    format!(
        "{} {}: wanted {}, found {}",
        item.resource,
        item.field,
        or_nothing(&item.wanted),
        or_nothing(&item.found)
    )
}

/// The conditions that turned in this pass and are worth a line.
fn turns(told: &Told<'_>, status: &Status) -> Vec<Event> {
    let mut events = Vec::new();
    for kind in [ConditionType::Ready, ConditionType::Stalled] {
        let Some(now) = status.condition(kind) else {
            continue;
        };
        let before = told.previous.condition(kind);
        let same = before.is_some_and(|before| before.status == now.status && before.reason == now.reason);
        match (kind, now.status) {
            _ if same => {}
            (ConditionType::Ready, ConditionStatus::True) => {
                events.push(Event::normal(now.reason, &now.message))
            }
            (ConditionType::Stalled, ConditionStatus::True) => {
                events.push(Event::warning(now.reason, &now.message))
            }
            _ => {}
        }
    }
    events
}
