//! Errors in answers: an operation may return the errors that its model declares, and those that all operations share.
//! Input: an operation and an answer that is an error. Output: the violation, or `None`. No I/O.

use super::super::error;
use super::super::message::Answer;
use super::super::service::Service;
use super::model::{Model, Operation};

/// Errors of every operation of IAM and STS, with their HTTP status
/// (<https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html>). `Throttling` is answered with 400 by both;
/// see docs/dev/aws-behaviour.md#iam-consistency.
const QUERY: &[(&str, u16)] = &[
    ("AccessDenied", 403),
    ("AccessDeniedException", 400),
    ("ExpiredToken", 403),
    ("IncompleteSignature", 400),
    ("InternalFailure", 500),
    ("InvalidAction", 400),
    ("InvalidClientTokenId", 403),
    ("InvalidParameterValue", 400),
    ("MissingParameter", 400),
    ("OptInRequired", 403),
    ("RequestExpired", 400),
    ("ServiceUnavailable", 503),
    ("SignatureDoesNotMatch", 403),
    ("Throttling", 400),
    ("ValidationError", 400),
];

/// Errors of every operation of EKS (<https://docs.aws.amazon.com/eks/latest/APIReference/CommonErrors.html>). EKS answers
/// `ThrottlingException` with 429; see docs/dev/aws-behaviour.md#association-errors.
const REST: &[(&str, u16)] = &[
    ("AccessDeniedException", 403),
    ("ExpiredTokenException", 403),
    ("IncompleteSignature", 400),
    ("InternalFailure", 500),
    ("InvalidSignatureException", 403),
    ("OptInRequired", 403),
    ("ServiceUnavailable", 503),
    ("ThrottlingException", 429),
    ("UnrecognizedClientException", 403),
    ("ValidationException", 400),
];

/// Errors that AWS returns although the operation does not declare them, with their HTTP status. `NoSuchEntity`: the
/// permissions boundary does not exist; recorded against AWS by LocalStack's suite
/// (<https://github.com/localstack/localstack/blob/main/tests/aws/services/iam/test_iam_roles.py>, the snapshot
/// `create-role-nonexistent-policy-error`).
const UNDECLARED: &[(&str, &str, u16)] = &[("CreateRole", "NoSuchEntity", 404)];

/// Returns the violation if the operation cannot return this error with this status.
pub(super) fn violation(
    model: &Model,
    service: Service,
    (name, operation): (&str, &Operation),
    answer: &Answer,
) -> Option<String> {
    let status = answer.status.as_u16();
    let Some(code) = error::code(answer) else {
        return Some(format!("the error with status {status} has no code"));
    };
    let declared = operation
        .errors
        .iter()
        .filter_map(|reference| {
            let error = model.shape(reference)?.error.as_ref();
            let code = error.and_then(|error| error.code.as_deref());
            let status = error.and_then(|error| error.http_status_code);
            Some((code.unwrap_or(&reference.shape), status))
        })
        .find(|(declared, _)| *declared == code);
    let common = if service == Service::Eks { REST } else { QUERY };
    let common = common.iter().find(|(common, _)| *common == code);
    let undeclared = UNDECLARED
        .iter()
        .find(|(operation, undeclared, _)| *operation == name && *undeclared == code);
    let expected = match (declared, common, undeclared) {
        (Some((_, status)), _, _) => status,
        (None, Some((_, status)), _) | (None, None, Some((_, _, status))) => Some(*status),
        (None, None, None) => return Some(format!("the operation does not return the error {code}")),
    };
    let expected = expected.filter(|expected| *expected != status)?;
    Some(format!("the error {code} has status {status}, not {expected}"))
}
