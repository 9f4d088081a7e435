//! The last applied digests, by which the next reconcile distinguishes a change of the spec from drift.
//! Input: the differences before and after the steps. Output: `status.lastAppliedHashes`. No I/O.

use std::collections::BTreeMap;

use super::drift::resource_of;
use super::input::SummaryInput;
use crate::model::field::{Field, Resource};
use crate::reconcile::desired::DesiredRole;
use crate::reconcile::diff::{Cause, Drift};

/// The digests of the fields that are in sync, and of the fields that were applied before and differ now.
pub(super) fn last_applied_hashes(input: &SummaryInput<'_>, drift: &Drift) -> BTreeMap<String, String> {
    // Nothing new is applied to a frozen identity, and lost digests are not derived from fields that it may
    // not change.
    if input.desired().is_none() || input.decision.frozen.is_some() {
        return input.previous.last_applied_hashes.clone();
    }
    let different: Vec<String> = drift
        .differences
        .iter()
        .map(|difference| difference.field.key())
        .collect();
    // Digests of a previous role are not valid for the role that replaced it.
    let recorded_role = input.previous.last_applied_hashes.get(&Field::Role.key());
    let is_replaced = drift
        .agreed
        .iter()
        .any(|(field, digest)| *field == Field::Role && recorded_role.is_some_and(|known| known != digest));
    let is_of_previous_role = |key: &str| is_replaced && resource_of(key) == Resource::Role;
    let mut applied: BTreeMap<String, String> = input
        .previous
        .last_applied_hashes
        .iter()
        .filter(|(key, _)| !is_of_previous_role(key))
        .filter(|(key, _)| different.contains(key) || !drift.judged.contains(&resource_of(key)))
        .map(|(key, digest)| (key.clone(), digest.clone()))
        .collect();
    let is_recorded =
        |key: &str| input.previous.last_applied_hashes.contains_key(key) && !is_of_previous_role(key);
    let agreed = drift.agreed.iter();
    let own = agreed.filter(|agreed| is_recorded(&agreed.0.key()) || is_applied_by_lanyard(input, agreed));
    applied.extend(own.map(|(field, digest)| (field.key(), digest.clone())));
    for (key, digest) in assumed(drift) {
        applied.entry(key).or_insert(digest);
    }
    applied
}

/// The values that a lost record is assumed to have had: a value of the role that differs was applied as the spec has
/// it, and changed out of band since. Otherwise the next reconcile would take it for a new value of the spec.
fn assumed(drift: &Drift) -> impl Iterator<Item = (String, String)> {
    let changed = drift
        .differences
        .iter()
        .filter(|difference| difference.field.is_role_value())
        .filter(|difference| matches!(difference.cause, Cause::OutOfBand | Cause::Contested));
    changed.filter_map(|difference| {
        let desired = difference.desired.as_ref()?;
        Some((difference.field.key(), desired.digest.clone()))
    })
}

/// Returns whether Lanyard applied a field that is in sync and has no digest yet. A field of an adopted role
/// that was in sync before the adoption is not Lanyard's to change or to remove later. Elsewhere every field
/// of the spec is Lanyard's.
fn is_applied_by_lanyard(input: &SummaryInput<'_>, agreed: &(Field, String)) -> bool {
    let desired = input.desired();
    let is_adopted = desired.is_some_and(|desired| matches!(desired.role, DesiredRole::Adopted(..)));
    let may_be_foreign = is_adopted && agreed.0.is_role_value();
    !may_be_foreign || !input.decision.drift.agreed.contains(agreed)
}
