//! Requests as the SDK would send them, for the gateway's unit tests. No I/O.

use http::{HeaderMap, Method};

use super::call::Service;
use super::emulator::Origin;
use super::form::Form;
use super::message::Request;

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

pub(crate) fn unsigned(parameters: &[(&str, &str)]) -> Request {
    Request {
        headers: HeaderMap::new(),
        ..iam(parameters)
    }
}
