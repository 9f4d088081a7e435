//! Helpers of the test bed's own tests. Input: a client or an address. Output: answers. Does I/O.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Request;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt as _};
use lanyard_testkit::process;
use serde::Deserialize;
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(30);

/// Waits until `check` answers something, asking often.
pub async fn eventually<T>(what: &str, mut check: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(value) = check().await? {
            return Ok(value);
        }
        ensure!(begun.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Claims of a ServiceAccount's token.
#[derive(Debug, Deserialize, PartialEq)]
pub struct Claims {
    pub iss: String,
    pub sub: String,
    pub aud: Vec<String>,
}

impl Claims {
    /// Reads a token without checking its signature.
    pub fn of(token: &str) -> Result<Self> {
        let payload = token.split('.').nth(1).context("a token has three parts")?;
        Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?)
    }
}

/// Applies a Deployment and waits until exactly its pods of this version run. Answers their names.
pub async fn rolled_out(client: &Client, name: &str, version: &str, replicas: usize) -> Result<Vec<String>> {
    let deployment = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name, "version": version}},
                "spec": {"containers": [{"name": "main", "image": "shop"}]},
            },
        },
    });
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    deployments
        .patch(name, &PatchParams::apply("test"), &Patch::Apply(deployment))
        .await?;
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let of_version = ListParams::default().labels(&format!("app={name},version={version}"));
    eventually("the pods run", async || {
        let list = pods.list(&of_version).await?;
        let running: Vec<_> = list
            .iter()
            .filter(|pod| is_running(pod))
            .map(|pod| pod.name_any())
            .collect();
        Ok((running.len() == replicas).then_some(running))
    })
    .await
}

fn is_running(pod: &Pod) -> bool {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running")
}

/// Returns IAM's answer to a call without parameters with this key.
pub async fn iam(url: &str, key: &str, action: &str) -> Result<String> {
    let scope = format!("{key}/20260101/us-east-1/iam/aws4_request");
    let authorization = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
    let request = Request::post(url)
        .header("authorization", authorization)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("Action={action}&Version=2010-05-08").into())?;
    Ok(String::from_utf8(process::request(request).await?.body.to_vec())?)
}
