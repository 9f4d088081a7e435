//! Plan of Lanyard's statements in the trust policy of an existing role: the subject is added where it is
//! missing, and removed where nothing depends on it any longer. Differences and facts in, steps out; no I/O.

use super::builder::PlanBuilder;
use super::wait_reason::WaitReason;
use crate::model::arn::RoleArn;
use crate::model::fact::Fact;
use crate::model::field::Field;
use crate::model::observed::Observed;
use crate::model::shared_trust::{RoleMembership, SharedStatement};
use crate::reconcile::desired::{DesiredState, Removal};
use crate::reconcile::step::Step;

impl PlanBuilder<'_> {
    pub(super) fn entries(&mut self, role: &RoleArn, entries: &[SharedStatement]) {
        for SharedStatement {
            membership,
            statement: alone,
        } in entries
        {
            if self.to_do(&Field::Statement(membership.sid.clone())).is_some() {
                self.steps.push(Step::PutSubject {
                    role: role.clone(),
                    membership: membership.clone(),
                    alone: alone.clone(),
                });
            }
        }
    }

    pub(super) fn obsolete_memberships(&mut self, desired: &DesiredState) {
        for role_membership in &desired.obsolete_memberships {
            match is_listed(role_membership, self.observed) {
                Fact::Present(true) => self.steps.push(removal_step(role_membership)),
                Fact::Present(false) | Fact::Absent => {}
                Fact::Unreadable(_) => drop(self.waiting_for.insert(WaitReason::Reading)),
            }
        }
    }
}

/// The steps that remove the subject of a deleted object from every statement.
pub(super) fn removal_steps<'a>(
    removal: &'a Removal,
    observed: &'a Observed,
) -> impl Iterator<Item = Step> + 'a {
    let is_member =
        |role_membership: &&RoleMembership| is_listed(role_membership, observed) == Fact::Present(true);
    removal.memberships.iter().filter(is_member).map(removal_step)
}

fn removal_step(role_membership: &RoleMembership) -> Step {
    Step::RemoveSubject {
        role: role_membership.role.clone(),
        membership: role_membership.membership.clone(),
    }
}

fn is_listed(role_membership: &RoleMembership, observed: &Observed) -> Fact<bool> {
    let facts = observed.role(&role_membership.role);
    facts
        .own_trust()
        .map(|trust| role_membership.membership.is_listed(trust) == Some(true))
}
