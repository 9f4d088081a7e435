//! Plan, roles left over: those that Lanyard made for this subject and that no binding leads to any more.
//! Facts in, steps into the draft; no I/O. Called by `plan` only. What is not ours by its tags is left alone.

use super::removal::deleting;
use super::{Await, Draft};
use crate::arn::RoleArn;
use crate::desired::Wanted;
use crate::fact::Fact;
use crate::spec::DeletionPolicy;
use crate::step::Step;
use crate::subject::TAG_ADOPTED;

impl Draft<'_> {
    pub(super) fn left_over(&mut self, wanted: &Wanted) {
        self.left_seats(wanted);
        for role in &wanted.left_over {
            let facts = self.observed.role(role);
            match (&facts.id, &facts.tags) {
                (Fact::Absent, _) => {}
                (Fact::Present(_), Fact::Present(tags)) if wanted.subject.owns(tags) => {
                    let adopted = tags.contains_key(TAG_ADOPTED);
                    self.steps.extend(self.removing(wanted, role, adopted));
                }
                (Fact::Present(_), Fact::Present(_) | Fact::Absent) => {}
                (Fact::Unreadable(_), _) | (_, Fact::Unreadable(_)) => drop(self.then.insert(Await::Reading)),
            }
        }
    }

    fn removing(&self, wanted: &Wanted, role: &RoleArn, adopted: bool) -> Vec<Step> {
        match wanted.custody.deletion_policy {
            _ if adopted => vec![Step::ReleaseRole { role: role.clone() }],
            // Nothing leads to it any more: there is nobody to wait for.
            DeletionPolicy::Delete | DeletionPolicy::DeleteWhenUnused => deleting(role, self.observed),
            DeletionPolicy::Retain => vec![Step::ReleaseRole { role: role.clone() }],
        }
    }
}
