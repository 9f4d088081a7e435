//! Diff, Lanyard's statements in somebody else's trust policy: the subject's part of each, and nothing else of the role.
//! Facts of one role in, differences out; no I/O. Called by `diff` only.

use std::collections::BTreeSet;

use super::{Cause, Difference, Judge};
use crate::arn::RoleArn;
use crate::aspect::{Aspect, Resource, Value};
use crate::desired::{Removal, Wanted};
use crate::fact::Fact;
use crate::leaving::Leaving;
use crate::observed::{Observed, RoleFacts};
use crate::owner::Owner;
use crate::policy::Statement;
use crate::policy::shared::{Seat, Standing};
use crate::reason::Reason;
use crate::share::{Entry, Seated};
use crate::subject::Subject;

impl Judge<'_> {
    pub(super) fn entries(
        &mut self,
        wanted: &Wanted,
        entries: &[Entry],
        facts: &RoleFacts,
        observed: &Observed,
    ) {
        let arn = &wanted.binding.role_arn;
        if facts.elsewhere.is_some() || facts.id.is_absent() {
            return;
        }
        if let Some(owner) = other_identity(&wanted.subject, facts) {
            let message = format!(
                "Lanyard manages role {arn} for {owner}, and would take every other statement out of its trust policy. Name another role under role.existing."
            );
            return self.conflict(Resource::Role, Reason::RoleConflict, message);
        }
        self.own_entries(wanted, entries, facts, observed);
        if facts.trust.present().is_some() {
            self.drift.judged.insert(Resource::Role);
        }
    }

    /// Lanyard's own statements in a trust policy that others write to as well.
    pub(super) fn own_entries(
        &mut self,
        wanted: &Wanted,
        entries: &[Entry],
        facts: &RoleFacts,
        observed: &Observed,
    ) {
        for entry in entries {
            let seated = Seated {
                role: wanted.binding.role_arn.clone(),
                seat: entry.seat.clone(),
            };
            self.entry(&wanted.subject, entry, facts, &seated, &observed.lasting);
        }
    }

    fn entry(
        &mut self,
        subject: &Subject,
        entry: &Entry,
        facts: &RoleFacts,
        seated: &Seated,
        lasting: &BTreeSet<Seated>,
    ) {
        let (Entry { seat, alone }, arn) = (entry, &seated.role);
        let value = |statement: &Statement| Value::statement(arn, statement);
        let found = match &facts.trust {
            Fact::Present(trust) => match seat.standing(trust, alone) {
                Standing::Free => Fact::Absent,
                Standing::Taken if self.is_unproven(seated) && !lasting.contains(seated) => {
                    return self.unproven(seated.aspect(), value(alone));
                }
                Standing::Taken => Fact::Present(value(alone)),
                Standing::Edited(found) => Fact::Present(value(&found)),
                Standing::Illegible => return self.illegible(subject, arn, seat),
            },
            Fact::Absent => Fact::Absent,
            Fact::Unreadable(why) => Fact::Unreadable(why.clone()),
        };
        self.aspect(seated.aspect(), Some(value(alone)), found);
    }

    /// Whether a seat is taken, and nobody has recorded that it was seen to last: whoever took it may have been killed
    /// before.
    fn is_unproven(&self, seated: &Seated) -> bool {
        !self.frozen && self.applied(&seated.aspect()).is_none()
    }

    /// As wanted, and to be taken once more all the same: that writes nothing where it stands, and looks whether it lasts.
    fn unproven(&mut self, aspect: Aspect, value: Value) {
        self.drift.differences.push(Difference {
            aspect,
            wanted: Some(value.clone()),
            found: Some(value),
            cause: Cause::Spec,
            parts: Vec::new(),
        });
    }

    /// A statement with our id of which nobody can tell whom it lets in: to write it anew could shut others out.
    fn illegible(&mut self, subject: &Subject, arn: &RoleArn, seat: &Seat) {
        let message = format!(
            "Statement[Sid={}] of the trust policy of {arn} carries Lanyard's id, and somebody changed it so that Lanyard cannot tell whom it lets in. It is left alone: delete it, and Lanyard writes it anew for {subject}, or put its list back.",
            seat.sid
        );
        self.conflict(Resource::Role, Reason::StatementConflict, message);
    }

    /// Seats that are to be free once the object is gone. A release leaves them to the role's owner.
    pub(super) fn seats_left(&mut self, removal: &Removal, observed: &Observed) {
        if removal.leaving == Leaving::Release {
            return;
        }
        for seated in &removal.seats {
            let facts = observed.role(&seated.role);
            match facts.trust_here().map(|trust| seated.seat.is_taken(trust)) {
                Fact::Present(Some(true)) => {
                    self.unwanted(seated.aspect(), Value::text(&seated.seat.member));
                }
                Fact::Present(None) => self.illegible(&removal.subject, &seated.role, &seated.seat),
                Fact::Present(Some(false)) | Fact::Absent => {}
                Fact::Unreadable(why) => self.unreadable(seated.aspect(), None, why),
            }
        }
    }
}

/// The other WorkloadIdentity for which Lanyard manages a role, by its tags.
fn other_identity(subject: &Subject, facts: &RoleFacts) -> Option<String> {
    match Owner::of(subject, facts.tags.present()?) {
        Owner::Lanyard(identity) => Some(identity),
        Owner::Itself | Owner::Released | Owner::Tool(_) | Owner::Nobody => None,
    }
}
