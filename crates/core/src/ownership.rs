//! The ownership of a role or an association in AWS by a subject: foreign, managed or adopted. Input: facts, the
//! status and the adoption request; output: an ownership. No I/O. Foreign resources are never changed.
//!
//! Tags decide. If the tags were removed, the ID and the adoption in the status still prove the ownership. If the
//! ownership tags exist but the adoption tag was removed, the resource counts as created by Lanyard.

use std::collections::BTreeMap;

pub mod tags;

use crate::identity::Identity;
use crate::model::arn::RoleArn;
use crate::model::observed::{Association, RoleFacts};
use crate::model::status::{AssociationStatus, RoleStatus, Status};
use crate::model::subject::{Subject, TAG_ADOPTED, TAG_RETAINED};
use crate::ownership::tags::TaggedOwner;

/// The ownership of a role or an association by one subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// Not owned by the subject: never changed.
    Foreign,
    /// Created by Lanyard, or to be created.
    Managed,
    /// Adopted: settings that Lanyard did not apply stay, and the resource stays when its object is deleted.
    Adopted,
    /// Foreign until this reconciliation adopts it.
    Adopting,
}

impl Ownership {
    /// Returns true if Lanyard may change the resource now or after the adoption.
    #[must_use]
    pub const fn is_owned(self) -> bool {
        !matches!(self, Self::Foreign)
    }

    /// Returns true if the resource was created outside Lanyard and adopted.
    #[must_use]
    pub const fn is_adopted(self) -> bool {
        matches!(self, Self::Adopted | Self::Adopting)
    }
}

/// The ownership of the role of an identity. A role that does not exist keeps its recorded ownership; without a
/// record it counts as managed.
#[must_use]
pub fn ownership_of_role(identity: &Identity, previous: &Status, facts: &RoleFacts) -> Ownership {
    let (subject, arn) = (&identity.subject, identity.role_arn());
    if identity.managed.is_none() || facts.elsewhere.is_some() {
        return Ownership::Foreign;
    }
    if facts.id.present().is_none() {
        let known = previous.role.as_ref().filter(|known| known.arn == *arn);
        return owned(known.is_some_and(|known| known.adopted));
    }
    let current = current_role_ownership(subject, previous, arn, facts);
    if current.is_owned() {
        return current;
    }
    let tags = facts.tags.present();
    let requested = identity.adoption.requests_role(arn) && identity.frozen.is_none();
    match tags.filter(|_| requested && !arn.is_reserved()) {
        Some(tags) if TaggedOwner::of(subject, tags).allows_adoption() => Ownership::Adopting,
        Some(_) | None => Ownership::Foreign,
    }
}

/// The ownership of the association of an identity's ServiceAccount.
#[must_use]
pub fn ownership_of_association(
    identity: &Identity,
    previous: &Status,
    association: &Association,
) -> Ownership {
    let subject = &identity.subject;
    let ownership = current_association_ownership(subject, previous, association);
    if ownership.is_owned() {
        return ownership;
    }
    let requested = identity.adoption.associations.contains(&association.arn) && identity.frozen.is_none();
    let adoptable =
        association.owner_arn.is_none() && TaggedOwner::of(subject, &association.tags).allows_adoption();
    match requested && adoptable {
        true => Ownership::Adopting,
        false => Ownership::Foreign,
    }
}

const fn owned(adopted: bool) -> Ownership {
    match adopted {
        true => Ownership::Adopted,
        false => Ownership::Managed,
    }
}

/// The current ownership of an association by the status and its tags, without the adoption request. An association
/// of an EKS add-on is always foreign.
#[must_use]
pub fn current_association_ownership(
    subject: &Subject,
    previous: &Status,
    association: &Association,
) -> Ownership {
    let recorded = recorded_association(previous, association);
    let adopted = recorded.map(|known| known.adopted);
    match association.owner_arn {
        None => current_ownership(subject, Some(&association.tags), adopted),
        Some(_) => Ownership::Foreign,
    }
}

/// The current ownership of a role by the status and its tags, without the adoption request.
#[must_use]
pub fn current_role_ownership(
    subject: &Subject,
    previous: &Status,
    arn: &RoleArn,
    facts: &RoleFacts,
) -> Ownership {
    let recorded = recorded_role(previous, arn, facts);
    current_ownership(subject, facts.tags.present(), recorded.map(|known| known.adopted))
}

/// The ownership by tags and record. `recorded` is `None` if the status does not record the resource, else the
/// recorded adoption.
fn current_ownership(
    subject: &Subject,
    tags: Option<&BTreeMap<String, String>>,
    recorded: Option<bool>,
) -> Ownership {
    let owns = tags.is_some_and(|tags| subject.owns(tags));
    let released = tags.is_some_and(|tags| is_released(subject, tags));
    if !owns && (recorded.is_none() || released) {
        return Ownership::Foreign;
    }
    let tagged = tags.is_some_and(|tags| tags.contains_key(TAG_ADOPTED));
    owned(tagged || (recorded == Some(true) && !owns))
}

fn recorded_role<'a>(previous: &'a Status, arn: &RoleArn, facts: &RoleFacts) -> Option<&'a RoleStatus> {
    let known = previous.role.as_ref().filter(|known| known.arn == *arn)?;
    (known.id.is_some() && known.id.as_ref() == facts.id.present()).then_some(known)
}

fn recorded_association<'a>(
    previous: &'a Status,
    association: &Association,
) -> Option<&'a AssociationStatus> {
    let mut known = previous
        .bindings
        .iter()
        .filter_map(|binding| binding.association.as_ref());
    known.find(|known| known.id == association.id)
}

/// Returns true if the record of the status no longer counts: Lanyard released the resource, or its tags name another
/// WorkloadIdentity. The other one may have adopted it at the same time, or after an old status was restored.
fn is_released(subject: &Subject, tags: &BTreeMap<String, String>) -> bool {
    tags.contains_key(TAG_RETAINED) || subject.names_other_subject(tags)
}

#[cfg(test)]
mod tests;
