//! Summarise, what we last applied: the digests by which the next look tells a change of the spec from drift.
//! Differences before and after the pass in, `status.applied` out; no I/O.

use std::collections::BTreeMap;

use super::Told;
use super::found::resource_of;
use crate::aspect::{Aspect, Resource};
use crate::desired::WantedRole;
use crate::drift::Drift;

/// What we last applied: what agrees now, and what we applied before and still differs.
pub(super) fn of(told: &Told<'_>, drift: &Drift) -> BTreeMap<String, String> {
    // Nothing new is applied to a frozen identity; what it forgot, it does not learn again from what it may not touch.
    if told.wanted().is_none() || told.look.frozen.is_some() {
        return told.previous.applied.clone();
    }
    let differs: Vec<String> = drift
        .differences
        .iter()
        .map(|difference| difference.aspect.key())
        .collect();
    // What was applied to the role of before tells nothing of the one that took its place.
    let remembered = told.previous.applied.get(&Aspect::Role.key());
    let replaced = drift
        .agreed
        .iter()
        .any(|(aspect, digest)| *aspect == Aspect::Role && remembered.is_some_and(|known| known != digest));
    let of_another = |key: &str| replaced && resource_of(key) == Resource::Role;
    let mut applied: BTreeMap<String, String> = told
        .previous
        .applied
        .iter()
        .filter(|(key, _)| !of_another(key))
        .filter(|(key, _)| differs.contains(key) || !drift.judged.contains(&resource_of(key)))
        .map(|(key, digest)| (key.clone(), digest.clone()))
        .collect();
    let known = |key: &str| told.previous.applied.contains_key(key) && !of_another(key);
    let ours = drift.agreed.iter();
    let ours = ours.filter(|agreed| known(&agreed.0.key()) || is_our_doing(told, agreed));
    applied.extend(ours.map(|(aspect, digest)| (aspect.key(), digest.clone())));
    applied
}

/// Whether what agrees, and was not applied before, is so by our doing. On an adopted role what was as wanted before we came
/// is not ours to change or to remove one day; elsewhere whoever asks for a thing owns it.
fn is_our_doing(told: &Told<'_>, agreed: &(Aspect, String)) -> bool {
    let wanted = told.wanted();
    let adopted = wanted.is_some_and(|wanted| matches!(wanted.role, WantedRole::Adopted(..)));
    let of_others = match agreed.0 {
        Aspect::Description
        | Aspect::MaxSession
        | Aspect::Boundary
        | Aspect::RoleTag(_)
        | Aspect::Attached(_)
        | Aspect::Inline(_) => adopted,
        _ => false,
    };
    !of_others || !told.look.drift.agreed.contains(agreed)
}
