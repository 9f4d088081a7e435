//! The comparison of observed drift with the drift in the status. Input: the differences of one part. Output: a
//! judgement. No I/O.

use super::judgement::Judgement;
use super::known::Known;
use super::part::Part;
use crate::model::field::{Field, Resource};
use crate::model::status::{DriftItem, DriftReason};
use crate::reconcile::diff::{Cause, Difference};
use crate::reconcile::summary::drift_items;

/// Compares the differences of a part with the drift items of the status. `unread`: some fields of the part could not
/// be read, so that an item that is not observed may still exist.
pub(super) fn compare_drift(
    part: Part,
    known: &Known<'_>,
    differences: &[Difference],
    unread: bool,
) -> Judgement {
    let drift = &known.status.drift;
    let reported: Vec<&DriftItem> = drift.listed().filter(|item| part.has_item(item)).collect();
    let observed = observed_drift(differences);
    let is_reported = |item: &DriftItem| reported.iter().any(|reported| same(reported, item));
    let is_new = observed.iter().any(|(item, _)| !is_reported(item));
    let is_resolved = |reported: &&DriftItem| !observed.iter().any(|(item, _)| same(item, reported));
    // The status has room for the first items only. It counts the others without listing them.
    let all_reported = drift.is_complete();
    // Out-of-band drift stays only while the operator may not correct it, unless a reconcile classified it, or may have
    // classified it, as harmless.
    let may_stay = |item: &DriftItem| {
        let mut matching = reported.iter().filter(|reported| same(reported, item));
        match matching.next() {
            Some(reported) => reported.reason == Some(DriftReason::Unmanaged),
            None => !all_reported && is_attachment(item),
        }
    };
    let to_correct = |(item, cause): &(DriftItem, &Cause)| **cause == Cause::OutOfBand && !may_stay(item);
    let resolved = !unread && reported.iter().any(is_resolved);
    let correctable = known.corrects_drift() && observed.iter().any(to_correct);
    if resolved || (is_new && all_reported) || correctable {
        return Judgement::Drifted;
    }
    match is_new {
        true => Judgement::Unknown,
        false => Judgement::InSync,
    }
}

/// The observed drift, in the form of drift items of the status.
fn observed_drift(differences: &[Difference]) -> Vec<(DriftItem, &Cause)> {
    let mut observed: Vec<(DriftItem, &Cause)> = Vec::new();
    let is_drift = |cause: &Cause| matches!(cause, Cause::OutOfBand | Cause::Unmanaged | Cause::Adopted);
    for difference in differences
        .iter()
        .filter(|difference| is_drift(&difference.cause))
    {
        for item in drift_items(difference) {
            if !observed.iter().any(|(known, _)| same(known, &item)) {
                observed.push((item, &difference.cause));
            }
        }
    }
    observed
}

/// Returns true if an item is an attached policy. Pages do not show the effect of attached policies.
pub(super) fn is_attachment(item: &DriftItem) -> bool {
    item.resource == Resource::Role.as_str() && item.field.starts_with(&Field::Attachments.to_string())
}

/// Compares two items without their reason and time.
fn same(a: &DriftItem, b: &DriftItem) -> bool {
    (&a.resource, &a.field, &a.desired, &a.observed) == (&b.resource, &b.field, &b.desired, &b.observed)
}
