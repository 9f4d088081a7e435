//! Errors of the engine, and their conversion for core. Input: errors of AWS, of the API server and of the
//! engine itself. Output: a `ReadError` for facts and a `StepFailure` for steps. No I/O.

use lanyard_aws::AwsError;
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::fact::ReadError;
use lanyard_core::model::name::AccountId;
use lanyard_core::model::reason::Reason;
use lanyard_core::model::text::{message, quote};
use lanyard_core::model::workload::WorkloadRef;
use lanyard_core::reconcile::outcome::{Disposition, StepFailure};

mod no_room;

pub(crate) use no_room::NoRoom;

/// The subject of the message about a right that the API server denies. The command line, which reads with the rights of
/// its user, replaces it.
pub const OPERATOR_RBAC: &str = "the RBAC of the operator";

/// A failed read or write.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A call to AWS failed.
    #[error(transparent)]
    Aws(#[from] Box<AwsError>),
    /// A request to the API server failed.
    #[error("{verb} {what}: {source}")]
    Kube {
        /// The verb, as in RBAC.
        verb: &'static str,
        /// The object or list.
        what: String,
        /// The error of the client.
        source: Box<kube::Error>,
    },
    /// A request to the API server timed out.
    #[error("{verb} {what}: no answer in time")]
    TimedOut {
        /// The verb.
        verb: &'static str,
        /// The object or list.
        what: String,
    },
    /// A write was not sent, because the write gate is closed.
    #[error("{verb} {what}: not sent, because this replica may not write now")]
    GateClosed {
        /// The verb.
        verb: &'static str,
        /// The object or list.
        what: String,
    },
    /// A resource that a step depends on was deleted after the plan was made.
    #[error("{what} no longer exists")]
    Gone {
        /// The resource.
        what: &'static str,
    },
    /// A step that requires EKS, on another cluster.
    #[error("this cluster is not an EKS cluster, and associations and add-ons exist only on EKS")]
    NotEks,
    /// A trust policy names a deleted principal, so IAM accepts no change of it.
    #[error("{0}")]
    DeletedPrincipal(Box<DeletedPrincipal>),
    /// A trust policy has no room for one more subject.
    #[error("{0}")]
    NoRoom(Box<NoRoom>),
    /// An edit of a trust policy was missing when it was read back, on each attempt.
    #[error(
        "concurrent writers edit the trust policy of {role}, and the edit of Lanyard was lost {tries} times"
    )]
    Contended {
        /// The role.
        role: RoleArn,
        /// The number of attempts.
        tries: usize,
    },
    /// Neither the operator's own credentials nor the class of the object give access to an account.
    #[error(
        "no access to account {0}, because it is not the account of the operator. Set aws.assumeRoleArn in the class of the object"
    )]
    NoAccess(AccountId),
    /// A workload of a kind that a rollout cannot restart.
    #[error("{} {} cannot be restarted by a rollout", .0.kind, .0.name)]
    NoRestart(WorkloadRef),
}

/// A statement of another owner that names a deleted principal.
#[derive(Debug, thiserror::Error)]
#[error(
    "{statement} of the trust policy of {role} names the deleted principal {id}, and IAM accepts no change of the policy. Remove {id} from the statement"
)]
pub struct DeletedPrincipal {
    pub(crate) role: RoleArn,
    pub(crate) statement: String,
    pub(crate) id: String,
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

