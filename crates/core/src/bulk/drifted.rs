//! Drifted: whether the drift that stands is other drift than the status tells. The differences of one part in, a
//! judgement out; no I/O. Called by `judge` only.

use super::{Judgement, Known, Part};
use crate::model::field::{Field, Resource};
use crate::model::status::{DriftItem, DriftReason};
use crate::reconcile::diff::{Cause, Difference};
use crate::reconcile::summary::drift_items;

/// Holds the differences of a part against the items of the status. `unread`: some of the part could not be read, so that
/// what is not found may stand all the same.
pub(super) fn drifted(part: Part, known: &Known<'_>, differences: &[Difference], unread: bool) -> Judgement {
    let told = &known.status.drift;
    let here: Vec<&DriftItem> = told.items.iter().filter(|item| part.told_by(item)).collect();
    let found = standing(differences);
    let is_told = |item: &DriftItem| here.iter().any(|told| same(told, item));
    let is_new = found.iter().any(|(item, _)| !is_told(item));
    let went = |told: &&DriftItem| !found.iter().any(|(item, _)| same(item, told));
    // The status has room for the first items only; that more stand it says, and not which.
    let all_told = usize::try_from(told.count).is_ok_and(|count| count <= told.items.len());
    // Told or not: it only stands because nobody was to put it back, unless a look saw, or may have seen, that it may stay.
    let may_stay = |item: &DriftItem| {
        let mut told = here.iter().filter(|told| same(told, item));
        match told.next() {
            Some(told) => told.reason == Some(DriftReason::Unmanaged),
            None => !all_told && is_attachment(item),
        }
    };
    let to_correct = |(item, cause): &(DriftItem, &Cause)| **cause == Cause::OutOfBand && !may_stay(item);
    let gone = !unread && here.iter().any(went);
    if gone || (is_new && all_told) || (known.is_corrected() && found.iter().any(to_correct)) {
        return Judgement::Drifted;
    }
    match is_new {
        true => Judgement::Unknown,
        false => Judgement::InSync,
    }
}

/// What stands, as the status would tell it.
fn standing(differences: &[Difference]) -> Vec<(DriftItem, &Cause)> {
    let mut found: Vec<(DriftItem, &Cause)> = Vec::new();
    let stands = |cause: &Cause| matches!(cause, Cause::OutOfBand | Cause::Unmanaged | Cause::Adopted);
    for difference in differences.iter().filter(|difference| stands(&difference.cause)) {
        for item in drift_items(difference) {
            if !found.iter().any(|(known, _)| same(known, &item)) {
                found.push((item, &difference.cause));
            }
        }
    }
    found
}

/// What an attached policy can do, no page shows.
pub(super) fn is_attachment(item: &DriftItem) -> bool {
    item.resource == Resource::Role.as_str() && item.field.starts_with(&Field::Attachments.to_string())
}

/// The same difference, whatever is said of why it stands and since when.
fn same(a: &DriftItem, b: &DriftItem) -> bool {
    (&a.resource, &a.field, &a.desired, &a.observed) == (&b.resource, &b.field, &b.desired, &b.observed)
}
