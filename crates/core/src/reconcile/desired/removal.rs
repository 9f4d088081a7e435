//! The desired state of an object that is being deleted: what the operator removes, and what it only releases.
//! Inputs are the inventory, the status and the observed state; no valid spec is needed. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use super::inventory;
use crate::model::arn::RoleArn;
use crate::model::observed::{Observed, RoleFacts};
use crate::model::shared_trust::RoleMembership;
use crate::model::status::Status;
use crate::model::subject::Subject;
use crate::ownership::{Ownership, current_association_ownership, current_role_ownership};
use crate::reconcile::deletion_mode::DeletionMode;

/// The resources that a deletion removes or releases.
#[derive(Debug, Clone, PartialEq)]
pub struct Removal {
    /// The subject of the deleted object.
    pub subject: Subject,
    /// Removal at once, removal when unused, or release.
    pub mode: DeletionMode,
    /// The roles that Lanyard touched. The value is true if Lanyard may remove the role.
    pub roles: BTreeMap<RoleArn, bool>,
    /// The adopted roles among them. They stay and are released.
    pub adopted: BTreeSet<RoleArn>,
    /// The treatment of an association that Lanyard owns.
    pub association: AssociationRemoval,
    /// The entries of the subject in shared roles.
    pub memberships: BTreeSet<RoleMembership>,
}

/// The treatment of an association when its object is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssociationRemoval {
    /// The operator deletes it.
    Delete,
    /// It was adopted: it stays and is released.
    Release,
    /// It was adopted, and the facts that tell whether its role is deleted could not be read.
    Unknown,
}

impl Removal {
    /// Derives the removal. The inventory tells which roles Lanyard touched, then the status. The tags decide for every other
    /// role that was read.
    pub(super) fn new(subject: &Subject, previous: &Status, observed: &Observed, mode: DeletionMode) -> Self {
        let inventory = observed.object.inventory.as_ref();
        let mut roles: BTreeMap<RoleArn, bool> =
            observed.roles.keys().map(|arn| (arn.clone(), true)).collect();
        for entry in inventory.into_iter().flat_map(|inventory| &inventory.roles) {
            // Lanyard may still remove a role that it owned before the spec named it as an existing one. Its tags decide.
            let made = inventory.is_some_and(|inventory| inventory.has_created(&entry.arn));
            roles.insert(entry.arn.clone(), made);
        }
        let facts = |arn: &RoleArn| observed.role(arn);
        let ownership = |arn: &RoleArn| match roles.get(arn) {
            Some(true) => current_role_ownership(subject, previous, arn, &facts(arn)),
            Some(false) | None => Ownership::Foreign,
        };
        let is_deleted = |arn: &RoleArn| ownership(arn) == Ownership::Managed;
        let is_unknown = |arn: &RoleArn| roles.get(arn) == Some(&true) && !shows_owner(&facts(arn));
        let adopted = observed
            .association
            .present()
            .filter(|association| current_association_ownership(subject, previous, association).is_adopted());
        // An association to a deleted role gives pods nothing, so it is deleted even if it was adopted.
        let association = match adopted {
            Some(association) if is_unknown(&association.role_arn) => AssociationRemoval::Unknown,
            Some(association) if !is_deleted(&association.role_arn) => AssociationRemoval::Release,
            Some(_) | None => AssociationRemoval::Delete,
        };
        let mut memberships = inventory::recorded_memberships(subject, previous, inventory);
        memberships.retain(|memberships| !is_deleted(&memberships.role));
        let adopted = roles.keys().filter(|arn| ownership(arn).is_adopted());
        Self {
            subject: subject.clone(),
            mode,
            adopted: adopted.cloned().collect(),
            association,
            roles,
            memberships,
        }
    }
}

/// Returns true if the facts that show the owner of a role could be read.
fn shows_owner(role: &RoleFacts) -> bool {
    role.id.unreadable().is_none() && role.tags.unreadable().is_none()
}
