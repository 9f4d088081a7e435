//! Summarise, what we last applied: the digests by which the next look tells a change of the spec from drift.
//! Differences before and after the pass in, `status.last_applied_hashes` out; no I/O.

use std::collections::BTreeMap;

use super::SummaryInput;
use super::drift::resource_of;
use crate::model::field::{Field, Resource};
use crate::reconcile::desired::DesiredRole;
use crate::reconcile::diff::Drift;

/// What we last applied: what agrees now, and what we applied before and still differs.
pub(super) fn of(input: &SummaryInput<'_>, drift: &Drift) -> BTreeMap<String, String> {
    // Nothing new is applied to a frozen identity; what it forgot, it does not learn again from what it may not touch.
    if input.wanted().is_none() || input.decision.frozen.is_some() {
        return input.previous.last_applied_hashes.clone();
    }
    let differs: Vec<String> = drift
        .differences
        .iter()
        .map(|difference| difference.field.key())
        .collect();
    // What was applied to the role of before tells nothing of the one that took its place.
    let remembered = input.previous.last_applied_hashes.get(&Field::Role.key());
    let replaced = drift
        .agreed
        .iter()
        .any(|(field, digest)| *field == Field::Role && remembered.is_some_and(|known| known != digest));
    let of_another = |key: &str| replaced && resource_of(key) == Resource::Role;
    let mut applied: BTreeMap<String, String> = input
        .previous
        .last_applied_hashes
        .iter()
        .filter(|(key, _)| !of_another(key))
        .filter(|(key, _)| differs.contains(key) || !drift.judged.contains(&resource_of(key)))
        .map(|(key, digest)| (key.clone(), digest.clone()))
        .collect();
    let known = |key: &str| input.previous.last_applied_hashes.contains_key(key) && !of_another(key);
    let ours = drift.agreed.iter();
    let ours = ours.filter(|agreed| known(&agreed.0.key()) || is_our_doing(input, agreed));
    applied.extend(ours.map(|(field, digest)| (field.key(), digest.clone())));
    applied
}

/// Whether what agrees, and was not applied before, is so by our doing. On an adopted role what was as wanted before we came
/// is not ours to change or to remove one day; elsewhere whoever asks for a thing owns it.
fn is_our_doing(input: &SummaryInput<'_>, agreed: &(Field, String)) -> bool {
    let wanted = input.wanted();
    let adopted = wanted.is_some_and(|wanted| matches!(wanted.role, DesiredRole::Adopted(..)));
    let of_others = match agreed.0 {
        Field::Description
        | Field::MaxSession
        | Field::Boundary
        | Field::RoleTag(_)
        | Field::Attached(_)
        | Field::Inline(_) => adopted,
        _ => false,
    };
    !of_others || !input.decision.drift.agreed.contains(agreed)
}
