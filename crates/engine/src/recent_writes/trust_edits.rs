//! Recent edits of shared trust policies by this process, and one lock per policy. IAM shows a change some seconds late,
//! so an edit that is based on a stale read would revert the edits before it (docs/dev/aws-behaviour.md#iam-consistency).
//! Input: edits. Output: the edits that a read may not show yet. No I/O.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::observed::RoleFacts;
use lanyard_core::model::subject::Subject;
use lanyard_iam_policy::membership::{Membership, MembershipState};
use lanyard_iam_policy::{Document, Statement};
use parking_lot::Mutex;
use tokio::sync::Mutex as AsyncMutex;

use crate::keyed_locks::KeyedLocks;

/// An edit of a trust policy for one subject.
#[derive(Debug, Clone)]
pub(crate) struct TrustEdit {
    subject: Subject,
    membership: Membership,
    /// The statement for the subject alone. `None` removes the subject.
    alone: Option<Statement>,
}

impl TrustEdit {
    pub(crate) fn put(subject: &Subject, membership: &Membership, alone: &Statement) -> Self {
        Self {
            subject: subject.clone(),
            membership: membership.clone(),
            alone: Some(alone.clone()),
        }
    }

    pub(crate) fn remove(subject: &Subject, membership: &Membership) -> Self {
        Self {
            subject: subject.clone(),
            membership: membership.clone(),
            alone: None,
        }
    }

    /// Returns true if the edit removes the subject.
    pub(crate) fn is_removal(&self) -> bool {
        self.alone.is_none()
    }

    /// The statement and the member that the edit is about.
    pub(crate) fn membership(&self) -> &Membership {
        &self.membership
    }

    /// The policy after the edit.
    pub(crate) fn on(&self, document: &Document) -> Document {
        match &self.alone {
            Some(alone) => self.membership.put(document, alone),
            None => self.membership.remove(document),
        }
    }

    /// Returns true if a policy contains the edit.
    pub(crate) fn holds_in(&self, document: &Document) -> bool {
        match &self.alone {
            Some(alone) => self.membership.state(document, alone) == MembershipState::Present,
            None => self.membership.is_listed(document) == Some(false),
        }
    }
}

/// Locks and recent edits, by role.
pub(crate) struct TrustEdits {
    read_consistency: Duration,
    locks: KeyedLocks<RoleArn>,
    edits: Mutex<HashMap<RoleArn, Vec<(Instant, TrustEdit)>>>,
}

impl TrustEdits {
    pub(crate) fn new(read_consistency: Duration) -> Self {
        Self {
            read_consistency,
            locks: KeyedLocks::default(),
            edits: Mutex::default(),
        }
    }

    /// The lock of the trust policy of a role.
    pub(crate) fn lock(&self, role: &RoleArn) -> Arc<AsyncMutex<()>> {
        self.locks.of(role.clone())
    }

    /// The edits that a read may not show yet, in the order in which they were made.
    pub(crate) fn recent(&self, role: &RoleArn) -> Vec<TrustEdit> {
        let edits = self.edits.lock();
        let recorded = edits.get(role).into_iter().flatten();
        let recent = recorded.filter(|(at, _)| at.elapsed() < self.read_consistency);
        recent.map(|(_, edit)| edit.clone()).collect()
    }

    /// Records an edit, and drops earlier edits of the same statement entry.
    pub(crate) fn wrote(&self, role: &RoleArn, edit: TrustEdit) {
        let mut edits = self.edits.lock();
        edits.retain(|_, recorded| {
            recorded.retain(|(at, _)| at.elapsed() < self.read_consistency);
            !recorded.is_empty()
        });
        let recorded = edits.entry(role.clone()).or_default();
        recorded.retain(|(_, before)| before.membership != edit.membership);
        recorded.push((Instant::now(), edit));
    }

    /// The facts of a role for a subject. A trust policy without the subject's recent edit is stale.
    pub(crate) fn judge(&self, subject: &Subject, role: &RoleArn, mut facts: RoleFacts) -> RoleFacts {
        let Some(trust) = facts.trust.present() else {
            return facts;
        };
        let recent = self.recent(role);
        let mut own = recent.iter().filter(|edit| edit.subject == *subject);
        if !own.all(|edit| edit.holds_in(trust)) {
            facts.trust = Fact::Unreadable(ReadError::AwaitingConsistency);
        }
        facts
    }
}