    /// Returns the HTTP status of an error of the API server, or `None` for other errors.
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
            | Self::DeletedPrincipal(_)
            | Self::NoRoom(_)
            | Self::Contended { .. }
            | Self::NoAccess(_)
            | Self::NoRestart(_) => None,
        }
    }

    /// The failure of a step with this error. `after_own_write`: AWS may not see the result of an earlier step
    /// yet.
    pub(crate) fn step_failure(&self, after_own_write: bool) -> StepFailure {
        let (disposition, reason) = match self {
            Self::Aws(error) => return error.step_failure(after_own_write),
            Self::Kube { source, .. } => kube_class(source),
            Self::TimedOut { .. } | Self::GateClosed { .. } | Self::Gone { .. } => {
                (Disposition::RetrySoon, Reason::Unavailable)
            }
            Self::Contended { .. } => (Disposition::RetrySoon, Reason::Progressing),
            Self::NoRoom(_) => (Disposition::WaitForChange, Reason::QuotaExceeded),
            Self::DeletedPrincipal(_) => (Disposition::WaitForChange, Reason::PrincipalNotFound),
            Self::NotEks | Self::NoAccess(_) | Self::NoRestart(_) => {
                (Disposition::WaitForChange, Reason::Refused)
            }
        };
        let next = match disposition {
            Disposition::RetrySoon => "Lanyard retries.",
            Disposition::RetryThenStall | Disposition::WaitForChange => "",
        };
        StepFailure {
            disposition,
            reason,
            message: message(format!("{} {next}", self.sentence()).trim_end()),
        }
    }

    /// The error as whole sentences, each with one colon at most. What the API server said is quoted.
    fn sentence(&self) -> String {
        match self {
            Self::Kube { verb, what, source } => {
                let said = kube_message(source);
                match kube_class(source) {
                    (_, Reason::AccessDenied) => format!(
                        "The API server denied {verb} on {what}: \"{said}\". Grant the permission, or change the policy that it names."
                    ),
                    (Disposition::WaitForChange, _) => format!(
                        "The API server rejected {verb} on {what}: \"{said}\". Correct the cause that it names."
                    ),
                    _ => format!("The API server did not carry out {verb} on {what}: \"{said}\"."),
                }
            }
            Self::TimedOut { verb, what } => {
                format!("The API server did not answer in time to {verb} on {what}.")
            }
            Self::GateClosed { verb, what } => {
                format!("The request to {verb} {what} was not sent, because this replica may not write now.")
            }
            other => {
                let text = other.to_string();
                let mut rest = text.chars();
                let first = rest.next().map(|first| first.to_uppercase().to_string());
                format!(
                    "{}{}.",
                    first.unwrap_or_default(),
                    rest.as_str().trim_end_matches('.')
                )
            }
        }
    }

    /// The cause of an unreadable fact that needed this request.
    pub(crate) fn read_error(&self) -> ReadError {
        match self {
            Self::Aws(error) => error.read_error(),
            Self::Kube { verb, what, source } => match kube_class(source).1 {
                Reason::AccessDenied => ReadError::Denied(format!("{OPERATOR_RBAC} lacks {verb} on {what}")),
                Reason::Throttled => ReadError::Throttled,
                _ => ReadError::Failed(quote(&self.to_string())),
            },
            Self::TimedOut { .. }
            | Self::GateClosed { .. }
            | Self::Gone { .. }
            | Self::NotEks
            | Self::DeletedPrincipal(_)
            | Self::NoRoom(_)
            | Self::Contended { .. }
            | Self::NoAccess(_)
            | Self::NoRestart(_) => ReadError::Failed(quote(&self.to_string())),
        }
    }
}

/// The class of an error of the API server (Kubernetes API conventions, HTTP status codes).
fn kube_class(error: &kube::Error) -> (Disposition, Reason) {
    let kube::Error::Api(status) = error else {
        return (Disposition::RetrySoon, Reason::Unavailable);
    };
    match status.code {
        401 | 403 => (Disposition::WaitForChange, Reason::AccessDenied),
        400 | 404 | 405 | 413 | 422 => (Disposition::WaitForChange, Reason::Refused),
        429 => (Disposition::RetrySoon, Reason::Throttled),
        // 409: another writer was faster. The next reconcile reads its change.
        409 => (Disposition::RetrySoon, Reason::Progressing),
        _ => (Disposition::RetrySoon, Reason::Unavailable),
    }
}

/// The message of a Kubernetes client error, shortened and safe to show. The client's own text repeats itself, and for
/// a broken connection only the innermost cause names the problem.
#[must_use]
pub fn kube_message(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return quote(&status.message);
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    quote(&innermost.to_string())
}
