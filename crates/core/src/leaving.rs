//! Leaving: what becomes of an object's things when the object goes. Custody and the spec, as far as there is one that
//! can be read, go in; one word comes out that `desired` and `plan` follow. Pure; asked by operator and command line.

use crate::custody::Custody;
use crate::spec::{DeletionPolicy, Spec};

/// What becomes of an object's things when the object goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// They are removed.
    Remove,
    /// They are removed once no pod uses the ServiceAccount any more.
    RemoveWhenUnused,
    /// They stay and stop being Lanyard's.
    Release,
}

impl Leaving {
    /// What the object asks for. `spec` is `None` when it cannot even be decoded.
    ///
    /// Custody may be older than the spec, or lost, so either of them may say that everything stays. Of the other two
    /// the spec alone decides while there is one: it is how somebody ends the waiting of an object that goes already.
    #[must_use]
    pub fn of(spec: Option<&Spec>, custody: Option<&Custody>) -> Self {
        // What a spec leaves open its class may have said, and custody holds that.
        let asked = spec.and_then(|spec| spec.deletion_policy);
        let kept = custody.map(|custody| custody.deletion_policy);
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

    fn leaving(asked: Option<DeletionPolicy>, kept: Option<DeletionPolicy>) -> Leaving {
        let spec = asked.map(|policy| Spec {
            deletion_policy: Some(policy),
            ..Spec::default()
        });
        let custody = kept.map(|policy| Custody::new(policy, Vec::new()));
        Leaving::of(spec.as_ref(), custody.as_ref())
    }

    #[test]
    fn either_source_may_keep_everything_and_the_spec_decides_about_waiting() {
        for (asked, kept, wanted) in [
            (None, None, Leaving::Remove),
            (Some(Delete), Some(Retain), Leaving::Release),
            (Some(Retain), Some(Delete), Leaving::Release),
            (None, Some(Retain), Leaving::Release),
            (Some(Delete), Some(DeleteWhenUnused), Leaving::Remove),
            (Some(DeleteWhenUnused), Some(Delete), Leaving::RemoveWhenUnused),
            (Some(DeleteWhenUnused), None, Leaving::RemoveWhenUnused),
            (None, Some(DeleteWhenUnused), Leaving::RemoveWhenUnused),
            (Some(DeleteWhenUnused), Some(Retain), Leaving::Release),
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
        assert_eq!(Leaving::of(Some(&spec), None), Leaving::Release);
    }
}
