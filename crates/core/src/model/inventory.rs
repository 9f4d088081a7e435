//! The inventory: the annotation that records, before anything is created, the roles that Lanyard may have to remove.
//! Input and output: JSON text; no I/O. Users can edit it, so it only locates resources: ownership tags authorise a
//! removal.

use serde::{Deserialize, Serialize};

use crate::model::arn::RoleArn;
use crate::model::shared_trust::{RoleMembership, StatementKey};
use crate::model::spec::{DeletionPolicy, Method};
use crate::model::subject::Subject;

/// The version of the annotation format.
const VERSION: u32 = 1;

/// The roles that Lanyard used for an object and has not released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inventory {
    version: u32,
    /// The class that the object follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The deletion policy.
    pub deletion_policy: DeletionPolicy,
    /// The roles, each with the method it was used for.
    pub roles: Vec<InventoryEntry>,
}

/// One role of the inventory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryEntry {
    /// The role.
    pub arn: RoleArn,
    /// True if Lanyard created the role or may have created it. It may then remove the role if the tags agree.
    pub managed: bool,
    /// The method that the role was used for.
    pub method: Method,
    /// The key of the shared statement with an entry of the subject, if the role is an existing role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<StatementKey>,
}

impl InventoryEntry {
    /// Returns true if Lanyard may own the role or a statement in its trust policy.
    #[must_use]
    pub fn may_be_owned(&self) -> bool {
        self.managed || self.statement.is_some()
    }

    /// The entry of the subject in the trust policy of the role. Returns `None` if the role has no shared statement.
    #[must_use]
    pub fn membership(&self, subject: &Subject) -> Option<RoleMembership> {
        let key = self.statement.as_ref()?;
        Some(RoleMembership {
            role: self.arn.clone(),
            membership: key.membership(subject),
        })
    }
}

impl Inventory {
    /// An inventory of these roles.
    #[must_use]
    pub fn new(deletion_policy: DeletionPolicy, roles: Vec<InventoryEntry>) -> Self {
        Self {
            version: VERSION,
            class: None,
            deletion_policy,
            roles,
        }
    }

    /// Parses the annotation. Returns `None` if the text is not an inventory of the supported version.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str::<Self>(text)
            .ok()
            .filter(|inventory| inventory.version == VERSION)
    }

    /// The text of the annotation.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Returns true if Lanyard may have created the role, even if it is now used as an existing role.
    #[must_use]
    pub fn has_created(&self, role: &RoleArn) -> bool {
        self.roles.iter().any(|entry| entry.managed && entry.arn == *role)
    }

    /// All entries of the subject in trust policies of existing roles.
    pub fn memberships<'a>(&'a self, subject: &'a Subject) -> impl Iterator<Item = RoleMembership> + 'a {
        self.roles.iter().filter_map(|entry| entry.membership(subject))
    }

    /// The same inventory for an object that follows a class.
    #[must_use]
    pub fn under(self, class: Option<String>) -> Self {
        Self { class, ..self }
    }

    /// The same inventory with one more role and the current deletion policy. Roles are never removed here.
    #[must_use]
    pub fn including(
        previous: Option<&Self>,
        deletion_policy: DeletionPolicy,
        entry: InventoryEntry,
    ) -> Self {
        let mut roles = previous
            .map(|inventory| inventory.roles.clone())
            .unwrap_or_default();
        if !roles.contains(&entry) {
            roles.push(entry);
        }
        let class = previous.and_then(|inventory| inventory.class.clone());
        Self::new(deletion_policy, roles).under(class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inventory_round_trips_and_newer_version_is_rejected() {
        let entry = InventoryEntry {
            arn: RoleArn::parse("arn:aws:iam::111122223333:role/a/b").unwrap(),
            managed: true,
            method: Method::Irsa,
            statement: None,
        };
        let inventory = Inventory::including(None, DeletionPolicy::Delete, entry.clone());
        assert_eq!(Inventory::parse(&inventory.to_text()), Some(inventory.clone()));
        assert_eq!(
            Inventory::including(Some(&inventory), DeletionPolicy::Delete, entry),
            inventory
        );
        assert_eq!(
            Inventory::parse(r#"{"version":2,"deletionPolicy":"Delete","roles":[]}"#),
            None
        );
    }
}
