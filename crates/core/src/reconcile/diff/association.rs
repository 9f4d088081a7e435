//! Diff, the association's part: whose it is, its fields and our tags on it.
//! Facts in, differences out; no I/O. Called by `diff` only.

use super::{Differ, conflict};
use crate::model::fact::Fact;
use crate::model::field::{Field, Resource, Value};
use crate::model::observed::{Association, Observed};
use crate::model::reason::Reason;
use crate::ownership::current_association_ownership;
use crate::reconcile::desired::{DesiredAssociation, DesiredState, Others, Removal};

impl Differ<'_> {
    pub(super) fn association(&mut self, wanted: &DesiredState, observed: &Observed) {
        let found = &observed.association;
        if let Fact::Present(association) = found
            && !(wanted.holds.association.is_owned()
                || current_association_ownership(&wanted.subject, self.previous, association).is_owned())
        {
            let message = conflict::association(wanted, association);
            return self.conflict(Resource::Association, Reason::AssociationConflict, message);
        }
        let kept = wanted.others == Others::Stay && wanted.association.is_none();
        if found.unreadable().is_none() && !kept {
            self.drift.judged.insert(Resource::Association);
        }
        let there = found.as_ref().map(|_| Value::present());
        match (&wanted.association, found) {
            (Some(want), Fact::Present(association)) => {
                self.field(Field::Association, Some(Value::present()), there);
                self.fields(want, wanted.held, association);
            }
            (Some(_), Fact::Absent | Fact::Unreadable(_)) => {
                self.field(Field::Association, Some(Value::present()), there);
            }
            (None, Fact::Present(found)) => match wanted.others {
                // Ours, but the binding in effect is IRSA: an association would win over the annotation.
                Others::Drift => self.field(Field::Association, None, there),
                Others::Go => self.unwanted(Field::Association, Value::text(&found.id)),
                Others::Stay => {}
            },
            (None, _) => self.field(Field::Association, None, there),
        }
    }

    fn fields(&mut self, want: &DesiredAssociation, held: bool, found: &Association) {
        let role = |arn| Some(Value::role(arn));
        self.field(
            Field::AssociationRole,
            role(&want.role_arn),
            role(&found.role_arn).into(),
        );
        self.field(
            Field::AssociationTarget,
            want.target_role_arn.as_ref().and_then(role),
            found.target_role_arn.as_ref().and_then(role).into(),
        );
        self.field(
            Field::AssociationSessionTags,
            Some(Value::text(want.session_tags)),
            Fact::Present(Value::text(found.session_tags)),
        );
        if !held {
            self.field(
                Field::AssociationPolicy,
                want.policy.as_ref().map(Value::document),
                found.policy.as_ref().map(Value::document).into(),
            );
        }
        self.tags(
            &want.tags,
            &Fact::Present(found.tags.clone()),
            Field::AssociationTag,
        );
    }

    /// An association that is to go with its object: only when it is ours.
    pub(super) fn association_gone(&mut self, removal: &Removal, observed: &Observed) {
        match &observed.association {
            Fact::Present(found)
                if current_association_ownership(&removal.subject, self.previous, found).is_owned() =>
            {
                self.unwanted(Field::Association, Value::text(&found.id));
            }
            Fact::Present(_) | Fact::Absent => {}
            Fact::Unreadable(why) => self.unreadable(Field::Association, None, why.clone()),
        }
    }
}
