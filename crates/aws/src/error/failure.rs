//! A failed AWS call as data: the call, and the error answer or the cause of a missing answer.
//! Input: an error of the SDK. Output: an [`AwsError`]. No I/O.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{DispatchFailure, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use lanyard_core::model::text::quote;

use crate::call::Call;

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "`call` is the call that failed, in every variant")]
pub enum AwsError {
    /// AWS answered with an error.
    #[error("{call}: {answer}")]
    Answered {
        call: Call,
        /// The error answer.
        answer: Box<ErrorAnswer>,
    },
    /// AWS did not answer in time. A write may have taken effect.
    #[error("{call}: no answer within {limit:?}")]
    TimedOut {
        call: Call,
        /// The time limit.
        limit: Duration,
    },
    /// The request was not delivered, or the connection broke. A write may have taken effect.
    #[error("{call}: {cause}")]
    Undelivered {
        call: Call,
        /// The innermost cause, quoted.
        cause: String,
    },
    /// No credentials were found to sign the request with.
    #[error("{call}: no AWS credentials: {cause}")]
    NoCredentials {
        call: Call,
        /// The error of the SDK, quoted.
        cause: String,
    },
    /// The request could not be built.
    #[error("{call}: {cause}")]
    Unsendable {
        call: Call,
        /// The reason, quoted.
        cause: String,
    },
    /// The answer is invalid.
    #[error("{call}: {what}")]
    Unclear {
        call: Call,
        /// The defect of the answer, quoted.
        what: String,
    },
    /// The call was not sent, because the write gate is closed.
    #[error("{call}: not sent, the write gate is closed")]
    GateClosed { call: Call },
}

/// An error answer of AWS. All texts are quoted: short and without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The code from the response, such as `NoSuchEntity`.
    pub code: String,
    /// The message.
    pub message: String,
    /// The parts of the message, if it is an authorization error in the usual form.
    pub refusal: Option<Refusal>,
}

/// The parts of `User: U is not authorized to perform: ACTION on resource: RESOURCE because CAUSE`. Of the user
/// only the role is kept, because the session name changes with each restart of the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The name and account of the role that Lanyard acted as, if the message names it: the role of the
    /// operator or of a class.
    pub role: Option<(String, String)>,
    /// The denied action. It can differ from the call, for example `iam:PassRole`.
    pub action: String,
    /// The resource, if the message names it.
    pub resource: Option<String>,
    /// The cause, if the message names it.
    pub cause: Option<String>,
}

impl ErrorAnswer {
    pub(crate) fn new(status: u16, code: &str, message: &str) -> Self {
        let code = if code.is_empty() {
            format!("HTTP {status}")
        } else {
            quote(code)
        };
        Self {
            status,
            code,
            message: quote(message),
            refusal: Refusal::read(message),
        }
    }
}

impl ErrorAnswer {
    /// The message in quotation marks, so that its punctuation does not mix with that of the sentence around it.
    pub(super) fn quoted(&self) -> String {
        match self.message.trim_end_matches('.') {
            "" => self.code.clone(),
            message => format!("\"{message}\" ({})", self.code),
        }
    }
}

impl fmt::Display for ErrorAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message.trim_end_matches('.') {
            "" => f.write_str(&self.code),
            message => write!(f, "{message} ({})", self.code),
        }
    }
}

impl Refusal {
    fn read(message: &str) -> Option<Self> {
        let (user, rest) = message.split_once("is not authorized to perform: ")?;
        let (head, cause) = match rest
            .split_once(" because ")
            .or_else(|| rest.split_once(" with an "))
        {
            Some((head, cause)) => (head, Some(quote(cause.trim_end_matches('.')))),
            None => (rest, None),
        };
        let (action, resource) = match head.split_once(" on resource: ") {
            Some((action, resource)) => (action, Some(quote(resource.trim()))),
            None => (head, None),
        };
        let action = action.split_whitespace().next()?;
        Some(Self {
            role: role_of_session(user),
            action: quote(action),
            resource,
            cause,
        })
    }
}

/// Parses the role and account in `User: arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
fn role_of_session(user: &str) -> Option<(String, String)> {
    let (_, account) = user.split_once(":sts::")?;
    let (account, role) = account.split_once(":assumed-role/")?;
    let (role, _) = role.split_once('/')?;
    Some((quote(role), quote(account)))
}

