//! The deletion mode: the treatment of an object's AWS resources when the object is deleted. Inputs are the inventory and
//! the spec, if it can be decoded; the output is the mode that `desired` and `plan` follow. No I/O.

use crate::model::inventory::Inventory;
use crate::model::spec::{DeletionPolicy, Spec};

/// The treatment of an object's resources when the object is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletionMode {
    /// The operator removes them.
    Remove,
    /// The operator removes them once no pod uses the ServiceAccount.
    RemoveWhenUnused,
    /// They stay, and Lanyard gives up its ownership.
    Release,
}

impl DeletionMode {
    /// The mode that the object asks for. `spec` is `None` if it cannot be decoded.
    ///
    /// The inventory may be older than the spec, or lost, so either of them may ask for a release. Between the other two
    /// modes the spec decides if there is one: a user can then end the wait of an object that is already being deleted.
    #[must_use]
    pub fn of(spec: Option<&Spec>, inventory: Option<&Inventory>) -> Self {
        // The inventory holds the policy that the class sets for a spec without one.
        let requested = spec.and_then(|spec| spec.deletion_policy);
        let recorded = inventory.map(|inventory| inventory.deletion_policy);
        let suspended = spec.is_some_and(|spec| spec.suspend);
        let retains = [requested, recorded].contains(&Some(DeletionPolicy::Retain));
        if suspended || retains {
            return Self::Release;
        }
        match requested.or(recorded) {
            Some(DeletionPolicy::DeleteWhenUnused) => Self::RemoveWhenUnused,
            Some(DeletionPolicy::Delete | DeletionPolicy::Retain) | None => Self::Remove,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DeletionPolicy::{Delete, DeleteWhenUnused, Retain};

    fn mode(requested: Option<DeletionPolicy>, recorded: Option<DeletionPolicy>) -> DeletionMode {
        let spec = requested.map(|policy| Spec {
            deletion_policy: Some(policy),
            ..Spec::default()
        });
        let inventory = recorded.map(|policy| Inventory::new(policy, Vec::new()));
        DeletionMode::of(spec.as_ref(), inventory.as_ref())
    }

    #[test]
    fn retain_in_spec_or_inventory_releases_else_spec_decides() {
        for (requested, recorded, expected) in [
            (None, None, DeletionMode::Remove),
            (Some(Delete), Some(Retain), DeletionMode::Release),
            (Some(Retain), Some(Delete), DeletionMode::Release),
            (None, Some(Retain), DeletionMode::Release),
            (Some(Delete), Some(DeleteWhenUnused), DeletionMode::Remove),
            (
                Some(DeleteWhenUnused),
                Some(Delete),
                DeletionMode::RemoveWhenUnused,
            ),
            (Some(DeleteWhenUnused), None, DeletionMode::RemoveWhenUnused),
            (None, Some(DeleteWhenUnused), DeletionMode::RemoveWhenUnused),
            (Some(DeleteWhenUnused), Some(Retain), DeletionMode::Release),
        ] {
            assert_eq!(mode(requested, recorded), expected, "{requested:?} {recorded:?}");
        }
    }

    #[test]
    fn suspended_object_is_released() {
        let spec = Spec {
            suspend: true,
            deletion_policy: Some(DeleteWhenUnused),
            ..Spec::default()
        };
        assert_eq!(DeletionMode::of(Some(&spec), None), DeletionMode::Release);
    }
}
