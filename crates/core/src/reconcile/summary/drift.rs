//! Summarise, drift: what stands, since when, and what this pass corrected.
//! Differences before and after the pass in, the drift of the status out; no I/O.

use super::SummaryInput;
use crate::model::field::Resource;
use crate::model::status::{Correction, DRIFT_ITEMS_LIMIT, DriftItem, DriftReason, DriftStatus};
use crate::model::text::{message, quote};
use crate::reconcile::desired::Desired;
use crate::reconcile::diff::{Cause, Difference, Drift};

/// The drift of one pass.
pub(super) struct Found {
    /// What the status says.
    pub status: DriftStatus,
    /// What this pass corrected.
    pub corrected: Vec<DriftItem>,
    /// The keys of the aspects that it corrected.
    pub fields: Vec<String>,
    /// What stands now and did not before.
    pub new: Vec<DriftItem>,
}

pub(super) fn found(input: &SummaryInput<'_>, after: &Drift) -> Found {
    let standing = standing(input, after);
    let count = i64::try_from(standing.len()).unwrap_or(i64::MAX);
    // What the status has no room for cannot be known again at the next look, so it is never told as new.
    let items: Vec<DriftItem> = standing.into_iter().take(DRIFT_ITEMS_LIMIT).collect();
    let new = items
        .iter()
        // What could not be read is no drift: the conditions tell of it.
        .filter(|item| item.reason != Some(DriftReason::Unreadable))
        .filter(|item| !input.previous.drift.items.iter().any(|before| same(before, item)))
        .cloned()
        .collect();
    let put_back = put_back(input, after);
    let corrected: Vec<DriftItem> = put_back.iter().copied().flat_map(items_of).collect();
    let last_correction = if corrected.is_empty() {
        input.previous.drift.last_correction.clone()
    } else {
        Some(Correction {
            at: input.now,
            items: corrected.iter().take(DRIFT_ITEMS_LIMIT).cloned().collect(),
        })
    };
    Found {
        status: DriftStatus {
            count,
            items,
            last_correction,
        },
        corrected,
        fields: put_back.iter().map(|difference| difference.field.key()).collect(),
        new,
    }
}

fn standing(input: &SummaryInput<'_>, after: &Drift) -> Vec<DriftItem> {
    let mut items: Vec<DriftItem> = Vec::new();
    for difference in &after.differences {
        let why = match &difference.cause {
            Cause::Spec | Cause::Frozen => continue,
            Cause::OutOfBand | Cause::Adopted => DriftReason::Reported,
            Cause::Contested => DriftReason::Contested,
            Cause::Unmanaged => DriftReason::Unmanaged,
            Cause::Unreadable(_) => DriftReason::Unreadable,
        };
        for mut item in items_of(difference) {
            item.reason = Some(why);
            let before = input
                .previous
                .drift
                .items
                .iter()
                .find(|before| same(before, &item));
            item.since = Some(before.and_then(|before| before.since).unwrap_or(input.now));
            if !items.iter().any(|known| same(known, &item)) {
                items.push(item);
            }
        }
    }
    items.extend(unseen_now(input, &items));
    items
}

/// What stood before on a resource that cannot be read now: nobody knows that it went, and it is no news when it is
/// seen again.
fn unseen_now(input: &SummaryInput<'_>, items: &[DriftItem]) -> Vec<DriftItem> {
    let hidden = |before: &&DriftItem| {
        before.reason != Some(DriftReason::Unreadable)
            && items
                .iter()
                .any(|item| item.reason == Some(DriftReason::Unreadable) && item.resource == before.resource)
            && !items
                .iter()
                .any(|item| item.resource == before.resource && item.field == before.field)
    };
    input
        .previous
        .drift
        .items
        .iter()
        .filter(hidden)
        .cloned()
        .collect()
}

/// What somebody had changed and is now as it should be.
fn put_back<'a>(input: &SummaryInput<'a>, after: &Drift) -> Vec<&'a Difference> {
    if matches!(input.decision.desired, Desired::Absent(_)) {
        return Vec::new();
    }
    input
        .decision
        .drift
        .differences
        .iter()
        .filter(|difference| difference.cause == Cause::OutOfBand && after.of(&difference.field).is_none())
        .collect()
}

/// One item a difference, or one a part where the aspect has parts. What could not be read is one item a resource.
pub(crate) fn items_of(difference: &Difference) -> Vec<DriftItem> {
    let resource = difference.field.resource().as_str().to_owned();
    let item = |field: String, wanted: Option<&String>, found: Option<&String>| DriftItem {
        resource: resource.clone(),
        // Fields name what others wrote: ids and condition keys of foreign statements.
        field: message(&field),
        desired: wanted.map(|text| quote(text)),
        observed: found.map(|text| quote(text)),
        reason: None,
        since: None,
    };
    if let Cause::Unreadable(why) = &difference.cause {
        return vec![item("*".to_owned(), None, Some(&why.to_string()))];
    }
    if difference.parts.is_empty() {
        let text =
            |value: &Option<crate::model::field::Value>| value.as_ref().map(|value| value.text.clone());
        let (wanted, found) = (text(&difference.desired), text(&difference.observed));
        return vec![item(
            difference.field.to_string(),
            wanted.as_ref(),
            found.as_ref(),
        )];
    }
    difference
        .parts
        .iter()
        .map(|(field, wanted, found)| item(field.clone(), wanted.as_ref(), found.as_ref()))
        .collect()
}

/// What could not be read is one thing a resource, however AWS words it this time.
fn same(a: &DriftItem, b: &DriftItem) -> bool {
    let unread = Some(DriftReason::Unreadable);
    if a.reason == unread && b.reason == unread {
        return a.resource == b.resource;
    }
    a.resource == b.resource
        && a.field == b.field
        && a.desired == b.desired
        && a.observed == b.observed
        && a.reason == b.reason
}

/// The resource that a key of `status.last_applied_hashes` belongs to.
pub(super) fn resource_of(key: &str) -> Resource {
    match key.split('/').next().unwrap_or_default() {
        "provider" => Resource::Provider,
        "association" => Resource::Association,
        "annotation" | "serviceAccount" => Resource::ServiceAccount,
        "pods" => Resource::Pods,
        _ => Resource::Role,
    }
}
