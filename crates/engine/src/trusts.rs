//! Trust policies that others write to: one subject put into a statement there, or taken out, and nobody else's part
//! touched. An edit in, the policy as it then is out. Talks to IAM, which knows no condition for a write.
//!
//! ```text
//!   lock of the role ---> read ---> own edits of late, then this one ---> room? ---> write ---> unlock
//!                           ^                                                          |
//!                           +---- not there any more: another writer had read before --+--> read back, twice
//! ```
//!
//! In this process the lock keeps writers apart. A write that AWS throttles begins again with the read. Of writers elsewhere the reading back alone tells.

mod memory;

use std::fmt;
use std::time::{Duration, Instant};

use lanyard_aws::{Aws, Class};
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::subject::Subject;
use lanyard_iam_policy::membership::{Membership, MembershipState};
use lanyard_iam_policy::{Document, Statement};

pub(crate) use memory::Trusts;

use crate::Engine;
use crate::error::EngineError;

/// How often an edit has to be seen before it counts as lasting.
const READ_BACKS: usize = 2;
/// How often an edit that others took back is made again in one step.
const TRIES: usize = 5;
/// Before a write that AWS throttled is made anew.
const THROTTLED_PAUSE: Duration = Duration::from_millis(500);
/// Characters that IAM allows a trust policy unless the quota was raised (IAM quotas, `L-C07B4B0D`).
const USUAL_QUOTA: usize = 2048;

/// What is done to a trust policy for one subject.
#[derive(Debug, Clone)]
pub(crate) struct Edit {
    subject: Subject,
    membership: Membership,
    /// The statement for the subject alone; `None`: the subject is taken out.
    alone: Option<Statement>,
}

/// Why a subject does not fit into a trust policy.
#[derive(Debug)]
pub struct NoRoom {
    role: RoleArn,
    membership: Membership,
    size: usize,
    quota: usize,
    /// How many of the statement's subjects fit, and how many there would be.
    fitting: (usize, usize),
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            role,
            membership: Membership { sid, member, .. },
            size,
            quota,
            fitting: (fit, listed),
        } = self;
        write!(
            f,
            "with {member}, the trust policy of {role} would have {size} characters, and IAM allows {quota}: of the {listed} subjects of Statement[Sid={sid}], {fit} fit beside everybody else's statements. Raise the quota (IAM, L-C07B4B0D), make room, or use another role."
        )
    }
}

impl Edit {
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

    fn on(&self, document: &Document) -> Document {
        match &self.alone {
            Some(alone) => self.membership.put(document, alone),
            None => self.membership.remove(document),
        }
    }

    /// Whether a policy is as this edit leaves it.
    fn holds_in(&self, document: &Document) -> bool {
        match &self.alone {
            Some(alone) => self.membership.state(document, alone) == MembershipState::Present,
            None => self.membership.is_listed(document) == Some(false),
        }
    }
}

impl Engine {
    /// Makes an edit of a role's trust policy, and answers the policy once the edit has been seen to last.
    pub(crate) async fn edit_trust(
        &self,
        aws: &Aws,
        role: &RoleArn,
        edit: Edit,
    ) -> Result<Document, EngineError> {
        let made = self.edit_until_it_lasts(aws, role, &edit).await;
        match made {
            // A role that is gone holds no subject any more.
            Err(EngineError::Aws(error)) if error.class() == Class::NotFound && edit.alone.is_none() => {
                Ok(Document::of(Vec::new()))
            }
            made => made,
        }
    }

    async fn edit_until_it_lasts(
        &self,
        aws: &Aws,
        role: &RoleArn,
        edit: &Edit,
    ) -> Result<Document, EngineError> {
        for _ in 0..TRIES {
            let merged = self.merge(aws, role, edit).await?;
            // What stands may have been written by one that was killed before it had looked whether it lasts.
            if !merged.written && edit.alone.is_none() {
                return Ok(merged.document);
            }
            if let Some(document) = self.read_back(aws, role, edit).await? {
                return Ok(document);
            }
            tracing::info!(%role, member = edit.membership.member, "another writer took an edit of a trust policy back");
        }
        Err(EngineError::Contended {
            role: role.clone(),
            tries: TRIES,
        })
    }

    /// The policy, if the edit is still there every time that it is read.
    async fn read_back(
        &self,
        aws: &Aws,
        role: &RoleArn,
        edit: &Edit,
    ) -> Result<Option<Document>, EngineError> {
        let mut last = None;
        for _ in 0..READ_BACKS {
            tokio::time::sleep(self.timings().read_back).await;
            let document = aws.trust(role).await?;
            if !edit.holds_in(&document) {
                return Ok(None);
            }
            last = Some(document);
        }
        Ok(last)
    }

    /// Reads the policy, edits it and writes it, unless it is as it should be. What this process wrote a moment ago and
    /// a late read does not show is put back with it.
    /// A write that AWS throttles is made anew from another read: what others wrote meanwhile would be lost.
    async fn merge(&self, aws: &Aws, role: &RoleArn, edit: &Edit) -> Result<Merged, EngineError> {
        let lock = self.trusts().lock(role);
        let (_alone, began) = (lock.lock().await, Instant::now());
        loop {
            let merged = self.merge_once(aws, role, edit).await;
            let throttled =
                matches!(&merged, Err(EngineError::Aws(error)) if error.class() == Class::Throttled);
            if !throttled || began.elapsed() + THROTTLED_PAUSE > self.timings().throttled {
                return merged;
            }
            tokio::time::sleep(THROTTLED_PAUSE).await;
        }
    }

    async fn merge_once(&self, aws: &Aws, role: &RoleArn, edit: &Edit) -> Result<Merged, EngineError> {
        let found = aws.trust(role).await?;
        let young = self.trusts().young(role);
        let document = young
            .iter()
            .chain([edit])
            .fold(found.clone(), |document, edit| edit.on(&document));
        if !edit.holds_in(&document) {
            // Somebody made the statement illegible since it was planned; the next look says so.
            return Err(EngineError::Gone {
                what: "the statement's list",
            });
        }
        // By the writing: two subjects without session tags have statements that mean the same, and each needs its own.
        let written = found != document;
        if written {
            if edit.alone.is_some() {
                self.has_room(aws, role, &edit.membership, &document).await?;
            }
            aws.without_retry().set_trust(role, &document).await?;
            self.trusts().wrote(role, edit.clone());
        }
        Ok(Merged { document, written })
    }

    async fn has_room(
        &self,
        aws: &Aws,
        role: &RoleArn,
        membership: &Membership,
        document: &Document,
    ) -> Result<(), EngineError> {
        let size = document.size();
        if size <= USUAL_QUOTA {
            return Ok(());
        }
        // Without leave to ask for the account's own quota the usual one holds.
        let quota = aws.trust_quota().await.unwrap_or(USUAL_QUOTA);
        if size <= quota {
            return Ok(());
        }
        Err(EngineError::NoRoom(Box::new(NoRoom {
            role: role.clone(),
            membership: membership.clone(),
            size,
            quota,
            fitting: membership.fitting(document, size - quota),
        })))
    }
}

/// A trust policy after an edit, and whether it had to be written for it.
struct Merged {
    document: Document,
    written: bool,
}
