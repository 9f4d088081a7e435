//! The class of an error: the table that assigns a meaning to each error code of AWS. Input: an [`AwsError`].
//! Output: a [`Class`]. No I/O. The codes are from the API models and from
//! docs/dev/aws-behaviour.md#association-errors and docs/dev/aws-behaviour.md#iam-errors.

use super::failure::{AwsError, ErrorAnswer};

/// The meaning of an error. `message.rs` maps each class to a disposition and a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// AWS throttled the call.
    Throttled,
    /// AWS failed with an internal error.
    Server,
    /// The request or the response was lost.
    Network,
    /// No response arrived in time.
    TimedOut,
    /// One part of AWS does not see a write to another part yet. Without a recent write, the reference is
    /// invalid.
    Propagation,
    /// IAM cannot reach the cluster's issuer.
    IssuerUnreachable,
    /// The resource to create already exists. The next reconcile determines its owner.
    Conflicting,
    /// Another writer is changing the same resource.
    Concurrent,
    /// The resource to delete still has dependents that were added after it was read.
    Occupied,
    /// The resource does not exist.
    NotFound,
    /// A permission is missing.
    Denied,
    /// A quota is exceeded.
    Quota,
    /// AWS rejected the document.
    Malformed,
    /// AWS rejected the call for another reason.
    Refused,
    /// The request could not be built because a setting is missing.
    Unsendable,
    /// There are no credentials, or AWS rejected them.
    Credentials,
    /// The response is invalid.
    Unclear,
    /// The call was not sent, because the write gate is closed.
    GateClosed,
}

impl Class {
    /// The name as a metric label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Server => "server",
            Self::Network => "network",
            Self::TimedOut => "timed_out",
            Self::Propagation => "propagation",
            Self::IssuerUnreachable => "issuer_unreachable",
            Self::Conflicting => "conflicting",
            Self::Concurrent => "concurrent",
            Self::Occupied => "occupied",
            Self::NotFound => "not_found",
            Self::Denied => "denied",
            Self::Quota => "quota",
            Self::Malformed => "malformed",
            Self::Refused => "refused",
            Self::Unsendable => "unsendable",
            Self::Credentials => "credentials",
            Self::Unclear => "unclear",
            Self::GateClosed => "gate_closed",
        }
    }
}

impl Class {
    /// The meaning of an answer to `AssumeRole` for the call that needed the credentials. It says nothing about
    /// the target of that call.
    fn while_assuming(self) -> Self {
        match self {
            Self::NotFound | Self::Conflicting | Self::Occupied => Self::Refused,
            other => other,
        }
    }
}

/// Messages of `InvalidParameterException` (EKS) and `MalformedPolicyDocument` (IAM) that a new role or trust
/// policy causes. Terraform retries on the first and the last (docs/dev/aws-behaviour.md#association-errors,
/// docs/dev/aws-behaviour.md#iam-consistency, hashicorp/terraform-provider-aws#34711).
const NOT_PROPAGATED: [&str; 3] = [
    "Role provided in the request does not exist",
    "Trust policy of the role provided is invalid",
    "Invalid principal in policy",
];

impl AwsError {
    /// The meaning of the error.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Answered { call, answer } if call.assumes_role() => answer.class().while_assuming(),
            Self::Answered { answer, .. } => answer.class(),
            Self::TimedOut { .. } => Class::TimedOut,
            Self::Undelivered { .. } => Class::Network,
            Self::NoCredentials { .. } => Class::Credentials,
            Self::Unsendable { .. } => Class::Unsendable,
            Self::Unclear { .. } => Class::Unclear,
            Self::GateClosed { .. } => Class::GateClosed,
        }
    }
}

impl ErrorAnswer {
    fn class(&self) -> Class {
        // Model and response differ in the suffix: `NoSuchEntity` is `NoSuchEntityException` in the model.
        match self.code.strip_suffix("Exception").unwrap_or(&self.code) {
            "Throttling"
            | "Throttled"
            | "ThrottlingError"
            | "RequestThrottled"
            | "TooManyRequests"
            | "RequestLimitExceeded"
            | "BandwidthLimitExceeded"
            | "PriorRequestNotComplete"
            | "SlowDown" => Class::Throttled,
            "ServiceFailure" | "Server" | "ServerInternal" | "InternalFailure" | "InternalError"
            | "InternalServer" | "ServiceUnavailable" | "RequestTimeout" => Class::Server,
            "MalformedPolicyDocument" | "InvalidParameter" if self.is_not_propagated() => Class::Propagation,
            "OpenIdIdpCommunicationError" => Class::IssuerUnreachable,
            "EntityAlreadyExists" | "ResourceInUse" => Class::Conflicting,
            "ConcurrentModification" | "EntityTemporarilyUnmodifiable" => Class::Concurrent,
            "DeleteConflict" => Class::Occupied,
            "NoSuchEntity" | "ResourceNotFound" | "NotFound" | "QueueDoesNotExist" => Class::NotFound,
            "AccessDenied" | "UnauthorizedOperation" | "NotAuthorized" => Class::Denied,
            // The SDK treats `LimitExceededException` as throttling, but IAM uses it for quotas
            // (docs/dev/aws-behaviour.md#iam-errors).
            "LimitExceeded" | "ResourceLimitExceeded" | "ServiceQuotaExceeded" => Class::Quota,
            "MalformedPolicyDocument" => Class::Malformed,
            "ExpiredToken"
            | "InvalidToken"
            | "InvalidClientTokenId"
            | "UnrecognizedClient"
            | "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "InvalidSignature"
            | "IncompleteSignature"
            | "MissingAuthenticationToken"
            | "AuthFailure"
            | "RequestExpired"
            | "RequestTimeTooSkewed" => Class::Credentials,
            _ => self.class_by_status(),
        }
    }

