//! What can go wrong with a step, and what the core is told of it. Errors in, facts' `ReadError` and steps' `StepFailure` out.

use lanyard_aws::AwsError;
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::fact::ReadError;
use lanyard_core::model::name::AccountId;
use lanyard_core::model::reason::Reason;
use lanyard_core::model::text::{message, quote};
use lanyard_core::model::workload::WorkloadRef;
use lanyard_core::reconcile::outcome::{Disposition, StepFailure};

use crate::trusts::NoRoom;

/// What can go wrong when the world is read or changed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A call to AWS failed.
    #[error(transparent)]
    Aws(#[from] Box<AwsError>),
    /// A call to the API server failed.
    #[error("{verb} {what}: {source}")]
    Kube {
        /// What was tried, as RBAC calls it.
        verb: &'static str,
        /// On what.
        what: String,
        /// What the client says.
        source: Box<kube::Error>,
    },
    /// A call to the API server did not end in time.
    #[error("{verb} {what}: no answer in time")]
    TimedOut {
        /// What was tried.
        verb: &'static str,
        /// On what.
        what: String,
    },
    /// A write was not sent: nothing may be written any more.
    #[error("{verb} {what}: not sent, this replica may not write at this moment")]
    GateClosed {
        /// What was to be done.
        verb: &'static str,
        /// On what.
        what: String,
    },
    /// A step rests on a thing that went away since it was planned.
    #[error("{what} is not there any more")]
    Gone {
        /// What went away.
        what: &'static str,
    },
    /// A step that only EKS can take, on a cluster that is not its own.
    #[error("this cluster is not EKS's, which alone has associations and add-ons")]
    NotEks,
    /// A trust policy has no room for one more subject.
    #[error("{0}")]
    NoRoom(Box<NoRoom>),
    /// What was written into a trust policy was not there when it was read back, each time.
    #[error(
        "the trust policy of {role}: others write to it at the same time, and what Lanyard wrote was lost {tries} times"
    )]
    Contended {
        /// Whose.
        role: RoleArn,
        /// How often it was written.
        tries: usize,
    },
    /// A thing in an account to which neither Lanyard's own credentials nor the object's class lead.
    #[error(
        "account {0} is not Lanyard's own, and no class of the object says how to get there (aws.assumeRoleArn)"
    )]
    NoWay(AccountId),
    /// A workload of a kind that no rollout restarts.
    #[error("a {} is not restarted by a rollout: {}", .0.kind, .0.name)]
    NoRestart(WorkloadRef),
}

impl From<AwsError> for EngineError {
    fn from(error: AwsError) -> Self {
        Self::Aws(Box::new(error))
    }
}

impl EngineError {
    pub(crate) fn kube(verb: &'static str, what: impl Into<String>, source: kube::Error) -> Self {
        Self::Kube {
            verb,
            what: what.into(),
            source: Box::new(source),
        }
    }

    /// The HTTP status with which the API server refused, when it did.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Kube { source, .. } => match &**source {
                kube::Error::Api(answer) => Some(answer.code),
                _ => None,
            },
            Self::Aws(_)
            | Self::TimedOut { .. }
            | Self::GateClosed { .. }
            | Self::Gone { .. }
            | Self::NotEks
            | Self::NoRoom(_)
            | Self::Contended { .. }
            | Self::NoWay(_)
            | Self::NoRestart(_) => None,
        }
    }

    /// What the outcome says. `after_own_write`: AWS may not see yet what an earlier step of ours just made.
    pub(crate) fn step_failure(&self, after_own_write: bool) -> StepFailure {
        match self {
            Self::Aws(error) => error.step_failure(after_own_write),
            Self::Kube { source, .. } => {
                let (disposition, reason) = kube_class(source);
                StepFailure {
                    disposition,
                    reason,
                    message: quote(&self.to_string()),
                }
            }
            Self::TimedOut { .. } | Self::GateClosed { .. } | Self::Gone { .. } => StepFailure {
                disposition: Disposition::RetrySoon,
                reason: Reason::Unavailable,
                message: quote(&self.to_string()),
            },
            Self::Contended { .. } => StepFailure {
                disposition: Disposition::RetrySoon,
                reason: Reason::Progressing,
                message: quote(&self.to_string()),
            },
            Self::NoRoom(no_room) => StepFailure {
                disposition: Disposition::WaitForChange,
                reason: Reason::QuotaExceeded,
                message: message(&no_room.to_string()),
            },
            Self::NotEks | Self::NoWay(_) | Self::NoRestart(_) => StepFailure {
                disposition: Disposition::WaitForChange,
                reason: Reason::Refused,
                message: quote(&self.to_string()),
            },
        }
    }

    /// Why a fact that needed this call is unreadable.
    pub(crate) fn read_error(&self) -> ReadError {
        match self {
            Self::Aws(error) => error.read_error(),
            Self::Kube { verb, what, source } => match kube_class(source).1 {
                Reason::AccessDenied => {
                    ReadError::Denied(format!("the operator's RBAC lacks {verb} on {what}"))
                }
                Reason::Throttled => ReadError::Throttled,
                _ => ReadError::Failed(quote(&self.to_string())),
            },
            Self::TimedOut { .. }
            | Self::GateClosed { .. }
            | Self::Gone { .. }
            | Self::NotEks
            | Self::NoRoom(_)
            | Self::Contended { .. }
            | Self::NoWay(_)
            | Self::NoRestart(_) => ReadError::Failed(quote(&self.to_string())),
        }
    }
}

/// The class of an API server's error [Kubernetes API conventions, HTTP status codes].
fn kube_class(error: &kube::Error) -> (Disposition, Reason) {
    let kube::Error::Api(status) = error else {
        return (Disposition::RetrySoon, Reason::Unavailable);
    };
    match status.code {
        401 | 403 => (Disposition::WaitForChange, Reason::AccessDenied),
        400 | 404 | 405 | 413 | 422 => (Disposition::WaitForChange, Reason::Refused),
        429 => (Disposition::RetrySoon, Reason::Throttled),
        // 409: somebody was faster; the next look sees what they wrote.
        409 => (Disposition::RetrySoon, Reason::Progressing),
        _ => (Disposition::RetrySoon, Reason::Unavailable),
    }
}
