//! The texts of the expected files. Drift, plan, events and status in, texts out; no I/O.

use anyhow::Result;
use lanyard_api::WorkloadIdentityStatus;
use lanyard_core::reconcile::diff::{Cause, Difference, Drift};
use lanyard_core::reconcile::plan::Plan;
use lanyard_core::reconcile::summary::{Event, EventKind, Summary};

pub fn drift(drift: &Drift, is_deleting: bool) -> String {
    let mut text = String::new();
    for difference in &drift.differences {
        text += &difference_lines(difference, is_deleting);
    }
    for conflict in &drift.conflicts {
        text += &format!("{}: {}\n", conflict.reason, conflict.message);
    }
    if text.is_empty() {
        text.push_str("No drift.\n");
    }
    text
}

/// One line for each part that differs: resource, field, expected and observed value, and cause.
fn difference_lines(difference: &Difference, is_deleting: bool) -> String {
    let resource = difference.field.resource().as_str();
    let cause = match &difference.cause {
        Cause::Spec if is_deleting => "the object is being deleted".to_owned(),
        Cause::Spec => "spec change".to_owned(),
        Cause::Frozen => "spec change, identity frozen".to_owned(),
        Cause::OutOfBand => "out of band".to_owned(),
        Cause::Contested => "contested".to_owned(),
        Cause::Unmanaged => "unmanaged".to_owned(),
        Cause::Adopted => "foreign field of an adopted role".to_owned(),
        Cause::Unreadable(error) => return format!("{resource} {}: unreadable: {error}\n", difference.field),
    };
    let or_none = |text: Option<&String>| text.map_or("none".to_owned(), ToString::to_string);
    let line = |field: &str, desired: Option<&String>, observed: Option<&String>| {
        let (desired, observed) = (or_none(desired), or_none(observed));
        format!("{resource} {field}: expected {desired}, observed {observed} ({cause})\n")
    };
    if difference.parts.is_empty() {
        let text = |value: &Option<lanyard_core::model::field::Value>| {
            value.as_ref().map(|value| value.text.clone())
        };
        let desired = text(&difference.desired);
        let observed = text(&difference.observed);
        return line(&difference.field.to_string(), desired.as_ref(), observed.as_ref());
    }
    let parts = difference.parts.iter();
    parts
        .map(|(field, desired, observed)| line(field, desired.as_ref(), observed.as_ref()))
        .collect()
}

/// One step per line, numbered by wave: steps with the same number run in parallel.
pub fn plan(plan: &Plan) -> String {
    let mut text = String::new();
    for (at, wave) in plan.waves.iter().enumerate() {
        for step in wave {
            text += &format!("{}. {step}\n", at + 1);
        }
    }
    for reason in &plan.waiting_for {
        text += &format!("waiting for: {reason:?}\n");
    }
    if text.is_empty() {
        text.push_str("No steps.\n");
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

/// The status as users see it, without `lastAppliedHashes`: digests are not readable.
pub fn status(summary: &Summary) -> Result<String> {
    let mut status = WorkloadIdentityStatus::from_core(&summary.status);
    status.last_applied_hashes.clear();
    let options = serde_saphyr::ser_options! { compact_list_indent: true, prefer_block_scalars: false };
    Ok(serde_saphyr::to_string_with_options(&status, options)?)
}
