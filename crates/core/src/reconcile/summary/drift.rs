//! The drift of the status: current items with the time of their first report, and the items that this
//! reconcile corrected. Differences before and after the steps in, the drift of the status out; no I/O.

use super::input::SummaryInput;
use crate::model::field::{Field, Resource, Value};
use crate::model::status::{Correction, DRIFT_ITEMS_LIMIT, DriftItem, DriftReason, DriftStatus};
use crate::model::text::{message, quote};
use crate::reconcile::desired::{Desired, DesiredRole};
use crate::reconcile::diff::{Cause, Difference, Drift};

/// The drift of one reconcile.
pub(super) struct DriftReport {
    /// The drift of the status.
    pub status: DriftStatus,
    /// The items that this reconcile corrected.
    pub corrected: Vec<DriftItem>,
    /// The keys of the fields that it corrected.
    pub corrected_fields: Vec<String>,
    /// The items that were not in the previous status.
    pub new: Vec<DriftItem>,
}

pub(super) fn drift_report(input: &SummaryInput<'_>, after: &Drift) -> DriftReport {
    let (unmanaged, current): (Vec<_>, Vec<_>) = current_items(input, after)
        .into_iter()
        .partition(|(_, is_unmanaged)| *is_unmanaged);
    let items = |list: Vec<(DriftItem, bool)>| list.into_iter().map(|(item, _)| item);
    let (unmanaged, current): (Vec<_>, Vec<_>) = (items(unmanaged).collect(), items(current).collect());
    let count = i64::try_from(current.len()).unwrap_or(i64::MAX);
    let unmanaged_count = i64::try_from(unmanaged.len()).unwrap_or(i64::MAX);
    // An item beyond the limit is not in the status, so the next reconcile could not recognise it: it is
    // never new.
    let items: Vec<DriftItem> = current.into_iter().take(DRIFT_ITEMS_LIMIT).collect();
    let new = items
        .iter()
        // A field that could not be read is not drift: the conditions report it.
        .filter(|item| item.reason != Some(DriftReason::Unreadable))
        .filter(|item| !input.previous.drift.listed().any(|before| same(before, item)))
        .cloned()
        .collect();
    let corrections = corrections(input, after);
    let corrected: Vec<DriftItem> = corrections.iter().copied().flat_map(drift_items).collect();
    let last_correction = if corrected.is_empty() {
        input.previous.drift.last_correction.clone()
    } else {
        Some(Correction {
            at: input.now,
            items: corrected.iter().take(DRIFT_ITEMS_LIMIT).cloned().collect(),
        })
    };
    DriftReport {
        status: DriftStatus {
            count,
            items,
            unmanaged_count,
            unmanaged: unmanaged.into_iter().take(DRIFT_ITEMS_LIMIT).collect(),
            last_correction,
        },
        corrected,
        corrected_fields: corrections
            .iter()
            .map(|difference| difference.field.key())
            .collect(),
        new,
    }
}

/// The items, each with whether it is a field of others that is no drift.
fn current_items(input: &SummaryInput<'_>, after: &Drift) -> Vec<(DriftItem, bool)> {
    let mut items: Vec<(DriftItem, bool)> = Vec::new();
    for difference in &after.differences {
        let reason = match &difference.cause {
            Cause::Spec | Cause::Frozen => continue,
            Cause::OutOfBand => DriftReason::Reported,
            Cause::Adopted => DriftReason::Adopted,
            Cause::Contested => DriftReason::Contested,
            Cause::Unmanaged => DriftReason::Unmanaged,
            Cause::Unreadable(_) => DriftReason::Unreadable,
        };
        for mut item in drift_items(difference) {
            item.reason = Some(reason);
            let before = input.previous.drift.listed().find(|before| same(before, &item));
            item.since = Some(before.and_then(|before| before.since).unwrap_or(input.now));
            if !items.iter().any(|(known, _)| same(known, &item)) {
                items.push((item, is_unmanaged(input, difference)));
            }
        }
    }
    items.extend(hidden_items(input, &items));
    items
}

