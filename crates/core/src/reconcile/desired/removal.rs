//! Desired, for an object that goes: what of it is removed, and what only stops being Lanyard's.
//! Custody, status and facts in, a removal out; no I/O. Needs no valid spec.

use std::collections::{BTreeMap, BTreeSet};

use super::{Desired, inventory};
use crate::model::arn::RoleArn;
use crate::model::observed::{Observed, RoleFacts};
use crate::model::shared_trust::RoleMembership;
use crate::model::status::Status;
use crate::model::subject::Subject;
use crate::ownership::{Ownership, current_association_ownership, current_role_ownership};
use crate::reconcile::deletion_mode::DeletionMode;

/// What a deletion removes or lets go.
#[derive(Debug, Clone, PartialEq)]
pub struct Removal {
    /// Whose things.
    pub subject: Subject,
    /// Whether they are removed, and when, or only stop being ours.
    pub leaving: DeletionMode,
    /// The roles that were touched, and whether each is ours to remove.
    pub roles: BTreeMap<RoleArn, bool>,
    /// Those of them that were adopted: they stay, and stop being Lanyard's.
    pub adopted: BTreeSet<RoleArn>,
    /// What becomes of an association that is ours.
    pub association: Parting,
    /// The seats in somebody else's role that the subject was put into.
    pub memberships: BTreeSet<RoleMembership>,
}

/// What becomes of an association when its object goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parting {
    /// It is deleted.
    Deleted,
    /// It was adopted: it stays, and stops being Lanyard's.
    LetGo,
    /// It was adopted, and whether the role that it gives goes could not be read.
    Unknown,
}

impl Desired {
    /// What should be for an object that goes. Needs no valid spec: custody says what was touched, then the status, and
    /// every other role that was read is judged by its tags.
    #[must_use]
    pub fn absent(subject: &Subject, previous: &Status, observed: &Observed, leaving: DeletionMode) -> Self {
        let inventory = observed.object.inventory.as_ref();
        let mut roles: BTreeMap<RoleArn, bool> =
            observed.roles.keys().map(|arn| (arn.clone(), true)).collect();
        for entry in inventory.into_iter().flat_map(|inventory| &inventory.roles) {
            // A role that was ours once and is now named as an existing one stays ours to remove: its tags decide.
            let made = inventory.is_some_and(|inventory| inventory.has_created(&entry.arn));
            roles.insert(entry.arn.clone(), made);
        }
        let facts = |arn: &RoleArn| observed.role(arn);
        let ownership = |arn: &RoleArn| match roles.get(arn) {
            Some(true) => current_role_ownership(subject, previous, arn, &facts(arn)),
            Some(false) | None => Ownership::Foreign,
        };
        let goes = |arn: &RoleArn| ownership(arn) == Ownership::Managed;
        let is_unknown = |arn: &RoleArn| roles.get(arn) == Some(&true) && !is_told(&facts(arn));
        let adopted = observed
            .association
            .present()
            .filter(|found| current_association_ownership(subject, previous, found).is_adopted());
        // What gives pods a role that goes is worth nothing, whoever made it.
        let association = match adopted {
            Some(found) if is_unknown(&found.role_arn) => Parting::Unknown,
            Some(found) if !goes(&found.role_arn) => Parting::LetGo,
            Some(_) | None => Parting::Deleted,
        };
        let mut memberships = inventory::seats_taken(subject, previous, inventory);
        memberships.retain(|memberships| !goes(&memberships.role));
        let adopted = roles.keys().filter(|arn| ownership(arn).is_adopted());
        Self::Absent(Removal {
            subject: subject.clone(),
            leaving,
            adopted: adopted.cloned().collect(),
            association,
            roles,
            memberships,
        })
    }
}

/// Whether it could be read whose a role is.
fn is_told(facts: &RoleFacts) -> bool {
    facts.id.unreadable().is_none() && facts.tags.unreadable().is_none()
}
