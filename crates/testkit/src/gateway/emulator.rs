//! The emulators behind the gateway: forwards a caller's request as it is, and asks in the gateway's own name.
//! Input: requests. Output: answers; an emulator that does not answer becomes a 503 in its service's shape. Network I/O.

use anyhow::Context as _;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderValue, Method, Uri};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::call::scope;
use super::error::error;
use super::form::Form;
use super::message::{Answer, Request};
use super::options::GatewayOptions;
use super::service::Service;

/// Where each service is emulated, and the connections to it.
#[derive(Debug)]
pub(crate) struct Emulators {
    client: Client<HttpConnector, Full<Bytes>>,
    iam: Authority,
    sts: Authority,
    eks: Authority,
    sqs: Authority,
}

impl Emulators {
    pub fn new(options: &GatewayOptions) -> anyhow::Result<Self> {
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            iam: authority(&options.iam)?,
            sts: authority(&options.sts)?,
            eks: authority(&options.eks)?,
            sqs: authority(&options.sqs)?,
        })
    }

    /// Passes a request on unchanged: its `Host` stays what the caller signed, so that the signature still fits.
    pub async fn forward(&self, service: Service, request: &Request) -> Answer {
        let mut answer = self.send(service, request).await;
        for _ in 0..RACES {
            if !answer.as_ref().is_ok_and(|answer| lost_a_race(request, answer)) {
                break;
            }
            answer = self.send(service, request).await;
        }
        match answer {
            Ok(answer) => answer,
            Err(why) => error(
                service,
                503,
                "ServiceUnavailable",
                &format!("the emulator of {service} did not answer: {why:#}"),
            ),
        }
    }

    /// A call of the gateway's own to IAM, as the root of `account`.
    pub async fn ask_iam(&self, account: &str, action: &str, parameters: &[(&str, &str)]) -> Answer {
        let origin = Origin {
            account: account.to_owned(),
            region: "us-east-1".to_owned(),
        };
        self.forward(Service::Iam, &origin.query(action, parameters))
            .await
    }

    /// A call of the gateway's own to EKS, as the root of the origin's account.
    pub async fn ask_eks(&self, origin: &Origin, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = origin.sign(Service::Eks, method, path, body, "application/json");
        self.forward(Service::Eks, &request).await
    }

    async fn send(&self, service: Service, request: &Request) -> anyhow::Result<Answer> {
        let authority = match service {
            Service::Iam => &self.iam,
            Service::Sts => &self.sts,
            Service::Eks => &self.eks,
            Service::Sqs => &self.sqs,
            Service::Kubernetes => anyhow::bail!("the API server is behind a front, not among the emulators"),
        };
        let mut uri = request.uri.clone().into_parts();
        uri.scheme = Some(Scheme::HTTP);
        uri.authority = Some(authority.clone());
        let mut outgoing = http::Request::new(Full::new(request.body.clone()));
        *outgoing.method_mut() = request.method.clone();
        *outgoing.uri_mut() = Uri::from_parts(uri).context("not a path")?;
        *outgoing.headers_mut() = request.headers.clone();
        Answer::read(self.client.request(outgoing).await?).await
    }
}

/// The account and region that a call of the gateway's own is made for.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub account: String,
    pub region: String,
}

/// The account of a caller whose key does not contain one: the default of both emulators.
const DEFAULT_ACCOUNT: &str = "000000000000";

impl Origin {
    /// A caller's account and region, from what it signed. Both emulators take a key of twelve digits as the account's root.
    pub fn of(request: &Request) -> Self {
        let scope = scope(request);
        let key = scope
            .as_ref()
            .map(|scope| scope.key.clone())
            .filter(|key| is_account(key));
        Self {
            account: key.unwrap_or_else(|| DEFAULT_ACCOUNT.to_owned()),
            region: scope.map_or_else(|| "us-east-1".to_owned(), |scope| scope.region),
        }
    }

    /// A call to IAM in the Query protocol.
    pub fn query(&self, action: &str, parameters: &[(&str, &str)]) -> Request {
        let mut form = Form::of(parameters);
        form.set("Action", action);
        form.set("Version", "2010-05-08");
        self.sign(
            Service::Iam,
            Method::POST,
            "/",
            form.encode(),
            "application/x-www-form-urlencoded",
        )
    }

    /// A request signed for this account's root. The signature is empty: neither emulator checks root's.
    pub fn sign(
        &self,
        service: Service,
        method: Method,
        path: &str,
        body: String,
        content_type: &'static str,
    ) -> Request {
        let credential = format!(
            "AWS4-HMAC-SHA256 Credential={}/20260101/{}/{service}/aws4_request, SignedHeaders=host, Signature=0",
            self.account, self.region,
        );
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static(content_type));
        if let Ok(credential) = HeaderValue::from_str(&credential) {
            headers.insert("authorization", credential);
        }
        Request {
            method,
            uri: path.parse().unwrap_or_default(),
            headers,
            body: body.into(),
        }
    }
}

/// How often a read that lost a race is asked again.
const RACES: usize = 5;

/// Returns true if LocalStack failed a read because another call changed its data meanwhile, a fault that IAM does
/// not have, and a read may be asked again.
fn lost_a_race(request: &Request, answer: &Answer) -> bool {
    let body = String::from_utf8_lossy(&request.body);
    let reads = body.contains("Action=Get") || body.contains("Action=List");
    let broken = String::from_utf8_lossy(&answer.body).contains("dictionary changed size during iteration");
    reads && broken && answer.status == 500
}

fn is_account(key: &str) -> bool {
    key.len() == 12 && key.bytes().all(|byte| byte.is_ascii_digit())
}

fn authority(url: &str) -> anyhow::Result<Authority> {
    let uri: Uri = url.parse().with_context(|| format!("`{url}` is not a URL"))?;
    uri.authority()
        .cloned()
        .with_context(|| format!("`{url}` names no host"))
}
