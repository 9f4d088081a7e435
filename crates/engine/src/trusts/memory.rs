//! What this process did to shared trust policies of late, and one lock for each: IAM shows a change some seconds late,
//! and who merges into what was there before it takes it back (docs/dev/aws-behaviour.md#iam-consistency).
//! Edits in, edits that still count out; no I/O.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::observed::RoleFacts;
use lanyard_core::model::subject::Subject;

use super::Edit;
use crate::keyed_locks::KeyedLocks;

/// Locks and recent edits, by role.
pub(crate) struct Trusts {
    read_consistency: Duration,
    turns: KeyedLocks<RoleArn>,
    edits: Mutex<HashMap<RoleArn, Vec<(Instant, Edit)>>>,
}

impl Trusts {
    pub(crate) fn new(read_consistency: Duration) -> Self {
        Self {
            read_consistency,
            turns: KeyedLocks::default(),
            edits: Mutex::default(),
        }
    }

    /// The lock of one role's trust policy.
    pub(super) fn lock(&self, role: &RoleArn) -> Arc<tokio::sync::Mutex<()>> {
        self.turns.of(role.clone())
    }

    /// The edits that a read may not show yet, in the order in which they were made.
    pub(super) fn young(&self, role: &RoleArn) -> Vec<Edit> {
        let edits = held(&self.edits);
        let made = edits.get(role).into_iter().flatten();
        let young = made.filter(|(at, _)| at.elapsed() < self.read_consistency);
        young.map(|(_, edit)| edit.clone()).collect()
    }

    /// Remembers an edit in the place of what was done to its seat before.
    pub(super) fn wrote(&self, role: &RoleArn, edit: Edit) {
        let mut edits = held(&self.edits);
        edits.retain(|_, made| {
            made.retain(|(at, _)| at.elapsed() < self.read_consistency);
            !made.is_empty()
        });
        let made = edits.entry(role.clone()).or_default();
        made.retain(|(_, before)| before.membership != edit.membership);
        made.push((Instant::now(), edit));
    }

    /// The facts of a role as they may be trusted for a subject: a trust policy without our edit of a moment ago is late.
    pub(crate) fn judge(&self, subject: &Subject, role: &RoleArn, mut facts: RoleFacts) -> RoleFacts {
        let Some(trust) = facts.trust.present() else {
            return facts;
        };
        let young = self.young(role);
        let mut own = young.iter().filter(|edit| edit.subject == *subject);
        if !own.all(|edit| edit.holds_in(trust)) {
            facts.trust = Fact::Unreadable(ReadError::AwaitingConsistency);
        }
        facts
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
