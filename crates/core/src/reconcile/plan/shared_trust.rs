//! Plan, Lanyard's statements in somebody else's trust policy: the subject goes in where it is missing, and out where
//! nothing depends on it any more. Differences and facts in, steps into the draft; no I/O. Called by `plan` only.

use super::{PlanBuilder, WaitReason};
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
            statement,
        } in entries
        {
            if self.to_do(&Field::Statement(membership.sid.clone())).is_some() {
                self.steps.push(Step::PutSubject {
                    role: role.clone(),
                    membership: membership.clone(),
                    alone: statement.clone(),
                });
            }
        }
    }

    pub(super) fn left_seats(&mut self, wanted: &DesiredState) {
        for memberships in &wanted.left_seats {
            match taken(memberships, self.observed) {
                Fact::Present(true) => self.steps.push(removing(memberships)),
                Fact::Present(false) | Fact::Absent => {}
                Fact::Unreadable(_) => drop(self.waiting_for.insert(WaitReason::Reading)),
            }
        }
    }
}

/// The steps that take the subject of an object that goes out of every statement.
pub(super) fn leaving<'a>(removal: &'a Removal, observed: &'a Observed) -> impl Iterator<Item = Step> + 'a {
    let is_in = |memberships: &&RoleMembership| taken(memberships, observed) == Fact::Present(true);
    removal.memberships.iter().filter(is_in).map(removing)
}

fn removing(memberships: &RoleMembership) -> Step {
    Step::RemoveSubject {
        role: memberships.role.clone(),
        membership: memberships.membership.clone(),
    }
}

fn taken(memberships: &RoleMembership, observed: &Observed) -> Fact<bool> {
    let facts = observed.role(&memberships.role);
    facts
        .own_trust()
        .map(|trust| memberships.membership.is_listed(trust) == Some(true))
}
