//! The condition `InSync`: drift, fields that could not be read, and work that is not done yet. Drift report and outcome in,
//! a verdict out; no I/O.

use super::drift::DriftReport;
use super::input::SummaryInput;
use super::stalled::contested;
use super::transition;
use super::unreadable::unreadable;
use super::verdict::Verdict;
use crate::model::reason::Reason;
use crate::model::status::DriftReason;
use crate::model::text;
use crate::reconcile::diff::{Cause, Drift};
use crate::reconcile::outcome::StepResult;

/// The number of fields that a message names.
const FIELDS_NAMED: usize = 3;

/// Each verdict apart from unreadable fields and conflicts names all that is pending.
pub(super) fn in_sync(input: &SummaryInput<'_>, drift: &Drift, report: &DriftReport) -> Verdict {
    if let Some(verdict) = contested(drift) {
        return verdict;
    }
    let changed = not_applied(drift, &Cause::Spec);
    if let Some(drifted) = drifted(report) {
        let pending = changed.map(|fields| format!(" Not applied yet: {fields}."));
        let message = format!("{drifted}{}", pending.unwrap_or_default());
        return Verdict::unmet(Reason::Drifted, message);
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
    if let (Some(fields), Some(freeze)) = (not_applied(drift, &Cause::Frozen), &input.decision.frozen) {
        return Verdict::unmet(freeze.reason, format!("Not applied: {fields}. See Stalled."));
    }
    if let Some(fields) = changed {
        return Verdict::unmet(Reason::Progressing, format!("Not applied yet: {fields}."));
    }
    let message = format!("No drift detected.{}{}", unmanaged(report), pending(input));
    Verdict::met(Reason::InSync, message)
}

/// The fields that differ from the spec for this cause. Returns `None` if there are none.
fn not_applied(drift: &Drift, cause: &Cause) -> Option<String> {
    let differences = drift.differences.iter();
    let fields: Vec<String> = differences
        .filter(|difference| difference.cause == *cause)
        .map(|difference| format!("{} {}", difference.field.resource().as_str(), difference.field))
        .collect();
    let count = fields.len();
    (count > 0).then(|| named(&fields, count))
}

/// Returns `None` if there is no drift, apart from fields that could not be read.
fn drifted(report: &DriftReport) -> Option<String> {
    let fields: Vec<String> = report
        .status
        .items
        .iter()
        .filter(|item| item.reason != Some(DriftReason::Unreadable))
        .map(|item| format!("{} {}", item.resource, item.field))
        .collect();
    let count = usize::try_from(report.status.count).unwrap_or_default();
    let fields = (!fields.is_empty()).then(|| named(&fields, count))?;
    Some(format!("Out of sync: {fields}. See status.drift.items."))
}

/// The first fields, and the number of all others of `count`.
fn named(fields: &[String], count: usize) -> String {
    let first = fields.get(..FIELDS_NAMED).unwrap_or(fields);
    match count.saturating_sub(FIELDS_NAMED) {
        0 => text::list(first),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

fn unmanaged(report: &DriftReport) -> String {
    match report.status.unmanaged_count {
        0 => String::new(),
        1 => " 1 field of another owner stays, see status.drift.unmanaged.".to_owned(),
        count => format!(" {count} fields of other owners stay, see status.drift.unmanaged."),
    }
}

/// Work that is not a difference of a field: the rest of a transition, or a step that did not take effect.
fn pending(input: &SummaryInput<'_>) -> String {
    if transition::in_progress(input).is_some() {
        return " A change of the binding is pending, see Transitioning.".to_owned();
    }
    let mut steps = input.outcome.steps.iter();
    let open = steps.find(|(_, result)| !matches!(result, StepResult::Done(_)));
    open.map(|(step, _)| format!(" Pending step: {step}."))
        .unwrap_or_default()
}
