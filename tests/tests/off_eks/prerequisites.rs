//! Proves the messages for missing prerequisites: an issuer that AWS can reach, the expected issuer and the pod webhook.
//! Does I/O.

use anyhow::{Context, Result};
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use kube::api::{Api, ObjectMeta, PostParams};
use lanyard_testkit::TestBedOptions;
use lanyard_testkit::gateway::Mark;
use lanyard_tests::condition;
use serde_json::json;

use crate::{ISSUER, stage};

#[tokio::test]
async fn unreachable_issuer_is_reported() -> Result<()> {
    let stage = stage(TestBedOptions::default(), "https://kubernetes.default.svc", &[]).await?;
    let scene = stage.scene("shop").await?;
    scene.account("orders").await?;
    scene.apply("orders", json!({"role": {"managed": {}}})).await?;
    let object = scene
        .until_is("orders", "Stalled", "True", "IssuerUnreachable")
        .await?;
    let message = condition(&object, "Stalled").context("Stalled")?.message;
    assert!(message.contains("https://kubernetes.default.svc"), "{message}");
    assert!(stage.log()?.contains("AWS cannot reach the issuer"));
    let calls = stage.bed.gateway.ledger().since(Mark::default()).by("lanyard");
    assert!(calls.writes().is_empty(), "{calls}");
    stage.bed.stop().await
}

#[tokio::test]
async fn unexpected_token_issuer_prevents_all_writes() -> Result<()> {
    let stage = stage(
        TestBedOptions::default(),
        ISSUER,
        &["--issuer", "https://oidc.example.com/other"],
    )
    .await?;
    let says = |status, body: &str| {
        status == 503 && body.contains("expected token issuer https://oidc.example.com/other")
    };
    stage.until_answers(0, "/readyz", says).await?;
    stage.bed.stop().await
}

#[tokio::test]
async fn missing_pod_webhook_is_reported_and_blocks_ready() -> Result<()> {
    let bed = TestBedOptions {
        webhook: false,
        ..TestBedOptions::default()
    };
    let stage = stage(bed, ISSUER, &[]).await?;
    let scene = stage.scene("shop").await?;
    scene.account("orders").await?;
    scene.apply("orders", json!({"role": {"managed": {}}})).await?;
    let object = scene
        .until_is("orders", "Stalled", "True", "WebhookMissing")
        .await?;
    let ready = condition(&object, "Ready").context("Ready")?;
    assert_eq!(
        (ready.status.as_str(), ready.reason.as_str()),
        ("False", "WebhookMissing")
    );
    assert!(
        ready.message.contains("amazon-eks-pod-identity-webhook"),
        "{}",
        ready.message
    );

    let registration = MutatingWebhookConfiguration {
        metadata: ObjectMeta {
            name: Some("amazon-eks-pod-identity-webhook".to_owned()),
            ..ObjectMeta::default()
        },
        webhooks: None,
    };
    Api::all(scene.client.clone())
        .create(&PostParams::default(), &registration)
        .await?;
    scene.until_ready("orders").await?;
    stage.bed.stop().await
}
