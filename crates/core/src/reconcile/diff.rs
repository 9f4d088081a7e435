//! Diff: desired, what was last applied, and the facts go in; the differences come out, each with its cause.
//! Three-way and pure: desired against applied is a change of the spec, found against applied is drift.

use std::collections::BTreeSet;

use crate::model::fact::{Fact, ReadError};
use crate::model::field::{Field, Resource, Value};
use crate::model::observed::Observed;
use crate::model::reason::Reason;
use crate::model::status::Status;
use crate::reconcile::desired::{Desired, DesiredRole, DesiredState, Removal};

mod adopted;
mod association;
mod conflict;
mod role;
mod service_account;
mod shared_trust;

pub(crate) use role::split_denials;

/// What stands between desired and observed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Drift {
    /// Every aspect that differs or could not be read.
    pub differences: Vec<Difference>,
    /// Things in the way that are not ours.
    pub conflicts: Vec<Conflict>,
    /// The digest of each aspect that is as wanted.
    pub agreed: Vec<(Field, String)>,
    /// The resources of which every aspect could be judged: what is not named above is not there.
    pub judged: BTreeSet<Resource>,
}

/// One aspect that is not as wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Which one.
    pub field: Field,
    /// What was wanted; `None`: that it is not there.
    pub desired: Option<Value>,
    /// What was found; `None`: nothing.
    pub observed: Option<Value>,
    /// Why they differ.
    pub cause: Cause,
    /// The parts that differ, where the aspect has parts: (field, wanted, found).
    pub parts: Vec<(String, Option<String>, Option<String>)>,
}

/// Why an aspect is not as wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The spec asks for something new, or for the first time.
    Spec,
    /// The spec asks for something new, and the identity is frozen.
    Frozen,
    /// Somebody changed the world behind our back.
    OutOfBand,
    /// The same, once more after each time that it was put back: left alone for a while.
    Contested,
    /// It is somebody else's to change: reported, never touched.
    Unmanaged,
    /// It is on an adopted role, and Lanyard did not put it there: reported, never touched while the role is marked so.
    Adopted,
    /// Nobody knows whether it differs.
    Unreadable(ReadError),
}

/// A thing in the way that is not ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// What is in the way.
    pub resource: Resource,
    /// The word for it.
    pub reason: Reason,
    /// Whose it is and what to do.
    pub message: String,
}

/// Holds the facts against what is desired.
#[must_use]
pub fn diff(desired: &Desired, previous: &Status, observed: &Observed) -> Drift {
    let mut judge = Differ {
        previous,
        another_role: false,
        moving: false,
        frozen: false,
        bounds: false,
        adopted: false,
        drift: Drift::default(),
    };
    match desired {
        Desired::Present(wanted) => {
            let role = Value::role(&wanted.binding.role_arn);
            judge.another_role = is_another(previous.last_applied_hashes.get(&Field::Role.key()), &role);
            judge.moving = wanted.in_transition;
            judge.frozen = wanted.frozen;
            judge.bounds = wanted.applies_boundary;
            judge.adopted = matches!(wanted.role, DesiredRole::Adopted(..));
            judge.present(wanted, observed);
        }
        Desired::Absent(removal) => judge.absent(removal, observed),
    }
    judge.drift
}

/// The walk over all aspects.
struct Differ<'a> {
    previous: &'a Status,
    /// Whether what was last applied to a role was applied to another one than the wanted.
    another_role: bool,
    /// Whether a change of the binding is under way.
    moving: bool,
    /// Whether only what was applied before is kept true.
    frozen: bool,
    /// Whether the boundary is applied all the same.
    bounds: bool,
    /// Whether the role was made by others and is adopted.
    adopted: bool,
    drift: Drift,
}

