//! Plan, roles left over: those that Lanyard made for this subject and that no binding leads to any more.
//! Facts in, steps into the draft; no I/O. Called by `plan` only. What is not ours by its tags is left alone.

use super::removal::deleting;
use super::{PlanBuilder, WaitReason};
use crate::model::arn::RoleArn;
use crate::model::fact::Fact;
use crate::model::spec::DeletionPolicy;
use crate::model::subject::TAG_ADOPTED;
use crate::reconcile::desired::DesiredState;
use crate::reconcile::step::Step;

impl PlanBuilder<'_> {
    pub(super) fn obsolete_roles(&mut self, wanted: &DesiredState) {
        self.left_seats(wanted);
        for role in &wanted.obsolete_roles {
            let facts = self.observed.role(role);
            match (&facts.id, &facts.tags) {
                (Fact::Absent, _) => {}
                (Fact::Present(_), Fact::Present(tags)) if wanted.subject.owns(tags) => {
                    let adopted = tags.contains_key(TAG_ADOPTED);
                    self.steps.extend(self.removing(wanted, role, adopted));
                }
                (Fact::Present(_), Fact::Present(_) | Fact::Absent) => {}
                (Fact::Unreadable(_), _) | (_, Fact::Unreadable(_)) => {
                    self.waiting_for.insert(WaitReason::Reading);
                }
            }
        }
    }

    fn removing(&self, wanted: &DesiredState, role: &RoleArn, adopted: bool) -> Vec<Step> {
        match wanted.inventory.deletion_policy {
            _ if adopted => vec![Step::ReleaseRole { role: role.clone() }],
            // Nothing leads to it any more: there is nobody to wait for.
            DeletionPolicy::Delete | DeletionPolicy::DeleteWhenUnused => deleting(role, self.observed),
            DeletionPolicy::Retain => vec![Step::ReleaseRole { role: role.clone() }],
        }
    }
}
