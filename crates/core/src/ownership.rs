//! Ownership: whose a role or an association in AWS is to one subject: not its, made by Lanyard for it, or adopted.
//! Facts, the status and what the object asks to adopt in, one word out; no I/O. What is not ours is never changed.
//!
//! Tags decide. Where somebody took them off, the id that the status recorded still tells, and whether the thing was
//! adopted: only where our tags stand and the mark beside them is gone did somebody give it to Lanyard whole.

use std::collections::BTreeMap;

pub mod tags;

use crate::identity::Identity;
use crate::model::arn::RoleArn;
use crate::model::observed::{Association, RoleFacts};
use crate::model::status::{AssociationStatus, RoleStatus, Status};
use crate::model::subject::{Subject, TAG_ADOPTED, TAG_RETAINED};
use crate::ownership::tags::TaggedOwner;

/// Whose a role or an association is, to one subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// Somebody else's: it is left alone.
    Foreign,
    /// Made by Lanyard, or to be made.
    Own,
    /// Adopted: what Lanyard did not put there stays, and the thing itself stays when its object goes.
    Adopted,
    /// Somebody else's until this look adopts it.
    Adopting,
}

impl Ownership {
    /// Whether it is Lanyard's to change, or is about to be.
    #[must_use]
    pub const fn is_ours(self) -> bool {
        !matches!(self, Self::Foreign)
    }

    /// Whether somebody else made it.
    #[must_use]
    pub const fn is_adopted(self) -> bool {
        matches!(self, Self::Adopted | Self::Adopting)
    }
}

/// Whose the role of an identity is. One that is not seen is what it was, and one that never was the identity's own.
#[must_use]
pub fn ownership_of_role(identity: &Identity, previous: &Status, facts: &RoleFacts) -> Ownership {
    let (subject, arn) = (&identity.subject, identity.role_arn());
    if identity.managed.is_none() || facts.elsewhere.is_some() {
        return Ownership::Foreign;
    }
    if facts.id.present().is_none() {
        let known = previous.role.as_ref().filter(|known| known.arn == *arn);
        return held(known.is_some_and(|known| known.adopted));
    }
    let found = found_role(subject, previous, arn, facts);
    if found.is_ours() {
        return found;
    }
    let tags = facts.tags.present();
    let asked = identity.adoption.asks_for_role(arn) && identity.frozen.is_none();
    match tags.filter(|_| asked && !arn.is_reserved()) {
        Some(tags) if TaggedOwner::of(subject, tags).lets_adopt() => Ownership::Adopting,
        Some(_) | None => Ownership::Foreign,
    }
}

/// Whose the association of an identity's ServiceAccount is.
#[must_use]
pub fn ownership_of_association(identity: &Identity, previous: &Status, found: &Association) -> Ownership {
    let subject = &identity.subject;
    let ownership = found_association(subject, previous, found);
    if ownership.is_ours() {
        return ownership;
    }
    let asked = identity.adoption.associations.contains(&found.arn) && identity.frozen.is_none();
    let free = found.owner_arn.is_none() && TaggedOwner::of(subject, &found.tags).lets_adopt();
    match asked && free {
        true => Ownership::Adopting,
        false => Ownership::Foreign,
    }
}

const fn held(adopted: bool) -> Ownership {
    match adopted {
        true => Ownership::Adopted,
        false => Ownership::Own,
    }
}

/// Whose an association is by the status and its tags, whatever is asked for. What an EKS add-on owns never is ours.
#[must_use]
pub fn found_association(subject: &Subject, previous: &Status, found: &Association) -> Ownership {
    let recorded = recorded_association(previous, found);
    let adopted = recorded.map(|known| known.adopted);
    match found.owner_arn {
        None => found_ownership(subject, Some(&found.tags), adopted),
        Some(_) => Ownership::Foreign,
    }
}

/// Whose a role is by the status and its tags, whatever is asked for.
#[must_use]
pub fn found_role(subject: &Subject, previous: &Status, arn: &RoleArn, facts: &RoleFacts) -> Ownership {
    let recorded = recorded_role(previous, arn, facts);
    found_ownership(subject, facts.tags.present(), recorded.map(|known| known.adopted))
}

/// `recorded`: the status knows the thing, and whether as adopted.
fn found_ownership(
    subject: &Subject,
    tags: Option<&BTreeMap<String, String>>,
    recorded: Option<bool>,
) -> Ownership {
    let owns = tags.is_some_and(|tags| subject.owns(tags));
    let lost = tags.is_some_and(|tags| is_lost(subject, tags));
    if !owns && (recorded.is_none() || lost) {
        return Ownership::Foreign;
    }
    let marked = tags.is_some_and(|tags| tags.contains_key(TAG_ADOPTED));
    held(marked || (recorded == Some(true) && !owns))
}

fn recorded_role<'a>(previous: &'a Status, arn: &RoleArn, facts: &RoleFacts) -> Option<&'a RoleStatus> {
    let known = previous.role.as_ref().filter(|known| known.arn == *arn)?;
    (known.id.is_some() && known.id.as_ref() == facts.id.present()).then_some(known)
}

fn recorded_association<'a>(previous: &'a Status, found: &Association) -> Option<&'a AssociationStatus> {
    let mut known = previous
        .bindings
        .iter()
        .filter_map(|binding| binding.association.as_ref());
    known.find(|known| known.id == found.id)
}

/// Whether what the status recorded of a thing no longer counts: Lanyard let it go, or its tags name another
/// WorkloadIdentity, which adopted it in the same moment and came last, or holds it since a status was restored.
fn is_lost(subject: &Subject, tags: &BTreeMap<String, String>) -> bool {
    tags.contains_key(TAG_RETAINED) || subject.is_anothers(tags)
}

#[cfg(test)]
mod tests;