impl Differ<'_> {
    fn present(&mut self, wanted: &DesiredState, observed: &Observed) {
        self.provider(wanted, observed);
        self.role(wanted, observed);
        self.association(wanted, observed);
        self.service_account(wanted, observed);
    }

    fn absent(&mut self, removal: &Removal, observed: &Observed) {
        self.association_gone(removal, observed);
        self.annotations_gone(observed);
        for (arn, managed) in &removal.roles {
            if *managed {
                self.role_gone(removal, arn, &observed.role(arn));
            }
        }
        self.seats_left(removal, observed);
    }

    fn provider(&mut self, wanted: &DesiredState, observed: &Observed) {
        let Some(provider) = &wanted.provider else {
            // It is shared and stays; what was applied of it tells nothing of the next time that it is wanted.
            self.drift.judged.insert(Resource::Provider);
            return;
        };
        if observed.provider.unreadable().is_none() {
            self.drift.judged.insert(Resource::Provider);
        }
        let client = provider.client_id.as_str();
        let wanted = Value::text(client);
        let (found, others) = match &observed.provider {
            Fact::Present(found) if found.client_ids.contains(client) => {
                (Fact::Present(wanted.clone()), None)
            }
            // Our audience is what is missing, whatever others are there.
            Fact::Present(found) => (Fact::Absent, Some(&found.client_ids)),
            Fact::Absent => (Fact::Absent, None),
            Fact::Unreadable(why) => (Fact::Unreadable(why.clone()), None),
        };
        let others = others.filter(|ids| !ids.is_empty()).map(|ids| {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            (
                Field::Provider.to_string(),
                Some(wanted.text.clone()),
                Some(ids.join(", ")),
            )
        });
        self.aspect_in_parts(Field::Provider, Some(wanted), found, others.into_iter().collect());
    }

    /// What was last applied of an aspect of this very thing.
    fn applied(&self, field: &Field) -> Option<&String> {
        let elsewhere = self.another_role && field.resource() == Resource::Role;
        self.previous
            .last_applied_hashes
            .get(&field.key())
            .filter(|_| !elsewhere)
    }

    /// Judges one aspect: agreed, unreadable, or different with its cause.
    fn field(&mut self, field: Field, wanted: Option<Value>, found: Fact<Value>) {
        self.aspect_in_parts(field, wanted, found, Vec::new());
    }

    fn aspect_in_parts(
        &mut self,
        field: Field,
        wanted: Option<Value>,
        found: Fact<Value>,
        parts: Vec<(String, Option<String>, Option<String>)>,
    ) {
        let found = match found {
            Fact::Present(value) => Some(value),
            Fact::Absent => None,
            Fact::Unreadable(why) => return self.unreadable(field, wanted, why),
        };
        let digest = |value: &Option<Value>| value.as_ref().map(|value| value.digest.clone());
        if digest(&wanted) == digest(&found) {
            self.drift
                .agreed
                .extend(digest(&wanted).map(|digest| (field, digest)));
            return;
        }
        let applied = self.applied(&field);
        // A change of the binding goes by what is found, and does not need to remember what was applied.
        let cause = match applied {
            None if found.is_some() && self.is_of_others(&field) => Cause::Adopted,
            _ if self.bounds && field == Field::Boundary => Cause::Spec,
            applied if self.frozen => self.as_applied(wanted.as_ref(), applied),
            _ if self.moving && field.is_of_binding() => Cause::Spec,
            None if self.moving && field.is_trust() => Cause::Spec,
            applied => three_way(wanted.as_ref(), found.as_ref(), applied),
        };
        self.drift.differences.push(Difference {
            field,
            desired: wanted,
            observed: found,
            cause,
            parts,
        });
    }

    /// Frozen: what was applied as it is still wanted is repaired, and what was never ours is drift. Where it was
    /// forgotten what was applied, nothing can be told from a change of the spec.
    fn as_applied(&self, wanted: Option<&Value>, applied: Option<&String>) -> Cause {
        match (wanted, applied) {
            (Some(wanted), Some(applied)) if wanted.digest == *applied => Cause::OutOfBand,
            (None, None) if !self.previous.last_applied_hashes.is_empty() => Cause::OutOfBand,
            (_, _) => Cause::Frozen,
        }
    }

    fn unreadable(&mut self, field: Field, wanted: Option<Value>, why: ReadError) {
        self.drift.differences.push(Difference {
            field,
            desired: wanted,
            observed: None,
            cause: Cause::Unreadable(why),
            parts: Vec::new(),
        });
    }

    fn not_ours(&mut self, field: Field, found: Value) {
        self.stands(field, None, found, Cause::Unmanaged);
    }

    /// What is there and stays, whatever is wanted.
    fn stands(&mut self, field: Field, wanted: Option<Value>, found: Value, cause: Cause) {
        self.drift.differences.push(Difference {
            field,
            desired: wanted,
            observed: Some(found),
            cause,
            parts: Vec::new(),
        });
    }

    /// Something of ours that is to go, whatever it is: the spec says so.
    fn unwanted(&mut self, field: Field, found: Value) {
        let cause = if self.frozen { Cause::Frozen } else { Cause::Spec };
        self.stands(field, None, found, cause);
    }

    fn conflict(&mut self, resource: Resource, reason: Reason, message: String) {
        self.drift.conflicts.push(Conflict {
            resource,
            reason,
            message,
        });
    }
}

