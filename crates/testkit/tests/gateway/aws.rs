//! Raw calls to IAM, STS and EKS, worded as the SDK words them. Input: parameters. Output: status and body. Network I/O.

use anyhow::{Context, Result, ensure};
use http::Request;
use lanyard_testkit::emulator::{ACCOUNT, REGION};
use lanyard_testkit::process;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

/// The trust that EKS asks of an association's role.
pub const PODS_TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}]}"#;

/// AWS at one endpoint.
pub struct Aws {
    url: String,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub body: String,
}

impl Aws {
    pub fn at(url: &str) -> Self {
        Self { url: url.to_owned() }
    }

    /// A signed call of the Query protocol to IAM.
    pub async fn iam(&self, action: &str, parameters: &[(&str, &str)]) -> Result<Reply> {
        let form = form("2010-05-08", action, parameters);
        self.send(
            Request::post(format!("{}/", self.url)).header("authorization", scope("us-east-1", "iam")),
            form,
        )
        .await
    }

    /// An unsigned call of the Query protocol to STS.
    pub async fn sts(&self, action: &str, parameters: &[(&str, &str)]) -> Result<Reply> {
        self.send(
            Request::post(format!("{}/", self.url)),
            form("2011-06-15", action, parameters),
        )
        .await
    }

    /// A signed call to EKS.
    pub async fn eks(&self, method: &str, path: &str, body: &Value) -> Result<Reply> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url));
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.send(request.header("authorization", scope(REGION, "eks")), body)
            .await
    }

    /// A role that trusts EKS's pods. Answers its ARN.
    pub async fn pods_role(&self, name: &str) -> Result<String> {
        self.iam(
            "CreateRole",
            &[("RoleName", name), ("AssumeRolePolicyDocument", PODS_TRUST)],
        )
        .await?
        .good()?;
        Ok(format!("arn:aws:iam::{ACCOUNT}:role/{name}"))
    }

    /// An association of the bed's cluster with a role of its own. Answers it as EKS does.
    pub async fn associate(&self, cluster: &str, service_account: &str) -> Result<Value> {
        let role = self.pods_role(service_account).await?;
        let asked = json!({"namespace": "shop", "serviceAccount": service_account, "roleArn": role, "tags": {"made": "first"}});
        let made = self
            .eks(
                "POST",
                &format!("/clusters/{cluster}/pod-identity-associations"),
                &asked,
            )
            .await?
            .good()?
            .json()?;
        made.get("association").cloned().context("no association")
    }

    async fn send(&self, request: http::request::Builder, body: String) -> Result<Reply> {
        let content_type = if body.starts_with('{') {
            "application/json"
        } else {
            "application/x-www-form-urlencoded"
        };
        let answer =
            process::request(request.header("content-type", content_type).body(body.into())?).await?;
        Ok(Reply {
            status: answer.status.as_u16(),
            body: String::from_utf8_lossy(&answer.body).into_owned(),
        })
    }
}

impl Reply {
    pub fn good(self) -> Result<Self> {
        ensure!(self.status == 200, "{self:?}");
        Ok(self)
    }

    /// That it failed with this code and with this in its message.
    pub fn failed(self, status: u16, code: &str, message: &str) -> Result<Self> {
        ensure!(
            self.status == status && self.body.contains(code) && self.body.contains(message),
            "{self:?}"
        );
        Ok(self)
    }

    pub fn json(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.body)?)
    }

    /// The text of the first XML element of this name.
    pub fn element(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.body.split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0)
    }

    /// How often this stands in the body.
    pub fn count(&self, text: &str) -> usize {
        self.body.matches(text).count()
    }
}

fn scope(region: &str, service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=test/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}

fn form(version: &str, action: &str, parameters: &[(&str, &str)]) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs = [("Action", action), ("Version", version)];
    let pairs = pairs
        .iter()
        .chain(parameters)
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}
