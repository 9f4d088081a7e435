//! Plan of obsolete roles: roles that Lanyard created for the subject and that no binding uses any longer. A
//! role without the subject's tags is not changed. Facts in, steps out; no I/O.

use super::builder::PlanBuilder;
use super::removal::deletion_steps;
use super::wait_reason::WaitReason;
use crate::model::arn::RoleArn;
use crate::model::fact::Fact;
use crate::model::spec::DeletionPolicy;
use crate::model::subject::TAG_ADOPTED;
use crate::reconcile::desired::DesiredState;
use crate::reconcile::step::Step;

impl PlanBuilder<'_> {
    pub(super) fn obsolete_roles(&mut self, desired: &DesiredState) {
        self.obsolete_memberships(desired);
        for role in &desired.obsolete_roles {
            let facts = self.observed.role(role);
            match (&facts.id, &facts.tags) {
                (Fact::Absent, _) => {}
                (Fact::Present(_), Fact::Present(tags)) if desired.subject.owns(tags) => {
                    let adopted = tags.contains_key(TAG_ADOPTED);
                    self.steps.extend(self.removal_steps(desired, role, adopted));
                }
                (Fact::Present(_), Fact::Present(_) | Fact::Absent) => {}
                (Fact::Unreadable(_), _) | (_, Fact::Unreadable(_)) => {
                    self.waiting_for.insert(WaitReason::Reading);
                }
            }
        }
    }

    fn removal_steps(&self, desired: &DesiredState, role: &RoleArn, adopted: bool) -> Vec<Step> {
        match desired.inventory.deletion_policy {
            _ if adopted => vec![Step::ReleaseRole { role: role.clone() }],
            // No binding uses the role, so there are no pods to wait for.
            DeletionPolicy::Delete | DeletionPolicy::DeleteWhenUnused => deletion_steps(role, self.observed),
            DeletionPolicy::Retain => vec![Step::ReleaseRole { role: role.clone() }],
        }
    }
}