/// Returns whether a difference is no drift, because another owner set a field that does not affect the binding: a tag,
/// an annotation without effect, or anything on an adopted role. If it counted, the number would never reach zero.
fn is_unmanaged(input: &SummaryInput<'_>, difference: &Difference) -> bool {
    let is_adopted = input
        .desired()
        .is_some_and(|desired| matches!(desired.role, DesiredRole::Adopted(..)));
    match (&difference.cause, &difference.field) {
        (Cause::Adopted, _) => true,
        (Cause::Unmanaged, Field::RoleTag(_) | Field::AssociationTag(_) | Field::Annotation(_)) => true,
        (Cause::Unmanaged, field) => is_adopted && field.resource() == Resource::Role,
        (_, _) => false,
    }
}

/// The previous items of a resource that could not be read now. They may still exist, and they are not new
/// when the resource can be read again.
fn hidden_items(input: &SummaryInput<'_>, items: &[(DriftItem, bool)]) -> Vec<(DriftItem, bool)> {
    let is_hidden = |before: &DriftItem| {
        let of_resource = || items.iter().filter(|(item, _)| item.resource == before.resource);
        before.reason != Some(DriftReason::Unreadable)
            && of_resource().any(|(item, _)| item.reason == Some(DriftReason::Unreadable))
            && !of_resource().any(|(item, _)| item.field == before.field)
    };
    let drift = &input.previous.drift;
    let counted = drift.items.iter().map(|item| (item.clone(), false));
    let unmanaged = drift.unmanaged.iter().map(|item| (item.clone(), true));
    counted
        .chain(unmanaged)
        .filter(|(item, _)| is_hidden(item))
        .collect()
}

/// The out-of-band differences that are gone after the steps.
fn corrections<'a>(input: &SummaryInput<'a>, after: &Drift) -> Vec<&'a Difference> {
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

/// One item for each part of a difference, or one for the whole. A resource that could not be read is one item.
pub(crate) fn drift_items(difference: &Difference) -> Vec<DriftItem> {
    let resource = difference.field.resource().as_str().to_owned();
    let item = |field: String, desired: Option<&String>, observed: Option<&String>| DriftItem {
        resource: resource.clone(),
        // Fields contain foreign text: ids and condition keys of foreign statements.
        field: message(&field),
        desired: desired.map(|text| quote(text)),
        observed: observed.map(|text| quote(text)),
        reason: None,
        since: None,
    };
    if let Cause::Unreadable(error) = &difference.cause {
        return vec![item("*".to_owned(), None, Some(&error.to_string()))];
    }
    if difference.parts.is_empty() {
        let text = |value: &Option<Value>| value.as_ref().map(|value| value.text.clone());
        let desired = text(&difference.desired);
        let observed = text(&difference.observed);
        return vec![item(
            difference.field.to_string(),
            desired.as_ref(),
            observed.as_ref(),
        )];
    }
    difference
        .parts
        .iter()
        .map(|(field, desired, observed)| item(field.clone(), desired.as_ref(), observed.as_ref()))
        .collect()
}

/// Returns whether two items describe the same drift. Unreadable items of a resource are the same whatever
/// the error text.
fn same(a: &DriftItem, b: &DriftItem) -> bool {
    let unreadable = Some(DriftReason::Unreadable);
    if a.reason == unreadable && b.reason == unreadable {
        return a.resource == b.resource;
    }
    a.resource == b.resource
        && a.field == b.field
        && a.desired == b.desired
        && a.observed == b.observed
        && a.reason == b.reason
}

/// The resource to which a key of `status.last_applied_hashes` belongs.
pub(super) fn resource_of(key: &str) -> Resource {
    match key.split('/').next().unwrap_or_default() {
        "provider" => Resource::Provider,
        "association" => Resource::Association,
        "annotation" | "serviceAccount" => Resource::ServiceAccount,
        "pods" => Resource::Pods,
        _ => Resource::Role,
    }
}
