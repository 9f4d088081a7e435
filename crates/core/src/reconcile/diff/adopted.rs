//! Diff of an adopted role: fields that Lanyard did not set stay and are reported, and permissions are never
//! narrowed. Facts of one role in, differences out; no I/O.

use std::collections::BTreeSet;

use super::differ::Differ;
use super::drift::Cause;
use crate::identity::ManagedRole;
use crate::model::fact::Fact;
use crate::model::field::{Field, Resource, Value};
use crate::model::observed::{Observed, RoleFacts};
use crate::model::reason::Reason;
use crate::model::shared_trust::SharedStatement;
use crate::model::subject::OWN_TAGS;
use crate::ownership::Ownership;
use crate::reconcile::desired::DesiredState;
use crate::reconcile::validate::TAGS_LIMIT;
use lanyard_iam_policy::{Document, only_denies};

impl Differ<'_> {
    /// Lanyard never shortens the maximum session of an adopted role, not even one that it lengthened: users
    /// of the role may rely on it.
    pub(super) fn max_session(&mut self, desired: u32, facts: &RoleFacts) {
        let value = |seconds: u32| Value::text(format!("{seconds}s"));
        let observed = facts.max_session.present();
        let longer = observed.filter(|observed| self.adopted && **observed > desired);
        match longer.map(|observed| value(*observed)) {
            Some(observed) => {
                self.existing(Field::MaxSession, Some(value(desired)), observed, Cause::Adopted);
            }
            None => {
                let observed = facts.max_session.as_ref().map(|observed| value(*observed));
                self.field(Field::MaxSession, Some(value(desired)), observed);
            }
        }
    }

    /// Returns whether an adopted role lacks the desired permissions boundary, and records that as a conflict.
    ///
    /// A boundary removes permissions from every user of the role, so Lanyard does not set one on an adopted
    /// role. It also adds no permissions without the desired boundary.
    pub(super) fn lacks_boundary(
        &mut self,
        desired: &DesiredState,
        role: &ManagedRole,
        facts: &RoleFacts,
    ) -> bool {
        let applied = self.applied(&Field::Boundary).is_some();
        let Some(boundary) = role.boundary.as_ref().filter(|_| self.adopted && !applied) else {
            return false;
        };
        let observed = match &facts.boundary {
            Fact::Present(observed) if observed == boundary => return false,
            Fact::Unreadable(_) => return false,
            Fact::Present(observed) => format!("it has {observed}"),
            Fact::Absent => "it has none".to_owned(),
        };
        let message = format!(
            "Role {} was not created by Lanyard and lacks the required permissions boundary {boundary}: {observed}. Lanyard does not restrict adopted roles. Attach {boundary} to continue.",
            desired.binding.role_arn
        );
        self.conflict(Resource::Role, Reason::BoundaryMissing, message);
        true
    }

    /// Returns whether a role to be adopted has no room for Lanyard's tags, and records that as a conflict.
    pub(super) fn lacks_tag_room(
        &mut self,
        desired: &DesiredState,
        role: &ManagedRole,
        facts: &RoleFacts,
    ) -> bool {
        let Some(tags) = facts
            .tags
            .present()
            .filter(|_| desired.ownership.role == Ownership::Adopting)
        else {
            return false;
        };
        let is_other = |key: &&String| !OWN_TAGS.iter().any(|own| own.eq_ignore_ascii_case(key));
        let added = role.tags.keys().chain(tags.keys()).filter(is_other);
        let others = added
            .map(|key| key.to_ascii_lowercase())
            .collect::<BTreeSet<_>>()
            .len();
        if others <= TAGS_LIMIT {
            return false;
        }
        let message = format!(
            "Role {} would have {others} tags besides those of Lanyard, and IAM leaves room for {TAGS_LIMIT}. Remove {} of them to adopt the role.",
            desired.binding.role_arn,
            others - TAGS_LIMIT
        );
        self.conflict(Resource::Role, Reason::QuotaExceeded, message);
        true
    }

    /// Lanyard's own statements are corrected as in a shared trust policy; every other statement stays.
    pub(super) fn adopted_trust(
        &mut self,
        desired: &DesiredState,
        entries: &[SharedStatement],
        facts: &RoleFacts,
        observed: &Observed,
    ) {
        if facts.id.present().is_none() || self.drift.conflict_on(Resource::Role).is_some() {
            return;
        }
        self.own_entries(desired, entries, facts, observed);
        let is_own = |sid: Option<&str>| {
            entries
                .iter()
                .any(|entry| sid == Some(entry.membership.sid.as_str()))
        };
        let statements = facts
            .trust
            .present()
            .map(Document::statements)
            .unwrap_or_default();
        let foreign = statements
            .iter()
            .enumerate()
            .filter(|(_, statement)| !is_own(statement.sid()));
        for (at, statement) in foreign {
            let document = Document::of(vec![statement.clone()]);
            let cause = match only_denies(&document) {
                true => Cause::Unmanaged,
                false => Cause::Adopted,
            };
            let field = Field::TrustOther(statement.label(at));
            self.existing(field, None, Value::document(&document), cause);
        }
    }
}
