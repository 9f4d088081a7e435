//! Plain HTTP to what runs on this machine: health questions and the few calls that set an emulator up.
//! Input: an address. Output: status and body. Does I/O, without proxy, credentials or TLS.

use std::time::Duration;

use anyhow::{Context, Result};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// One answer is not waited for longer than this: an emulator loads a service on the first call to it.
const LIMIT: Duration = Duration::from_secs(20);

/// The answer.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The whole body.
    pub body: Bytes,
}

/// `GET url`.
pub async fn get(url: &str) -> Result<Answer> {
    request(Request::get(url).body(Full::default())?).await
}

/// Sends a request as it is.
pub async fn request(request: Request<Full<Bytes>>) -> Result<Answer> {
    let url = request.uri().to_string();
    let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let exchange = async {
        let response = client.request(request).await?;
        let status = response.status();
        anyhow::Ok(Answer {
            status,
            body: response.into_body().collect().await?.to_bytes(),
        })
    };
    tokio::time::timeout(LIMIT, exchange)
        .await
        .context("no answer in time")?
        .with_context(|| format!("calling {url}"))
}
