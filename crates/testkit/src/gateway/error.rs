//! Error answers in each protocol's shape: XML for IAM and STS, JSON with a type header for EKS and SQS, a `Status` for Kubernetes.
//! Input: service, status, code, message. Output: an answer; and the code out of an answer. No I/O.

use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::call::Call;
use super::effect::Common;
use super::message::Answer;
use super::service::Service;
use super::xml;

/// An error as `service` words it. A status outside 400..=599 becomes 500.
pub(crate) fn error(service: Service, status: u16, code: &str, message: &str) -> Answer {
    let status = StatusCode::from_u16(status)
        .ok()
        .filter(|status| status.as_u16() >= 400);
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match service {
        Service::Iam => query_error("https://iam.amazonaws.com/doc/2010-05-08/", status, code, message),
        Service::Sts => query_error("https://sts.amazonaws.com/doc/2011-06-15/", status, code, message),
        Service::Eks | Service::Sqs => rest_error(status, code, message),
        Service::Kubernetes => kubernetes_status(status, code, message),
    }
}

/// A refusal that each service words in its own way.
pub(crate) fn common(common: Common, call: &Call) -> Answer {
    match common {
        Common::Throttled => throttled(call.service),
        Common::Denied => denied(call),
        Common::TokenExpired => credentials(
            call.service,
            ("ExpiredToken", "ExpiredTokenException"),
            "The security token included in the request is expired",
        ),
        Common::ClockSkewed => credentials(
            call.service,
            ("SignatureDoesNotMatch", "InvalidSignatureException"),
            "Signature expired: 20260301T115000Z is now earlier than 20260301T120000Z",
        ),
    }
}

/// Rejected credentials: the query protocol and the JSON protocols have codes of their own.
fn credentials(service: Service, (query, json): (&str, &str), message: &str) -> Answer {
    let code = match service {
        Service::Iam | Service::Sts => query,
        Service::Eks | Service::Sqs | Service::Kubernetes => json,
    };
    error(service, 403, code, message)
}

/// Access denied, with the sentence that IAM's evaluation gives.
fn denied(call: &Call) -> Answer {
    let resource = call.subjects.first().map_or("*", String::as_str);
    let message = format!(
        "User: arn:aws:iam::000000000000:user/gateway is not authorized to perform: {service}:{operation} on resource: {resource} \
         because no identity-based policy allows the {service}:{operation} action",
        service = call.service,
        operation = call.operation,
    );
    match call.service {
        Service::Eks | Service::Sqs => error(call.service, 403, "AccessDeniedException", &message),
        Service::Kubernetes => error(call.service, 403, "Forbidden", &message),
        Service::Iam | Service::Sts => error(call.service, 403, "AccessDenied", &message),
    }
}

/// Throttled: IAM and STS say so with 400, EKS with 429 (docs/dev/aws-behaviour.md#association-errors, docs/dev/aws-behaviour.md#iam-consistency), the API server with 429 too; SQS by another name.
fn throttled(service: Service) -> Answer {
    match service {
        Service::Eks => error(service, 429, "ThrottlingException", "Rate exceeded"),
        Service::Sqs => error(service, 400, "RequestThrottled", "Rate exceeded"),
        Service::Kubernetes => error(service, 429, "TooManyRequests", "Rate exceeded"),
        Service::Iam | Service::Sts => error(service, 400, "Throttling", "Rate exceeded"),
    }
}

/// The error code of an answer, in either protocol; nothing when it succeeded.
pub(crate) fn code(answer: &Answer) -> Option<String> {
    if answer.status.is_success() {
        return None;
    }
    let text = answer.text();
    if let Some(code) = xml::text(&text, "Code") {
        return Some(code);
    }
    let header = answer
        .headers
        .get("x-amzn-errortype")
        .and_then(|value| value.to_str().ok());
    let body = answer.parse_json();
    // EKS's `__type`, a Kubernetes `Status`'s `reason`.
    let typed = body
        .as_ref()
        .and_then(|body| body.get("__type").or_else(|| body.get("reason")));
    header
        .or_else(|| typed.and_then(Value::as_str))
        .map(str::to_owned)
}

fn query_error(namespace: &str, status: StatusCode, code: &str, message: &str) -> Answer {
    let fault = if status.is_client_error() {
        "Sender"
    } else {
        "Receiver"
    };
    let message = xml::escape(message);
    Answer::xml(
        status,
        format!(
            "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{fault}</Type><Code>{code}</Code>\
             <Message>{message}</Message></Error><RequestId>gateway</RequestId></ErrorResponse>"
        ),
    )
}

fn rest_error(status: StatusCode, code: &str, message: &str) -> Answer {
    let mut answer = Answer::json(status, &json!({"__type": code, "message": message}));
    if let Ok(value) = HeaderValue::from_str(code) {
        answer.headers.insert("x-amzn-errortype", value);
    }
    answer
}

fn kubernetes_status(status: StatusCode, reason: &str, message: &str) -> Answer {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": status.as_u16(),
    });
    Answer::json(status, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_has_the_format_of_its_service() {
        let iam = error(Service::Iam, 404, "NoSuchEntity", "Role <r> & more");
        assert_eq!(iam.status, 404);
        assert!(
            iam.text()
                .contains("<Code>NoSuchEntity</Code><Message>Role &lt;r&gt; &amp; more</Message>")
        );
        let eks = error(Service::Eks, 404, "ResourceNotFoundException", "no");
        assert_eq!(
            eks.headers.get("x-amzn-errortype").unwrap(),
            "ResourceNotFoundException"
        );
        assert_eq!(
            (code(&iam), code(&eks)),
            (
                Some("NoSuchEntity".into()),
                Some("ResourceNotFoundException".into())
            )
        );
    }

    #[test]
    fn throttling_has_the_status_of_its_service() {
        assert_eq!(throttled(Service::Iam).status, 400);
        assert_eq!(throttled(Service::Eks).status, 429);
    }
}
