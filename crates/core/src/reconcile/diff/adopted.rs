//! Diff, what is particular of an adopted role: what others put there stays, and is told; nothing is narrowed.
//! Facts of one role in, differences out; no I/O. Called by `diff` only.

use super::{Cause, Differ};
use crate::identity::ManagedRole;
use crate::model::fact::Fact;
use crate::model::field::{Field, Resource, Value};
use crate::model::observed::{Observed, RoleFacts};
use crate::model::reason::Reason;
use crate::model::shared_trust::SharedStatement;
use crate::model::subject::OWN_TAGS;
use crate::reconcile::desired::DesiredState;
use lanyard_iam_policy::{Document, only_denies};

impl Differ<'_> {
    /// Whether what is found of an aspect, and was never applied, is somebody else's: everything on an adopted role is but
    /// Lanyard's own statements and tags.
    pub(super) fn is_of_others(&self, field: &Field) -> bool {
        self.adopted
            && match field {
                Field::Description | Field::Boundary | Field::Attached(_) | Field::Inline(_) => true,
                Field::RoleTag(key) => !OWN_TAGS.contains(&key.as_str()),
                _ => false,
            }
    }

    /// The session may be made longer, never shorter: others may have come to count on one that Lanyard made as long.
    pub(super) fn max_session(&mut self, wanted: u32, facts: &RoleFacts) {
        let value = |seconds: u32| Value::text(format!("{seconds}s"));
        let found = facts.max_session.present();
        let longer = found.filter(|found| self.adopted && **found > wanted);
        match longer.map(|found| value(*found)) {
            Some(found) => self.stands(Field::MaxSession, Some(value(wanted)), found, Cause::Adopted),
            None => {
                let found = facts.max_session.as_ref().map(|found| value(*found));
                self.field(Field::MaxSession, Some(value(wanted)), found);
            }
        }
    }

    /// A boundary takes away from everybody who uses the role, so that Lanyard puts none on; and without the one that is
    /// asked for it adds nothing. Whether that stands in the way.
    pub(super) fn lacks_boundary(
        &mut self,
        wanted: &DesiredState,
        role: &ManagedRole,
        facts: &RoleFacts,
    ) -> bool {
        let applied = self.applied(&Field::Boundary).is_some();
        let Some(boundary) = role.boundary.as_ref().filter(|_| self.adopted && !applied) else {
            return false;
        };
        let found = match &facts.boundary {
            Fact::Present(found) if found == boundary => return false,
            Fact::Unreadable(_) => return false,
            Fact::Present(found) => format!("has the permissions boundary {found}"),
            Fact::Absent => "has no permissions boundary".to_owned(),
        };
        let message = format!(
            "Role {} is somebody else's work, {found}, and {boundary} is asked for. Lanyard narrows no role that it adopts: put that boundary on it, and the rest goes on.",
            wanted.binding.role_arn
        );
        self.conflict(Resource::Role, Reason::BoundaryMissing, message);
        true
    }

    /// Lanyard's own statements are kept as in any role that others share; every other statement stays.
    pub(super) fn adopted_trust(
        &mut self,
        wanted: &DesiredState,
        entries: &[SharedStatement],
        facts: &RoleFacts,
        observed: &Observed,
    ) {
        if facts.id.present().is_none() || self.drift.conflict_on(Resource::Role).is_some() {
            return;
        }
        self.own_entries(wanted, entries, facts, observed);
        let ours = |sid: Option<&str>| {
            entries
                .iter()
                .any(|entry| sid == Some(entry.membership.sid.as_str()))
        };
        let found = facts
            .trust
            .present()
            .map(Document::statements)
            .unwrap_or_default();
        for (at, statement) in found.iter().enumerate().filter(|(_, found)| !ours(found.sid())) {
            let document = Document::of(vec![statement.clone()]);
            let cause = match only_denies(&document) {
                true => Cause::Unmanaged,
                false => Cause::Adopted,
            };
            let field = Field::TrustOther(statement.label(at));
            self.stands(field, None, Value::document(&document), cause);
        }
    }
}
