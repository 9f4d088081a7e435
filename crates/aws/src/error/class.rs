//! The class of an error: the one table that says what each code of AWS means for Lanyard.
//! An [`AwsError`] in, a [`Class`] out; no I/O. Codes from the API models and (docs/dev/aws-behaviour.md#association-errors, docs/dev/aws-behaviour.md#iam-errors).

use super::{AwsError, ErrorAnswer};

/// What an error means. Each class has one disposition and one kind of sentence, in `words`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// AWS asks for fewer calls.
    Throttled,
    /// AWS fails on its own side.
    Server,
    /// The request or the answer got lost.
    Network,
    /// There was no answer in time.
    TimedOut,
    /// One part of AWS does not see yet what was written in another; or never will, when it was not written just now.
    Propagation,
    /// IAM cannot reach the cluster's issuer.
    IssuerUnreachable,
    /// The thing to create is there already. The next look tells whose it is.
    Conflicting,
    /// Somebody else changes the same thing at this moment.
    Concurrent,
    /// The thing to delete still holds something that was added since it was looked at.
    Occupied,
    /// The thing is not there.
    NotFound,
    /// A permission is missing.
    Denied,
    /// A quota is used up.
    Quota,
    /// AWS does not accept the document.
    Malformed,
    /// AWS refuses for another reason.
    Refused,
    /// The request could not be made, for want of something that only a person can give.
    Unsendable,
    /// There are no credentials, or AWS does not accept them.
    Credentials,
    /// AWS answered something that makes no sense.
    Unclear,
    /// The call was not sent, because nothing may be written any more.
    GateClosed,
}

impl Class {
    /// The word for it, as a metric label.
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
    /// What an answer on the way into another account means for the call there: nothing about the thing that it is about.
    fn of_the_way(self) -> Self {
        match self {
            Self::NotFound | Self::Conflicting | Self::Occupied => Self::Refused,
            other => other,
        }
    }
}

/// Texts of `InvalidParameterException` (EKS) and `MalformedPolicyDocument` (IAM) that a fresh role or a fresh trust
/// brings about. Terraform retries on the first and the last ((docs/dev/aws-behaviour.md#association-errors, docs/dev/aws-behaviour.md#iam-consistency), hashicorp/terraform-provider-aws#34711).
const NOT_SEEN_YET: [&str; 3] = [
    "Role provided in the request does not exist",
    "Trust policy of the role provided is invalid",
    "Invalid principal in policy",
];

impl AwsError {
    /// What it means.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Answered { call, answer } if call.is_of_assuming() => answer.class().of_the_way(),
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
        // Models and wires disagree about the ending: `NoSuchEntity` is `NoSuchEntityException` in the model.
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
            "MalformedPolicyDocument" | "InvalidParameter" if self.is_not_seen_yet() => Class::Propagation,
            "OpenIdIdpCommunicationError" => Class::IssuerUnreachable,
            "EntityAlreadyExists" | "ResourceInUse" => Class::Conflicting,
            "ConcurrentModification" | "EntityTemporarilyUnmodifiable" => Class::Concurrent,
            "DeleteConflict" => Class::Occupied,
            "NoSuchEntity" | "ResourceNotFound" | "NotFound" | "QueueDoesNotExist" => Class::NotFound,
            "AccessDenied" | "UnauthorizedOperation" | "NotAuthorized" => Class::Denied,
            // The SDK takes `LimitExceededException` for throttling; IAM means a quota by it (docs/dev/aws-behaviour.md#iam-errors).
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

    /// A status alone never makes a thing absent: a 404 may as well come from a wrong endpoint.
    fn class_by_status(&self) -> Class {
        match self.status {
            429 => Class::Throttled,
            401 | 403 => Class::Denied,
            408 | 500.. => Class::Server,
            // No error at all, but nothing that the SDK could read.
            ..=399 => Class::Unclear,
            _ => Class::Refused,
        }
    }

    fn is_not_seen_yet(&self) -> bool {
        NOT_SEEN_YET.iter().any(|text| self.message.contains(text))
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
    fn nothing_said_on_the_way_into_an_account_makes_a_thing_there_absent() {
        let said = |operation| AwsError::Answered {
            call: Call::read(Service::Sts, operation, "a role"),
            answer: Box::new(ErrorAnswer::new(404, "NoSuchEntity", "")),
        };
        assert_eq!(said("AssumeRole").class(), Class::Refused);
        assert_eq!(said("GetCallerIdentity").class(), Class::NotFound);
    }

    #[test]
    fn every_code_that_aws_documents_has_its_class() {
        for (status, code, wanted) in [
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
            assert_eq!(class(status, code, ""), wanted, "{code}");
        }
    }

    #[test]
    fn what_a_fresh_role_brings_about_is_known_by_its_text() {
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
    fn an_unknown_code_is_judged_by_its_status_and_never_means_absent() {
        assert_eq!(class(503, "", ""), Class::Server);
        assert_eq!(class(403, "", ""), Class::Denied);
        assert_eq!(class(404, "UnknownOperationException", ""), Class::Refused);
        assert_eq!(class(418, "Teapot", ""), Class::Refused);
        assert_eq!(class(200, "", ""), Class::Unclear);
    }
}
