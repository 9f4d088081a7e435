//! What the test bed's own tests ask it, in few words. In: a client or an address. Out: answers. Does I/O.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Request;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt as _};
use lanyard_testkit::process;
use serde_json::{Value, json};

/// Waits for a condition, looking often.
pub async fn eventually(what: &str, limit: Duration, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What a token claims; its signature is not looked at.
pub fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// Applies a Deployment and waits until exactly its pods of this version run. Answers their names.
pub async fn rolled_out(client: &Client, name: &str, version: &str, replicas: usize) -> Vec<String> {
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
        .await
        .unwrap();
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let of_version = ListParams::default().labels(&format!("app={name},version={version}"));
    let mut running = Vec::new();
    eventually("the pods run", Duration::from_secs(30), async || {
        let list = pods.list(&of_version).await.unwrap();
        running = list
            .iter()
            .filter(|pod| is_running(pod))
            .map(|pod| pod.name_any())
            .collect();
        running.len() == replicas
    })
    .await;
    running
}

fn is_running(pod: &Pod) -> bool {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running")
}

/// What IAM answers to a call without parameters.
pub async fn iam(url: &str, action: &str) -> String {
    let scope = "test/20260101/us-east-1/iam/aws4_request";
    let request = Request::post(url)
        .header(
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"),
        )
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("Action={action}&Version=2010-05-08").into())
        .unwrap();
    let answer = process::request(request).await.unwrap();
    String::from_utf8(answer.body.to_vec()).unwrap()
}
