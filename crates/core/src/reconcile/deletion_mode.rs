//! Leaving: what becomes of an object's things when the object goes. Custody and the spec, as far as there is one that
//! can be read, go in; one word comes out that `desired` and `plan` follow. Pure; asked by operator and command line.

use crate::model::inventory::Inventory;
use crate::model::spec::{DeletionPolicy, Spec};

/// What becomes of an object's things when the object goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletionMode {
    /// They are removed.
    Remove,
    /// They are removed once no pod uses the ServiceAccount any more.
    RemoveWhenUnused,
    /// They stay and stop being Lanyard's.
    Release,
}

impl DeletionMode {
    /// What the object asks for. `spec` is `None` when it cannot even be decoded.
    ///
    /// Custody may be older than the spec, or lost, so either of them may say that everything stays. Of the other two
    /// the spec alone decides while there is one: it is how somebody ends the waiting of an object that goes already.
    #[must_use]
    pub fn of(spec: Option<&Spec>, inventory: Option<&Inventory>) -> Self {
        // What a spec leaves open its class may have said, and custody holds that.
        let asked = spec.and_then(|spec| spec.deletion_policy);
        let kept = inventory.map(|inventory| inventory.deletion_policy);
        let suspended = spec.is_some_and(|spec| spec.suspend);
        let retains = [asked, kept].contains(&Some(DeletionPolicy::Retain));
        if suspended || retains {
            return Self::Release;
        }
        match asked.or(kept) {
            Some(DeletionPolicy::DeleteWhenUnused) => Self::RemoveWhenUnused,
            Some(DeletionPolicy::Delete | DeletionPolicy::Retain) | None => Self::Remove,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DeletionPolicy::{Delete, DeleteWhenUnused, Retain};

    fn leaving(asked: Option<DeletionPolicy>, kept: Option<DeletionPolicy>) -> DeletionMode {
        let spec = asked.map(|policy| Spec {
            deletion_policy: Some(policy),
            ..Spec::default()
        });
        let inventory = kept.map(|policy| Inventory::new(policy, Vec::new()));
        DeletionMode::of(spec.as_ref(), inventory.as_ref())
    }

    #[test]
    fn either_source_may_keep_everything_and_the_spec_decides_about_waiting() {
        for (asked, kept, wanted) in [
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
            assert_eq!(leaving(asked, kept), wanted, "{asked:?} {kept:?}");
        }
    }

    #[test]
    fn a_suspended_object_is_only_let_go() {
        let spec = Spec {
            suspend: true,
            deletion_policy: Some(DeleteWhenUnused),
            ..Spec::default()
        };
        assert_eq!(DeletionMode::of(Some(&spec), None), DeletionMode::Release);
    }
}
