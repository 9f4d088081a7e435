//! Plan, Lanyard's statements in somebody else's trust policy: the subject goes in where it is missing, and out where
//! nothing depends on it any more. Differences and facts in, steps into the draft; no I/O. Called by `plan` only.

use super::{Await, Draft};
use crate::arn::RoleArn;
use crate::aspect::Aspect;
use crate::desired::{Removal, Wanted};
use crate::fact::Fact;
use crate::observed::Observed;
use crate::share::{Entry, Seated};
use crate::step::Step;

impl Draft<'_> {
    pub(super) fn entries(&mut self, role: &RoleArn, entries: &[Entry]) {
        for Entry { seat, alone } in entries {
            if self.to_do(&Aspect::Statement(seat.sid.clone())).is_some() {
                self.steps.push(Step::PutSubject {
                    role: role.clone(),
                    seat: seat.clone(),
                    alone: alone.clone(),
                });
            }
        }
    }

    pub(super) fn left_seats(&mut self, wanted: &Wanted) {
        for seated in &wanted.left_seats {
            match taken(seated, self.observed) {
                Fact::Present(true) => self.steps.push(removing(seated)),
                Fact::Present(false) | Fact::Absent => {}
                Fact::Unreadable(_) => drop(self.then.insert(Await::Reading)),
            }
        }
    }
}

/// The steps that take the subject of an object that goes out of every statement.
pub(super) fn leaving<'a>(removal: &'a Removal, observed: &'a Observed) -> impl Iterator<Item = Step> + 'a {
    let is_in = |seated: &&Seated| taken(seated, observed) == Fact::Present(true);
    removal.seats.iter().filter(is_in).map(removing)
}

fn removing(seated: &Seated) -> Step {
    Step::RemoveSubject {
        role: seated.role.clone(),
        seat: seated.seat.clone(),
    }
}

fn taken(seated: &Seated, observed: &Observed) -> Fact<bool> {
    let facts = observed.role(&seated.role);
    facts
        .trust_here()
        .map(|trust| seated.seat.is_taken(trust) == Some(true))
}
