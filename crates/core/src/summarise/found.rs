//! Summarise, drift: what stands, since when, and what this pass corrected.
//! Differences before and after the pass in, the drift of the status out; no I/O.

use super::Told;
use crate::aspect::Resource;
use crate::desired::Desired;
use crate::drift::{Cause, Difference, Drift};
use crate::status::{Correction, DRIFT_ITEMS_LIMIT, DriftItem, DriftStatus, Standing};
use crate::text::{message, quote};

/// The drift of one pass.
pub(super) struct Found {
    /// What the status says.
    pub status: DriftStatus,
    /// What this pass corrected.
    pub corrected: Vec<DriftItem>,
    /// The keys of the aspects that it corrected.
    pub aspects: Vec<String>,
    /// What stands now and did not before.
    pub new: Vec<DriftItem>,
}

pub(super) fn found(told: &Told<'_>, after: &Drift) -> Found {
    let standing = standing(told, after);
    let count = i64::try_from(standing.len()).unwrap_or(i64::MAX);
    // What the status has no room for cannot be known again at the next look, so it is never told as new.
    let items: Vec<DriftItem> = standing.into_iter().take(DRIFT_ITEMS_LIMIT).collect();
    let new = items
        .iter()
        // What could not be read is no drift: the conditions tell of it.
        .filter(|item| item.why != Some(Standing::Unreadable))
        .filter(|item| !told.previous.drift.items.iter().any(|before| same(before, item)))
        .cloned()
        .collect();
    let put_back = put_back(told, after);
    let corrected: Vec<DriftItem> = put_back.iter().copied().flat_map(items_of).collect();
    let last_correction = if corrected.is_empty() {
        told.previous.drift.last_correction.clone()
    } else {
        Some(Correction {
            at: told.now,
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
        aspects: put_back
            .iter()
            .map(|difference| difference.aspect.key())
            .collect(),
        new,
    }
}

fn standing(told: &Told<'_>, after: &Drift) -> Vec<DriftItem> {
    let mut items: Vec<DriftItem> = Vec::new();
    for difference in &after.differences {
        let why = match &difference.cause {
            Cause::Spec | Cause::Held => continue,
            Cause::OutOfBand | Cause::Adopted => Standing::Reported,
            Cause::Contested => Standing::Contested,
            Cause::NotOurs => Standing::NotOurs,
            Cause::Unreadable(_) => Standing::Unreadable,
        };
        for mut item in items_of(difference) {
            item.why = Some(why);
            let before = told
                .previous
                .drift
                .items
                .iter()
                .find(|before| same(before, &item));
            item.since = Some(before.and_then(|before| before.since).unwrap_or(told.now));
            if !items.iter().any(|known| same(known, &item)) {
                items.push(item);
            }
        }
    }
    items.extend(unseen_now(told, &items));
    items
}

/// What stood before on a resource that cannot be read now: nobody knows that it went, and it is no news when it is
/// seen again.
fn unseen_now(told: &Told<'_>, items: &[DriftItem]) -> Vec<DriftItem> {
    let hidden = |before: &&DriftItem| {
        before.why != Some(Standing::Unreadable)
            && items
                .iter()
                .any(|item| item.why == Some(Standing::Unreadable) && item.resource == before.resource)
            && !items
                .iter()
                .any(|item| item.resource == before.resource && item.field == before.field)
    };
    told.previous.drift.items.iter().filter(hidden).cloned().collect()
}

/// What somebody had changed and is now as it should be.
fn put_back<'a>(told: &Told<'a>, after: &Drift) -> Vec<&'a Difference> {
    if matches!(told.look.desired, Desired::Absent(_)) {
        return Vec::new();
    }
    told.look
        .drift
        .differences
        .iter()
        .filter(|difference| difference.cause == Cause::OutOfBand && after.of(&difference.aspect).is_none())
        .collect()
}

/// One item a difference, or one a part where the aspect has parts. What could not be read is one item a resource.
pub(crate) fn items_of(difference: &Difference) -> Vec<DriftItem> {
    let resource = difference.aspect.resource().word().to_owned();
    let item = |field: String, wanted: Option<&String>, found: Option<&String>| DriftItem {
        resource: resource.clone(),
        // Fields name what others wrote: ids and condition keys of foreign statements.
        field: message(&field),
        wanted: wanted.map(|text| quote(text)),
        found: found.map(|text| quote(text)),
        why: None,
        since: None,
    };
    if let Cause::Unreadable(why) = &difference.cause {
        return vec![item("*".to_owned(), None, Some(&why.to_string()))];
    }
    if difference.parts.is_empty() {
        let text = |value: &Option<crate::aspect::Value>| value.as_ref().map(|value| value.text.clone());
        let (wanted, found) = (text(&difference.wanted), text(&difference.found));
        return vec![item(
            difference.aspect.to_string(),
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
    let unread = Some(Standing::Unreadable);
    if a.why == unread && b.why == unread {
        return a.resource == b.resource;
    }
    a.resource == b.resource
        && a.field == b.field
        && a.wanted == b.wanted
        && a.found == b.found
        && a.why == b.why
}

/// The resource that a key of `status.applied` belongs to.
pub(super) fn resource_of(key: &str) -> Resource {
    match key.split('/').next().unwrap_or_default() {
        "provider" => Resource::Provider,
        "association" => Resource::Association,
        "annotation" | "serviceAccount" => Resource::ServiceAccount,
        "pods" => Resource::Pods,
        _ => Resource::Role,
    }
}
