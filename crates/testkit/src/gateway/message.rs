//! One HTTP request and one answer, read whole, as the gateway passes them about.
//! Input: hyper's streaming messages. Output: values with their bytes in memory. Reads bodies, no other I/O.

use anyhow::Context as _;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Bytes};

use super::form::Form;
use super::service::Service;

/// A request of the SDK or of a kube client, body included. Requests here are at most some kilobytes.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Request {
    pub async fn read<B>(request: http::Request<B>) -> anyhow::Result<Self>
    where
        B: Body,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.context("the request's body broke off")?;
        Ok(Self {
            method: parts.method,
            uri: parts.uri,
            headers: without_framing(parts.headers),
            body: body.to_bytes(),
        })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The parameters of the Query protocol, which IAM and STS speak: the form in the body.
    pub fn form(&self) -> Form {
        Form::parse(&String::from_utf8_lossy(&self.body))
    }

    /// The parameters behind the `?`, which EKS uses for lists.
    pub fn query(&self) -> Form {
        Form::parse(self.uri.query().unwrap_or_default())
    }

    pub fn with_form(&self, form: &Form) -> Self {
        Self {
            body: form.encode().into(),
            ..self.clone()
        }
    }
}

/// An answer, body included.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(status: StatusCode, body: &serde_json::Value) -> Self {
        Self::typed(status, "application/json", body.to_string())
    }

    pub fn xml(status: StatusCode, body: String) -> Self {
        Self::typed(status, "text/xml", body)
    }

    /// A body in the protocol of `service`.
    pub fn of(service: Service, status: StatusCode, body: String) -> Self {
        match service {
            Service::Iam | Service::Sts => Self::typed(status, "text/xml", body),
            Service::Eks | Service::Sqs | Service::Kubernetes => {
                Self::typed(status, "application/json", body)
            }
        }
    }

    fn typed(status: StatusCode, content_type: &'static str, body: String) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self {
            status,
            headers,
            body: body.into(),
        }
    }

    pub async fn read<B>(response: http::Response<B>) -> anyhow::Result<Self>
    where
        B: Body,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.context("the answer broke off")?;
        Ok(Self {
            status: parts.status,
            headers: without_framing(parts.headers),
            body: body.to_bytes(),
        })
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn parse_json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The same answer with another body; its headers (request id, content type) stay.
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub fn into_response(self) -> http::Response<Full<Bytes>> {
        let mut response = http::Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// Headers that speak of one connection or of the body's framing: hyper sets them itself.
fn without_framing(mut headers: HeaderMap) -> HeaderMap {
    for name in [CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH] {
        headers.remove(name);
    }
    headers
}
