//! Diff, Lanyard's statements in somebody else's trust policy: the subject's part of each, and nothing else of the role.
//! Facts of one role in, differences out; no I/O. Called by `diff` only.

use std::collections::BTreeSet;

use super::{Cause, Differ, Difference};
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
        wanted: &DesiredState,
        entries: &[SharedStatement],
        facts: &RoleFacts,
        observed: &Observed,
    ) {
        let arn = &wanted.binding.role_arn;
        if facts.elsewhere.is_some() || facts.id.is_absent() {
            return;
        }
        if let Some(owner) = other_identity(&wanted.subject, facts) {
            let message = format!(
                "Lanyard manages role {arn} for {owner}, and would take every other statement out of its trust policy. Name another role under role.existing."
            );
            return self.conflict(Resource::Role, Reason::RoleConflict, message);
        }
        self.own_entries(wanted, entries, facts, observed);
        if facts.trust.present().is_some() {
            self.drift.judged.insert(Resource::Role);
        }
    }

    /// Lanyard's own statements in a trust policy that others write to as well.
    pub(super) fn own_entries(
        &mut self,
        wanted: &DesiredState,
        entries: &[SharedStatement],
        facts: &RoleFacts,
        observed: &Observed,
    ) {
        for entry in entries {
            let memberships = RoleMembership {
                role: wanted.binding.role_arn.clone(),
                membership: entry.membership.clone(),
            };
            self.entry(&wanted.subject, entry, facts, &memberships, &observed.confirmed);
        }
    }

    fn entry(
        &mut self,
        subject: &Subject,
        entry: &SharedStatement,
        facts: &RoleFacts,
        memberships: &RoleMembership,
        confirmed: &BTreeSet<RoleMembership>,
    ) {
        let (
            SharedStatement {
                membership,
                statement: alone,
            },
            arn,
        ) = (entry, &memberships.role);
        let value = |statement: &Statement| Value::statement(arn, statement);
        let found = match &facts.trust {
            Fact::Present(trust) => match membership.state(trust, alone) {
                MembershipState::Absent => Fact::Absent,
                MembershipState::Present
                    if self.is_unproven(memberships) && !confirmed.contains(memberships) =>
                {
                    return self.unproven(memberships.field(), value(alone));
                }
                MembershipState::Present => Fact::Present(value(alone)),
                MembershipState::Modified(found) => Fact::Present(value(&found)),
                MembershipState::Unreadable => return self.illegible(subject, arn, membership),
            },
            Fact::Absent => Fact::Absent,
            Fact::Unreadable(why) => Fact::Unreadable(why.clone()),
        };
        self.field(memberships.field(), Some(value(alone)), found);
    }

    /// Whether a seat is taken, and nobody has recorded that it was seen to last: whoever took it may have been killed
    /// before.
    fn is_unproven(&self, memberships: &RoleMembership) -> bool {
        !self.frozen && self.applied(&memberships.field()).is_none()
    }

    /// As wanted, and to be taken once more all the same: that writes nothing where it stands, and looks whether it lasts.
    fn unproven(&mut self, field: Field, value: Value) {
        self.drift.differences.push(Difference {
            field,
            desired: Some(value.clone()),
            observed: Some(value),
            cause: Cause::Spec,
            parts: Vec::new(),
        });
    }

    /// A statement with our id of which nobody can tell whom it lets in: to write it anew could shut others out.
    fn illegible(&mut self, subject: &Subject, arn: &RoleArn, membership: &Membership) {
        let message = format!(
            "Statement[Sid={}] of the trust policy of {arn} carries Lanyard's id, and somebody changed it so that Lanyard cannot tell whom it lets in. It is left alone: delete it, and Lanyard writes it anew for {subject}, or put its list back.",
            membership.sid
        );
        self.conflict(Resource::Role, Reason::StatementConflict, message);
    }

    /// Seats that are to be free once the object is gone. A release leaves them to the role's owner.
    pub(super) fn seats_left(&mut self, removal: &Removal, observed: &Observed) {
        if removal.leaving == DeletionMode::Release {
            return;
        }
        for memberships in &removal.memberships {
            let facts = observed.role(&memberships.role);
            match facts
                .own_trust()
                .map(|trust| memberships.membership.is_listed(trust))
            {
                Fact::Present(Some(true)) => {
                    self.unwanted(memberships.field(), Value::text(&memberships.membership.member));
                }
                Fact::Present(None) => {
                    self.illegible(&removal.subject, &memberships.role, &memberships.membership)
                }
                Fact::Present(Some(false)) | Fact::Absent => {}
                Fact::Unreadable(why) => self.unreadable(memberships.field(), None, why),
            }
        }
    }
}

/// The other WorkloadIdentity for which Lanyard manages a role, by its tags.
fn other_identity(subject: &Subject, facts: &RoleFacts) -> Option<String> {
    match TaggedOwner::of(subject, facts.tags.present()?) {
        TaggedOwner::OtherIdentity(identity) => Some(identity),
        TaggedOwner::Subject | TaggedOwner::Released | TaggedOwner::Tool(_) | TaggedOwner::Untagged => None,
    }
}