/// Whether the role that is remembered is another one.
fn is_another(remembered: Option<&String>, role: &Value) -> bool {
    remembered.is_some_and(|digest| *digest != role.digest)
}

/// Why wanted and found differ, judged by what was last applied.
///
/// Never applied: what is absent is created, and the rest is drift. Applied as wanted: somebody changed it. Applied
/// otherwise: the spec changed, and a change of the spec is applied under every drift policy.
fn three_way(wanted: Option<&Value>, found: Option<&Value>, applied: Option<&String>) -> Cause {
    match (wanted, found, applied) {
        (Some(_), None, None) => Cause::Spec,
        (_, _, None) => Cause::OutOfBand,
        (Some(wanted), _, Some(applied)) if wanted.digest == *applied => Cause::OutOfBand,
        (_, _, Some(_)) => Cause::Spec,
    }
}

impl Drift {
    /// Nothing is known but that one thing could not be read.
    pub(crate) fn unknown(field: Field, why: &ReadError) -> Self {
        let difference = Difference {
            field,
            desired: None,
            observed: None,
            cause: Cause::Unreadable(why.clone()),
            parts: Vec::new(),
        };
        Self {
            differences: vec![difference],
            ..Self::default()
        }
    }

    /// Whether a resource is in somebody else's hands.
    #[must_use]
    pub fn conflict_on(&self, resource: Resource) -> Option<&Conflict> {
        self.conflicts
            .iter()
            .find(|conflict| conflict.resource == resource)
    }

    /// The difference of one aspect, when there is one.
    #[must_use]
    pub fn of(&self, field: &Field) -> Option<&Difference> {
        self.differences
            .iter()
            .find(|difference| difference.field == *field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::decide;
    use crate::example::{applied, identity, spec, world};
    use crate::model::observed::Provider;
    use crate::model::spec::{ManagedRoleSpec, Method, Spec};

    fn cause(wanted: Option<&str>, found: Option<&str>, applied: Option<&str>) -> Cause {
        let value = |text: &str| Value::text(text);
        let applied = applied.map(|text| value(text).digest);
        three_way(
            wanted.map(value).as_ref(),
            found.map(value).as_ref(),
            applied.as_ref(),
        )
    }

    #[test]
    fn three_way_tells_a_change_of_the_spec_from_drift() {
        let (old, new, other) = (Some("old"), Some("new"), Some("other"));
        // Never applied: what is absent is made, the rest is drift.
        assert_eq!(cause(new, None, None), Cause::Spec);
        assert_eq!(cause(new, other, None), Cause::OutOfBand);
        assert_eq!(cause(None, other, None), Cause::OutOfBand);
        // Applied as wanted: somebody changed it.
        assert_eq!(cause(old, other, old), Cause::OutOfBand);
        assert_eq!(cause(old, None, old), Cause::OutOfBand);
        // Applied otherwise: the spec changed, whatever is found.
        assert_eq!(cause(new, old, old), Cause::Spec);
        assert_eq!(cause(new, other, old), Cause::Spec);
        assert_eq!(cause(new, None, old), Cause::Spec);
        assert_eq!(cause(None, old, old), Cause::Spec);
    }

    #[test]
    fn an_audience_that_a_shared_provider_lacks_is_for_us_to_add() {
        let identity = identity(&spec(Method::Irsa));
        let mut world = world(&identity);
        world.provider = Fact::Present(Provider {
            client_ids: ["theirs".to_owned()].into(),
        });
        let drift = decide(&identity, &Status::default(), &world).drift;
        let provider = drift.of(&Field::Provider).unwrap();
        assert_eq!(provider.cause, Cause::Spec);
        assert_eq!(provider.parts[0].2.as_deref(), Some("theirs"));
    }

    #[test]
    fn what_was_applied_to_another_role_tells_nothing_of_this_one() {
        let described = |name: Option<&str>| Spec {
            managed: Some(ManagedRoleSpec {
                name: name.map(str::to_owned),
                description: Some("orders".to_owned()),
                ..ManagedRoleSpec::default()
            }),
            ..spec(Method::Irsa)
        };
        let (_, _, mut status) = applied(&described(Some("before")));
        status.bindings.clear();
        let (identity, mut world, _) = applied(&described(None));
        world.service_account = Fact::Absent;
        let facts = world.roles.get_mut(identity.role_arn()).unwrap();
        facts.description = Fact::Absent;
        let drift = decide(&identity, &status, &world).drift;
        assert_eq!(drift.of(&Field::Description).unwrap().cause, Cause::Spec);
    }
}
