//! The few calls of our own to the emulators, past the gateway: to see that they answer, and to make the EKS cluster.
//! Input: service, operation, parameters. Output: the answer's body. Network I/O.

use anyhow::{Context, Result, bail};
use http::Request;
use http::request::Builder;
use hyper::body::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::location::REGION;
use crate::process;

/// A call of IAM or STS, whose parameters are a form.
pub(super) async fn form(emulator: &str, service: &str, parameters: &[(&str, &str)]) -> Result<Bytes> {
    let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    let pairs: Vec<_> = parameters
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    let request = Request::post(emulator).header("content-type", "application/x-www-form-urlencoded");
    send(request, service, pairs.join("&").into()).await
}

/// A call of EKS, whose parameters are JSON.
pub(super) async fn json(emulator: &str, path: &str, parameters: &Value) -> Result<Bytes> {
    let request = Request::post(format!("{emulator}{path}")).header("content-type", "application/json");
    send(request, "eks", serde_json::to_vec(parameters)?.into()).await
}

/// Both emulators find the service in the credential scope, take the key `test` for the account's root, and do not check
/// the signature.
async fn send(request: Builder, service: &str, body: Bytes) -> Result<Bytes> {
    let scope = format!("test/20260101/{REGION}/{service}/aws4_request");
    let authorization = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
    let request = request.header("authorization", authorization).body(body.into())?;
    let answer = process::request(request)
        .await
        .with_context(|| format!("calling {service}"))?;
    if !answer.status.is_success() {
        bail!(
            "{service} answered {}: {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        );
    }
    Ok(answer.body)
}
