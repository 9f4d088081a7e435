//! Edits of trust policies that other writers edit too: one subject is added to a statement or removed from it, and no
//! other statement changes, but for deleted principals of a Deny. Input: an edit. Output: the policy after it. Does I/O: IAM,
//! which has no conditional writes.
//!
//! ```text
//!   lock the role ---> read ---> apply own recent edits, then this one ---> check size ---> write ---> unlock
//!                        ^                                                                    |
//!                        +---- edit lost to a concurrent writer <--- read back twice <--------+
//! ```
//!
//! The lock serialises the writers of this process. A throttled write starts again with the read. Edits lost to other
//! processes are found only by reading back.

use std::time::{Duration, Instant};

use lanyard_aws::{Aws, AwsError, Class};
use lanyard_core::model::arn::RoleArn;
use lanyard_iam_policy::Document;
use lanyard_iam_policy::membership::Membership;
use lanyard_iam_policy::principal::{deleted_principal, without_void_denials};

use crate::engine::Engine;
use crate::error::{DeletedPrincipal, EngineError, NoRoom};
use crate::recent_writes::TrustEdit;

/// Number of reads that must show an edit before it counts as durable.
const READ_BACKS: usize = 2;
/// Number of attempts at an edit that concurrent writers revert, in one step.
const TRIES: usize = 5;
/// Pause before a throttled write is retried.
const THROTTLED_PAUSE: Duration = Duration::from_millis(500);
/// Default maximum size of a trust policy in characters (IAM quota `L-C07B4B0D`).
const USUAL_QUOTA: usize = 2048;

impl Engine {
    /// Edits the trust policy of a role. Returns the policy once the edit is durable.
    pub(crate) async fn edit_trust(
        &self,
        aws: &Aws,
        role: &RoleArn,
        edit: TrustEdit,
    ) -> Result<Document, EngineError> {
        let result = self.edit_until_durable(aws, role, &edit).await;
        match result {
            // A deleted role has no subjects.
            Err(EngineError::Aws(error)) if error.class() == Class::NotFound && edit.is_removal() => {
                Ok(Document::of(Vec::new()))
            }
            result => result,
        }
    }

    async fn edit_until_durable(
        &self,
        aws: &Aws,
        role: &RoleArn,
        edit: &TrustEdit,
    ) -> Result<Document, EngineError> {
        for _ in 0..TRIES {
            let merged = self.merge(aws, role, edit).await?;
            // An edit found in place still needs the read-back: its writer may have been killed before its own.
            if !merged.written && edit.is_removal() {
                return Ok(merged.document);
            }
            if let Some(document) = self.read_back(aws, role, edit).await? {
                return Ok(document);
            }
            tracing::info!(%role, member = edit.membership().member, "another writer reverted an edit of the trust policy");
        }
        Err(EngineError::Contended {
            role: role.clone(),
            tries: TRIES,
        })
    }

    /// Returns the policy, or `None` if a read does not show the edit.
    async fn read_back(
        &self,
        aws: &Aws,
        role: &RoleArn,
        edit: &TrustEdit,
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

    /// Reads the policy, applies the edit and writes it if it changed. Recent edits of this process that a
    /// stale read does not show are applied too. A throttled write starts again with the read, because it would
    /// revert concurrent edits otherwise.
    async fn merge(&self, aws: &Aws, role: &RoleArn, edit: &TrustEdit) -> Result<Merged, EngineError> {
        let lock = self.trust_edits().lock(role);
        let _guard = lock.lock().await;
        let start = Instant::now();
        loop {
            let merged = self.merge_once(aws, role, edit).await;
            let throttled =
                matches!(&merged, Err(EngineError::Aws(error)) if error.class() == Class::Throttled);
            if !throttled || start.elapsed() + THROTTLED_PAUSE > self.timings().throttled {
                return merged;
            }
            tokio::time::sleep(THROTTLED_PAUSE).await;
        }
    }

    async fn merge_once(&self, aws: &Aws, role: &RoleArn, edit: &TrustEdit) -> Result<Merged, EngineError> {
        let observed = aws.trust(role).await?;
        let recent = self.trust_edits().recent(role);
        let edited = |document: Document| {
            let edits = recent.iter().chain([edit]);
            edits.fold(document, |document, edit| edit.on(&document))
        };
        let mut document = edited(observed.clone());
        if !edit.holds_in(&document) {
            // The statement was made unreadable after the plan. The next reconcile reports it.
            return Err(EngineError::Gone {
                what: "the statement's list",
            });
        }
        // Compared by text, because two subjects without session tags have separate statements of equal meaning.
        let written = observed != document;
        if written {
            // IAM accepts no document with a deleted principal, and a Deny of it denies nothing.
            document = edited(without_void_denials(&observed));
            if !edit.is_removal() {
                self.check_size(aws, role, edit.membership(), &document).await?;
            }
            aws.without_retry()
                .set_trust(role, &document)
                .await
                .map_err(|error| naming_principal(role, &document, error))?;
            self.trust_edits().wrote(role, edit.clone());
        }
        Ok(Merged { document, written })
    }

    async fn check_size(
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
        // The default applies if the quota of the account cannot be read.
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

/// Names the statement with a deleted principal if that is why IAM rejects the policy.
fn naming_principal(role: &RoleArn, document: &Document, error: AwsError) -> EngineError {
    match deleted_principal(document) {
        Some((statement, id)) if matches!(error.class(), Class::Propagation | Class::Malformed) => {
            EngineError::DeletedPrincipal(Box::new(DeletedPrincipal {
                role: role.clone(),
                statement,
                id,
            }))
        }
        _ => error.into(),
    }
}

/// A trust policy after an edit, and whether it was written.
struct Merged {
    document: Document,
    written: bool,
}
