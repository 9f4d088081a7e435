//! Proves the start of a cluster whose account has no OIDC provider yet: several identities are created at once, in an
//! environment of their own. Does I/O.

use std::time::Duration;

use anyhow::Result;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, PostParams};
use lanyard_testkit::gateway::Mark;
use lanyard_testkit::webhook::Lag;
use lanyard_tests::{TestEnv, TestEnvOptions, arn_of, eventually};
use serde_json::json;

use crate::BINARY;

#[tokio::test]
async fn concurrent_first_identities_create_one_provider() -> Result<()> {
    let stage = TestEnv::set(BINARY, TestEnvOptions::default()).await?;
    // Every identity reconciles, and finds no provider, before the first one has created it.
    stage.bed.gateway.set_latency(Duration::from_millis(300));
    let scene = stage.scene("irsa-first").await?;
    let names = ["a", "b", "c", "d", "e", "f"];
    for (number, name) in names.iter().enumerate() {
        let audience = ["sts.amazonaws.com", "vault.example.com"][number % 2];
        let spec = json!({"serviceAccount": {"create": true}, "method": "IRSA", "irsa": {"audience": audience}, "role": {"managed": {}}});
        scene.apply(name, spec).await?;
    }
    for name in names {
        scene.until_ready(name).await?;
    }
    let calls = stage.bed.gateway.ledger().since(Mark::default());
    let count = |operation| calls.of(operation).count();
    assert_eq!(count("CreateOpenIDConnectProvider"), 1);
    assert_eq!(count("AddClientIDToOpenIDConnectProvider"), 1);
    stage.bed.stop().await
}

/// STS sees a write late, but within the time for which the operator waits. The webhook learns of associations as late.
#[tokio::test]
async fn first_bindings_are_ready_once_aws_shows_them() -> Result<()> {
    let stage = TestEnv::set(BINARY, TestEnvOptions::default()).await?;
    let lag = Duration::from_millis(900);
    stage.bed.gateway.set_sts_lag(lag);
    stage.bed.set_webhook_lag(Lag {
        association: lag,
        ..Lag::default()
    })?;
    let scene = stage.scene("first-bindings").await?;
    let spec =
        |method| json!({"serviceAccount": {"create": true}, "method": method, "role": {"managed": {}}});
    scene.apply("irsa", spec("IRSA")).await?;
    scene.apply("pods", spec("PodIdentity")).await?;
    let object = scene.until_ready("irsa").await?;
    let assumed = scene.assume(&arn_of(&object)?, "irsa").await?;
    anyhow::ensure!(assumed.is_ok(), "Ready, and STS refuses: {assumed:?}");

    // A pod that waits for the ServiceAccount starts as soon as the ServiceAccount exists.
    let pods: Api<Pod> = Api::namespaced(scene.client.clone(), "first-bindings");
    let pod = json!({"metadata": {"name": "early"}, "spec": {"serviceAccountName": "pods", "containers": [{"name": "app", "image": "app"}]}});
    let pod: Pod = serde_json::from_value(pod)?;
    let mut created = None;
    eventually("the ServiceAccount lets the pod start", async || {
        created = pods.create(&PostParams::default(), &pod).await.ok();
        Ok(created.is_some())
    })
    .await?;
    let text = serde_json::to_string(&created)?;
    anyhow::ensure!(text.contains("AWS_CONTAINER_CREDENTIALS_FULL_URI"), "{text}");
    stage.bed.stop().await
}