    /// A status alone never means that a resource is absent, because a wrong endpoint can answer 404 as well.
    fn class_by_status(&self) -> Class {
        match self.status {
            429 => Class::Throttled,
            401 | 403 => Class::Denied,
            408 | 500.. => Class::Server,
            // A success status with a body that the SDK could not parse.
            ..=399 => Class::Unclear,
            _ => Class::Refused,
        }
    }

    fn is_not_propagated(&self) -> bool {
        NOT_PROPAGATED.iter().any(|text| self.message.contains(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Call, Service};

    fn class(status: u16, code: &str, message: &str) -> Class {
        ErrorAnswer::new(status, code, message).class()
    }

    #[test]
    fn failed_assume_role_never_means_absent() {
        let error = |operation| AwsError::Answered {
            call: Call::read(Service::Sts, operation, "a role"),
            answer: Box::new(ErrorAnswer::new(404, "NoSuchEntity", "")),
        };
        assert_eq!(error("AssumeRole").class(), Class::Refused);
        assert_eq!(error("GetCallerIdentity").class(), Class::NotFound);
    }

    #[test]
    fn documented_codes_have_classes() {
        for (status, code, desired) in [
            (400, "Throttling", Class::Throttled),
            (429, "ThrottlingException", Class::Throttled),
            (500, "ServiceFailure", Class::Server),
            (500, "ServerException", Class::Server),
            (409, "EntityAlreadyExists", Class::Conflicting),
            (409, "EntityAlreadyExistsException", Class::Conflicting),
            (409, "ResourceInUseException", Class::Conflicting),
            (409, "ConcurrentModification", Class::Concurrent),
            (409, "EntityTemporarilyUnmodifiable", Class::Concurrent),
            (409, "DeleteConflict", Class::Occupied),
            (404, "NoSuchEntity", Class::NotFound),
            (404, "ResourceNotFoundException", Class::NotFound),
            (404, "NotFoundException", Class::NotFound),
            (400, "QueueDoesNotExist", Class::NotFound),
            (403, "AccessDenied", Class::Denied),
            (403, "AccessDeniedException", Class::Denied),
            (409, "LimitExceeded", Class::Quota),
            (400, "ResourceLimitExceededException", Class::Quota),
            (400, "MalformedPolicyDocument", Class::Malformed),
            (400, "InvalidInput", Class::Refused),
            (400, "UnmodifiableEntity", Class::Refused),
            (400, "PolicyNotAttachable", Class::Refused),
            (400, "InvalidParameterException", Class::Refused),
            (400, "InvalidRequestException", Class::Refused),
            (400, "ClientException", Class::Refused),
            (400, "OpenIdIdpCommunicationError", Class::IssuerUnreachable),
            (403, "ExpiredToken", Class::Credentials),
            (403, "UnrecognizedClientException", Class::Credentials),
        ] {
            assert_eq!(class(status, code, ""), desired, "{code}");
        }
    }

    #[test]
    fn propagation_errors_are_recognised_by_message() {
        let role = "Role provided in the request does not exist.";
        let trust = "Trust policy of the role provided is invalid. Follow the official documentation";
        let principal = "Invalid principal in policy: \"AWS\":\"arn:aws:iam::111122223333:role/x\"";
        assert_eq!(class(400, "InvalidParameterException", role), Class::Propagation);
        assert_eq!(class(400, "InvalidParameterException", trust), Class::Propagation);
        assert_eq!(
            class(400, "MalformedPolicyDocument", principal),
            Class::Propagation
        );
    }

    #[test]
    fn unknown_code_is_classified_by_status() {
        assert_eq!(class(503, "", ""), Class::Server);
        assert_eq!(class(403, "", ""), Class::Denied);
        assert_eq!(class(404, "UnknownOperationException", ""), Class::Refused);
        assert_eq!(class(418, "Teapot", ""), Class::Refused);
        assert_eq!(class(200, "", ""), Class::Unclear);
    }
}
