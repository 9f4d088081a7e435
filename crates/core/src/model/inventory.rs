//! Custody: the annotation in which Lanyard writes, before it creates anything, what will be its to remove.
//! JSON text in and out; no I/O. Users can edit it, so it only locates: ownership tags authorise.

use serde::{Deserialize, Serialize};

use crate::model::arn::RoleArn;
use crate::model::shared_trust::{RoleMembership, StatementKey};
use crate::model::spec::{DeletionPolicy, Method};
use crate::model::subject::Subject;

/// The version of the annotation's form that is written.
const VERSION: u32 = 1;

/// What Lanyard has touched for an object and not yet removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inventory {
    version: u32,
    /// The class that is followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// What a deletion is to remove.
    pub deletion_policy: DeletionPolicy,
    /// Each role touched, with the method it was touched for.
    pub roles: Vec<InventoryEntry>,
}

/// One role that was touched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryEntry {
    /// The role.
    pub arn: RoleArn,
    /// Whether Lanyard made it, or may have: then it may remove it, if its tags agree.
    pub managed: bool,
    /// The method it was used for.
    pub method: Method,
    /// Which of Lanyard's statements in its trust policy the subject was put into, where somebody else made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<StatementKey>,
}

impl InventoryEntry {
    /// Whether the role, or something in it, may be Lanyard's to remove.
    #[must_use]
    pub fn is_ours_to_remove(&self) -> bool {
        self.managed || self.share.is_some()
    }

    /// The subject's seat in the role, where it is somebody else's.
    #[must_use]
    pub fn memberships(&self, subject: &Subject) -> Option<RoleMembership> {
        let share = self.share.as_ref()?;
        Some(RoleMembership {
            role: self.arn.clone(),
            membership: share.membership(subject),
        })
    }
}

impl Inventory {
    /// Custody of these roles.
    #[must_use]
    pub fn new(deletion_policy: DeletionPolicy, roles: Vec<InventoryEntry>) -> Self {
        Self {
            version: VERSION,
            class: None,
            deletion_policy,
            roles,
        }
    }

    /// Reads the annotation; `None` when it is not ours to understand: foreign text or a newer form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str::<Self>(text)
            .ok()
            .filter(|inventory| inventory.version == VERSION)
    }

    /// The annotation's text.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Whether Lanyard made a role at some time, even if it is now used as somebody else's.
    #[must_use]
    pub fn made(&self, role: &RoleArn) -> bool {
        self.roles.iter().any(|entry| entry.managed && entry.arn == *role)
    }

    /// Every seat in somebody else's role that the subject was put into.
    pub fn memberships<'a>(&'a self, subject: &'a Subject) -> impl Iterator<Item = RoleMembership> + 'a {
        self.roles.iter().filter_map(|entry| entry.memberships(subject))
    }

    /// The same custody of an object that follows a class.
    #[must_use]
    pub fn under(self, class: Option<String>) -> Self {
        Self { class, ..self }
    }

    /// The same custody with one more role and the deletion policy of now. Nothing is ever taken out here.
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
    fn custody_survives_the_round_trip_and_refuses_a_newer_form() {
        let entry = InventoryEntry {
            arn: RoleArn::parse("arn:aws:iam::111122223333:role/a/b").unwrap(),
            managed: true,
            method: Method::Irsa,
            share: None,
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
