//! What a look came to, in words that a reader of a scenario can follow.
//! Drift, plan, events and status in, texts out; no I/O.

use anyhow::Result;
use lanyard_api::WorkloadIdentityStatus;
use lanyard_core::reconcile::diff::{Cause, Difference, Drift};
use lanyard_core::reconcile::plan::Plan;
use lanyard_core::reconcile::summary::{Event, EventKind, Summary};

pub fn drift(drift: &Drift, goes: bool) -> String {
    let mut text = String::new();
    for difference in &drift.differences {
        text += &difference_lines(difference, goes);
    }
    for conflict in &drift.conflicts {
        text += &format!("{}: {}\n", conflict.reason, conflict.message);
    }
    if text.is_empty() {
        text.push_str("Nothing differs.\n");
    }
    text
}

/// One line for each part that differs: resource, field, wanted and found, and why they differ.
fn difference_lines(difference: &Difference, goes: bool) -> String {
    let resource = difference.field.resource().as_str();
    let cause = match &difference.cause {
        Cause::Spec if goes => "it goes with its object".to_owned(),
        Cause::Spec => "the spec asks for it".to_owned(),
        Cause::Frozen => "the spec asks for it, and the identity is frozen".to_owned(),
        Cause::OutOfBand => "changed by others".to_owned(),
        Cause::Contested => "changed by others again each time".to_owned(),
        Cause::Unmanaged => "not ours to change".to_owned(),
        Cause::Adopted => "put there by others, on an adopted role".to_owned(),
        Cause::Unreadable(why) => return format!("{resource} {}: not read: {why}\n", difference.field),
    };
    let or_nothing = |text: Option<&String>| text.map_or("nothing".to_owned(), ToString::to_string);
    let line = |field: &str, wanted: Option<&String>, found: Option<&String>| {
        let (wanted, found) = (or_nothing(wanted), or_nothing(found));
        format!("{resource} {field}: wanted {wanted}, found {found} ({cause})\n")
    };
    if difference.parts.is_empty() {
        let text = |value: &Option<lanyard_core::model::field::Value>| {
            value.as_ref().map(|value| value.text.clone())
        };
        let (wanted, found) = (text(&difference.desired), text(&difference.observed));
        return line(&difference.field.to_string(), wanted.as_ref(), found.as_ref());
    }
    let parts = difference.parts.iter();
    parts
        .map(|(field, wanted, found)| line(field, wanted.as_ref(), found.as_ref()))
        .collect()
}

/// One step a line, numbered by stage: what has the same number is done side by side.
pub fn plan(plan: &Plan) -> String {
    let mut text = String::new();
    for (at, stage) in plan.waves.iter().enumerate() {
        for step in stage {
            text += &format!("{}. {step}\n", at + 1);
        }
    }
    for what in &plan.waiting_for {
        text += &format!("then wait for: {what:?}\n");
    }
    if text.is_empty() {
        text.push_str("Nothing to do.\n");
    }
    text
}

pub fn events(events: &[Event]) -> String {
    let kind = |kind| match kind {
        EventKind::Normal => "Normal",
        EventKind::Warning => "Warning",
    };
    let line = |event: &Event| format!("{} {}: {}\n", kind(event.kind), event.reason, event.note);
    let lines: String = events.iter().map(line).collect();
    if lines.is_empty() {
        "No events.\n".to_owned()
    } else {
        lines
    }
}

/// The status as users see it. `applied` holds digests, which tell a reader nothing.
pub fn status(summary: &Summary) -> Result<String> {
    let mut status = WorkloadIdentityStatus::from_core(&summary.status);
    status.last_applied_hashes.clear();
    let options = serde_saphyr::ser_options! { compact_list_indent: true, prefer_block_scalars: false };
    Ok(serde_saphyr::to_string_with_options(&status, options)?)
}
