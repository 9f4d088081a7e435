//! Requests as the SDK would send them, for the gateway's unit tests. No I/O.

use http::{HeaderMap, HeaderValue, Method};

use super::emulator::Origin;
use super::form::Form;
use super::message::Request;
use super::service::Service;

pub(crate) fn origin() -> Origin {
    Origin {
        account: "000000000000".into(),
        region: "eu-west-1".into(),
    }
}

pub(crate) fn iam(parameters: &[(&str, &str)]) -> Request {
    origin().sign(
        Service::Iam,
        Method::POST,
        "/",
        Form::of(parameters).encode(),
        "application/x-www-form-urlencoded",
    )
}

pub(crate) fn eks(method: &str, path: &str, body: &str) -> Request {
    origin().sign(
        Service::Eks,
        method.parse().unwrap(),
        path,
        body.to_owned(),
        "application/json",
    )
}

pub(crate) fn sqs(operation: &str, body: &str) -> Request {
    let sent_as = "application/x-amz-json-1.0";
    let mut request = origin().sign(Service::Sqs, Method::POST, "/", body.to_owned(), sent_as);
    let target = HeaderValue::from_str(&format!("AmazonSQS.{operation}")).unwrap();
    request.headers.insert("x-amz-target", target);
    request
}

pub(crate) fn unsigned(parameters: &[(&str, &str)]) -> Request {
    Request {
        headers: HeaderMap::new(),
        ..iam(parameters)
    }
}