impl AwsError {
    pub(crate) fn from_sdk<E: ProvideErrorMetadata>(
        call: Call,
        error: &SdkError<E, HttpResponse>,
        limit: Duration,
    ) -> Self {
        match error {
            SdkError::ServiceError(context) => {
                let error = context.err();
                let status = context.raw().status().as_u16();
                let code = error.code().unwrap_or_default();
                let message = error.message().unwrap_or_default();
                Self::Answered {
                    call,
                    answer: Box::new(ErrorAnswer::new(status, code, message)),
                }
            }
            SdkError::TimeoutError(_) => Self::TimedOut { call, limit },
            SdkError::DispatchFailure(failure) if failure.is_timeout() => Self::TimedOut { call, limit },
            SdkError::DispatchFailure(failure) => Self::undelivered(call, failure),
            SdkError::ResponseError(_) => Self::Undelivered {
                call,
                cause: "the response is incomplete or invalid".to_owned(),
            },
            _ => Self::Unsendable {
                call,
                cause: "the SDK could not build the request".to_owned(),
            },
        }
    }

    fn undelivered(call: Call, failure: &DispatchFailure) -> Self {
        let Some(connector) = failure.as_connector_error() else {
            return Self::Undelivered {
                call,
                cause: "the request was not sent".to_owned(),
            };
        };
        let mut cause: &(dyn Error + 'static) = connector;
        let mut credentials = false;
        while let Some(inner) = cause.source() {
            // The call for the credentials failed.
            if let Some(assuming) = inner.downcast_ref::<Self>() {
                return assuming.clone();
            }
            cause = inner;
            credentials = credentials || cause.is::<CredentialsError>();
        }
        let cause = cause.to_string();
        if credentials {
            // The sentences after the first list every provider that was tried.
            let first = cause.split(". ").next().unwrap_or_default();
            return Self::NoCredentials {
                call,
                cause: quote(first.trim_end_matches('.')),
            };
        }
        Self::Undelivered {
            call,
            cause: quote(&cause),
        }
    }

    /// An answer that lacks a required value, or holds a value that cannot be parsed.
    pub(crate) fn unclear(call: &Call, what: impl fmt::Display) -> Self {
        Self::Unclear {
            call: call.clone(),
            what: quote(&what.to_string()),
        }
    }

    /// The call that failed.
    #[must_use]
    pub fn call(&self) -> &Call {
        match self {
            Self::Answered { call, .. }
            | Self::TimedOut { call, .. }
            | Self::Undelivered { call, .. }
            | Self::NoCredentials { call, .. }
            | Self::Unsendable { call, .. }
            | Self::Unclear { call, .. }
            | Self::GateClosed { call } => call,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_is_parsed_without_session_name() {
        let message = "User: arn:aws:sts::111122223333:assumed-role/lanyard/eks-prod-lanyard-7f is not authorized to \
                       perform: iam:PassRole on resource: arn:aws:iam::111122223333:role/orders because no \
                       identity-based policy allows the iam:PassRole action";
        let refusal = ErrorAnswer::new(403, "AccessDenied", message).refusal.unwrap();
        assert_eq!(
            refusal.role.unwrap(),
            ("lanyard".to_owned(), "111122223333".to_owned())
        );
        assert_eq!(refusal.action, "iam:PassRole");
        assert_eq!(refusal.resource.unwrap(), "arn:aws:iam::111122223333:role/orders");
        assert_eq!(
            refusal.cause.unwrap(),
            "no identity-based policy allows the iam:PassRole action"
        );
    }

    #[test]
    fn refusal_without_resource_keeps_action() {
        let message = "User: x is not authorized to perform: eks:DescribeCluster with an explicit deny in a service control policy";
        let refusal = Refusal::read(message).unwrap();
        assert_eq!(
            (refusal.role, refusal.action.as_str(), refusal.resource),
            (None, "eks:DescribeCluster", None)
        );
        assert_eq!(
            refusal.cause.unwrap(),
            "explicit deny in a service control policy"
        );
    }

    #[test]
    fn answer_without_code_uses_http_status() {
        assert_eq!(ErrorAnswer::new(502, "", "").code, "HTTP 502");
    }
}
