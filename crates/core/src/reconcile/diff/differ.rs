//! The comparison of one field: desired, observed and last applied value in, agreement or a difference with
//! its cause out. No I/O.

use super::drift::{Cause, Conflict, Difference, Drift};
use crate::model::fact::{Fact, ReadError};
use crate::model::field::{Field, Resource, Value};
use crate::model::reason::Reason;
use crate::model::status::Status;
use crate::model::subject::OWN_TAGS;
use crate::reconcile::desired::{DesiredRole, DesiredState};

/// Collects the drift while the resources are compared field by field.
pub(super) struct Differ<'a> {
    pub(super) previous: &'a Status,
    /// True if the last applied values belong to another role than the desired one.
    is_other_role: bool,
    /// True if a transition of the binding is in progress.
    moving: bool,
    /// True if only values that were applied before are corrected.
    pub(super) frozen: bool,
    /// True if the permissions boundary is applied although the identity is frozen.
    bounds: bool,
    /// True if the role is adopted.
    pub(super) adopted: bool,
    pub(super) drift: Drift,
}

impl<'a> Differ<'a> {
    /// For an object that is being deleted.
    pub(super) fn for_removal(previous: &'a Status) -> Self {
        Self {
            previous,
            is_other_role: false,
            moving: false,
            frozen: false,
            bounds: false,
            adopted: false,
            drift: Drift::default(),
        }
    }

    /// For an object that is not being deleted.
    pub(super) fn for_state(desired: &DesiredState, previous: &'a Status) -> Self {
        let role = Value::role(&desired.binding.role_arn);
        let applied_role = previous.last_applied_hashes.get(&Field::Role.key());
        Self {
            is_other_role: applied_role.is_some_and(|digest| *digest != role.digest),
            moving: desired.in_transition,
            frozen: desired.frozen,
            bounds: desired.applies_boundary,
            adopted: matches!(desired.role, DesiredRole::Adopted(..)),
            ..Self::for_removal(previous)
        }
    }

    /// Returns the digest that was last applied to this field of the same resource, or `None` if there is none.
    pub(super) fn applied(&self, field: &Field) -> Option<&String> {
        let elsewhere = self.is_other_role && field.resource() == Resource::Role;
        self.previous
            .last_applied_hashes
            .get(&field.key())
            .filter(|_| !elsewhere)
    }

    /// Compares one field.
    pub(super) fn field(&mut self, field: Field, desired: Option<Value>, observed: Fact<Value>) {
        self.field_with_parts(field, desired, observed, Vec::new());
    }

    /// Compares one field whose parts are known.
    pub(super) fn field_with_parts(
        &mut self,
        field: Field,
        desired: Option<Value>,
        observed: Fact<Value>,
        parts: Vec<(String, Option<String>, Option<String>)>,
    ) {
        let observed = match observed {
            Fact::Present(value) => Some(value),
            Fact::Absent => None,
            Fact::Unreadable(error) => return self.unreadable(field, desired, error),
        };
        let digest = |value: &Option<Value>| value.as_ref().map(|value| value.digest.clone());
        if digest(&desired) == digest(&observed) {
            self.drift
                .agreed
                .extend(digest(&desired).map(|digest| (field, digest)));
            return;
        }
        let cause = self.cause(&field, desired.as_ref(), observed.as_ref());
        self.drift.differences.push(Difference {
            field,
            desired,
            observed,
            cause,
            parts,
        });
    }

    fn cause(&self, field: &Field, desired: Option<&Value>, observed: Option<&Value>) -> Cause {
        match self.applied(field) {
            None if observed.is_some() && self.is_foreign_on_adopted(field) => Cause::Adopted,
            _ if self.bounds && *field == Field::Boundary => Cause::Spec,
            applied if self.frozen => self.cause_when_frozen(desired, applied),
            // A transition derives its stage from the facts, so it needs no record of what was applied.
            _ if self.moving && field.is_of_binding() => Cause::Spec,
            None if self.moving && field.is_trust() => Cause::Spec,
            None if desired.is_some() && self.is_new_in_spec(field) => Cause::Spec,
            applied => three_way(desired, observed, applied),
        }
    }

    /// Returns true if the record of this role is complete and does not have this value: the spec did not have it at the
    /// last reconcile. The observed value was set by another tool or a user before.
    fn is_new_in_spec(&self, field: &Field) -> bool {
        field.is_role_value() && self.applied(&Field::Role).is_some()
    }

    /// A frozen identity keeps what was applied: a change to it is drift, and so is a field that was never
    /// applied. If the record of applied values is lost, drift cannot be distinguished from a change of the
    /// spec.
    fn cause_when_frozen(&self, desired: Option<&Value>, applied: Option<&String>) -> Cause {
        match (desired, applied) {
            (Some(desired), Some(applied)) if desired.digest == *applied => Cause::OutOfBand,
            (None, None) if !self.previous.last_applied_hashes.is_empty() => Cause::OutOfBand,
            (_, _) => Cause::Frozen,
        }
    }

    /// Returns whether an observed field that was never applied belongs to the owner of an adopted role.
    /// Lanyard's own statements and tags do not.
    fn is_foreign_on_adopted(&self, field: &Field) -> bool {
        self.adopted
            && match field {
                Field::Description | Field::Boundary | Field::Attached(_) | Field::Inline(_) => true,
                Field::RoleTag(key) => !OWN_TAGS.contains(&key.as_str()),
                _ => false,
            }
    }

    /// Records a field that could not be read.
    pub(super) fn unreadable(&mut self, field: Field, desired: Option<Value>, error: ReadError) {
        self.drift.differences.push(Difference {
            field,
            desired,
            observed: None,
            cause: Cause::Unreadable(error),
            parts: Vec::new(),
        });
    }

    /// Records a field that has another owner.
    pub(super) fn unmanaged(&mut self, field: Field, observed: Value) {
        self.existing(field, None, observed, Cause::Unmanaged);
    }

    /// Records a difference of a field that exists, with a cause that the caller knows.
    pub(super) fn existing(&mut self, field: Field, desired: Option<Value>, observed: Value, cause: Cause) {
        self.drift.differences.push(Difference {
            field,
            desired,
            observed: Some(observed),
            cause,
            parts: Vec::new(),
        });
    }

    /// Records a field of Lanyard's own that has to be removed because the spec no longer includes it.
    pub(super) fn obsolete(&mut self, field: Field, observed: Value) {
        let cause = if self.frozen { Cause::Frozen } else { Cause::Spec };
        self.existing(field, None, observed, cause);
    }

    /// Records a conflict.
    pub(super) fn conflict(&mut self, resource: Resource, reason: Reason, message: String) {
        self.drift.conflicts.push(Conflict {
            resource,
            reason,
            message,
        });
    }
}

/// The cause of a difference between desired and observed, judged by the last applied digest.
///
/// Never applied, and the record is lost or the field is no value of the role: an absent field is created, any other
/// difference is drift. Applied as desired: the field
/// was changed out of band. Applied differently: the spec changed, and a changed spec is applied under every
/// drift policy.
pub(super) fn three_way(
    desired: Option<&Value>,
    observed: Option<&Value>,
    applied: Option<&String>,
) -> Cause {
    match (desired, observed, applied) {
        (Some(_), None, None) => Cause::Spec,
        (_, _, None) => Cause::OutOfBand,
        (Some(desired), _, Some(applied)) if desired.digest == *applied => Cause::OutOfBand,
        (_, _, Some(_)) => Cause::Spec,
    }
}
