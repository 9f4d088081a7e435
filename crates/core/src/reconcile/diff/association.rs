//! Diff of the association: its owner, its fields and Lanyard's tags on it. Facts in, differences out; no I/O.

use super::conflict;
use super::differ::Differ;
use crate::model::fact::Fact;
use crate::model::field::{Field, Resource, Value};
use crate::model::observed::{Association, Observed};
use crate::model::reason::Reason;
use crate::ownership::current_association_ownership;
use crate::reconcile::desired::{DesiredAssociation, DesiredState, OtherBindings, Removal};

impl Differ<'_> {
    pub(super) fn association(&mut self, desired: &DesiredState, observed: &Observed) {
        let account = observed.service_account.present();
        let observed = &observed.association;
        if let Fact::Present(association) = observed
            && !(desired.ownership.association.is_owned()
                || current_association_ownership(&desired.subject, self.previous, association).is_owned())
        {
            let message = conflict::association(desired, association);
            return self.conflict(Resource::Association, Reason::AssociationConflict, message);
        }
        let is_first = desired.association.is_some() && observed.is_absent() && !desired.in_transition;
        if is_first && account.is_some_and(|account| account.of_add_on) {
            let message = conflict::add_on_account(desired);
            return self.conflict(Resource::Association, Reason::ManagedByAddOn, message);
        }
        let is_kept = desired.other_bindings == OtherBindings::Keep && desired.association.is_none();
        if observed.unreadable().is_none() && !is_kept {
            self.drift.judged.insert(Resource::Association);
        }
        let exists = observed.as_ref().map(|_| Value::present());
        match (&desired.association, observed) {
            (Some(association), Fact::Present(observed)) => {
                self.field(Field::Association, Some(Value::present()), exists);
                self.association_fields(association, desired.held, observed);
            }
            (Some(_), Fact::Absent | Fact::Unreadable(_)) => {
                self.field(Field::Association, Some(Value::present()), exists);
            }
            (None, Fact::Present(observed)) => match desired.other_bindings {
                // The binding in effect is IRSA, and an association takes precedence over the annotation.
                OtherBindings::Drift => self.field(Field::Association, None, exists),
                OtherBindings::Remove => self.obsolete(Field::Association, Value::text(&observed.id)),
                OtherBindings::Keep => {}
            },
            (None, _) => self.field(Field::Association, None, exists),
        }
    }

    fn association_fields(&mut self, desired: &DesiredAssociation, held: bool, observed: &Association) {
        let role = |arn| Some(Value::role(arn));
        self.field(
            Field::AssociationRole,
            role(&desired.role_arn),
            role(&observed.role_arn).into(),
        );
        self.field(
            Field::AssociationTarget,
            desired.target_role_arn.as_ref().and_then(role),
            observed.target_role_arn.as_ref().and_then(role).into(),
        );
        self.field(
            Field::AssociationSessionTags,
            Some(Value::text(desired.session_tags)),
            Fact::Present(Value::text(observed.session_tags)),
        );
        if !held {
            self.field(
                Field::AssociationPolicy,
                desired.policy.as_ref().map(Value::document),
                observed.policy.as_ref().map(Value::document).into(),
            );
        }
        self.tags(
            &desired.tags,
            &Fact::Present(observed.tags.clone()),
            Field::AssociationTag,
        );
    }

    /// Records the association of a deleted object if it is Lanyard's.
    pub(super) fn removed_association(&mut self, removal: &Removal, observed: &Observed) {
        match &observed.association {
            Fact::Present(association)
                if current_association_ownership(&removal.subject, self.previous, association).is_owned() =>
            {
                self.obsolete(Field::Association, Value::text(&association.id));
            }
            Fact::Present(_) | Fact::Absent => {}
            Fact::Unreadable(error) => self.unreadable(Field::Association, None, error.clone()),
        }
    }
}
