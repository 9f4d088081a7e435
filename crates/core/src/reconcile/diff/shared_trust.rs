//! Diff of Lanyard's statements in the trust policy of an existing role: the subject's entry in each
//! statement, and nothing else of the role. Facts of one role in, differences out; no I/O.

use std::collections::BTreeSet;

use super::differ::Differ;
use super::drift::Cause;
use crate::model::arn::RoleArn;
use crate::model::fact::Fact;
use crate::model::field::{Field, Resource, Value};
use crate::model::observed::{Observed, RoleFacts};
use crate::model::reason::Reason;
use crate::model::shared_trust::{RoleMembership, SharedStatement};
use crate::model::subject::Subject;
use crate::ownership::tags::TaggedOwner;
use crate::reconcile::deletion_mode::DeletionMode;
use crate::reconcile::desired::{DesiredState, Removal};
use lanyard_iam_policy::Statement;
use lanyard_iam_policy::membership::{Membership, MembershipState};

impl Differ<'_> {
    pub(super) fn entries(
        &mut self,
        desired: &DesiredState,
        entries: &[SharedStatement],
        facts: &RoleFacts,
        observed: &Observed,
    ) {
        let arn = &desired.binding.role_arn;
        if facts.elsewhere.is_some() || facts.id.is_absent() {
            return;
        }
        if let Some(owner) = managing_identity(&desired.subject, facts) {
            let message = format!(
                "Role {arn} is managed by Lanyard for {owner}, which would remove every other statement from its trust policy. Name another role under spec.role.existing."
            );
            return self.conflict(Resource::Role, Reason::RoleConflict, message);
        }
        self.own_entries(desired, entries, facts, observed);
        if facts.trust.present().is_some() {
            self.drift.judged.insert(Resource::Role);
        }
    }

    /// Compares Lanyard's own statements in a trust policy that has other writers too.
    pub(super) fn own_entries(
        &mut self,
        desired: &DesiredState,
        entries: &[SharedStatement],
        facts: &RoleFacts,
        observed: &Observed,
    ) {
        for entry in entries {
            let membership = RoleMembership {
                role: desired.binding.role_arn.clone(),
                membership: entry.membership.clone(),
            };
            self.entry(&desired.subject, entry, facts, &membership, &observed.confirmed);
        }
    }

    fn entry(
        &mut self,
        subject: &Subject,
        entry: &SharedStatement,
        facts: &RoleFacts,
        role_membership: &RoleMembership,
        confirmed: &BTreeSet<RoleMembership>,
    ) {
        let (
            SharedStatement {
                membership,
                statement: alone,
            },
            arn,
        ) = (entry, &role_membership.role);
        let value = |statement: &Statement| Value::statement(arn, statement);
        let observed = match &facts.trust {
            Fact::Present(trust) => match membership.state(trust, alone) {
                MembershipState::Absent => Fact::Absent,
                MembershipState::Present
                    if self.is_unconfirmed(role_membership) && !confirmed.contains(role_membership) =>
                {
                    return self.unconfirmed(role_membership.field(), value(alone));
                }
                MembershipState::Present => Fact::Present(value(alone)),
                MembershipState::Modified(statement) => Fact::Present(value(&statement)),
                MembershipState::Unreadable => return self.illegible(subject, arn, membership),
            },
            Fact::Absent => Fact::Absent,
            Fact::Unreadable(error) => Fact::Unreadable(error.clone()),
        };
        self.field(role_membership.field(), Some(value(alone)), observed);
    }

    /// Returns whether the entry exists without a record that a later read showed it: the operator may have
    /// been killed between write and read-back.
    fn is_unconfirmed(&self, role_membership: &RoleMembership) -> bool {
        !self.frozen && self.applied(&role_membership.field()).is_none()
    }

    /// Records an existing entry as a difference, so that its step runs again. The step writes nothing if the
    /// entry exists, and reads it back.
    fn unconfirmed(&mut self, field: Field, value: Value) {
        self.existing(field, Some(value.clone()), value, Cause::Spec);
    }

    /// A statement with Lanyard's id whose subjects cannot be determined. Rewriting it could remove other
    /// subjects.
    fn illegible(&mut self, subject: &Subject, arn: &RoleArn, membership: &Membership) {
        let message = format!(
            "Statement[Sid={}] of the trust policy of {arn} carries Lanyard's id and was edited, so its subjects cannot be determined. Delete the statement and Lanyard creates it again for {subject}, or restore its list of subjects.",
            membership.sid
        );
        self.conflict(Resource::Role, Reason::StatementConflict, message);
    }

    /// Records the trust-statement entries of a deleted object. A release leaves them to the role's owner.
    pub(super) fn removed_memberships(&mut self, removal: &Removal, observed: &Observed) {
        if removal.mode == DeletionMode::Release {
            return;
        }
        for role_membership in &removal.memberships {
            let facts = observed.role(&role_membership.role);
            let is_listed = facts
                .own_trust()
                .map(|trust| role_membership.membership.is_listed(trust));
            match is_listed {
                Fact::Present(Some(true)) => {
                    let member = Value::text(&role_membership.membership.member);
                    self.obsolete(role_membership.field(), member);
                }
                Fact::Present(None) => self.illegible(
                    &removal.subject,
                    &role_membership.role,
                    &role_membership.membership,
                ),
                Fact::Present(Some(false)) | Fact::Absent => {}
                Fact::Unreadable(error) => self.unreadable(role_membership.field(), None, error),
            }
        }
    }
}

/// Returns the other WorkloadIdentity for which Lanyard manages a role, by its tags, or `None` if there is none.
fn managing_identity(subject: &Subject, facts: &RoleFacts) -> Option<String> {
    match TaggedOwner::of(subject, facts.tags.present()?) {
        TaggedOwner::OtherIdentity(identity) => Some(identity),
        TaggedOwner::Subject | TaggedOwner::Released | TaggedOwner::Tool(_) | TaggedOwner::Untagged => None,
    }
}
