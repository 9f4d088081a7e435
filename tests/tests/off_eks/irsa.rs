//! Proves that IRSA works from the provider to the credentials, with the issuer of the API server's discovery or of a flag.
//! Does I/O.

use anyhow::{Context, Result};
use lanyard_testkit::TestBedOptions;
use lanyard_testkit::gateway::{Mark, Service};
use lanyard_tests::{TestNamespace, arn_of, condition};
use serde_json::json;

use crate::{ID, ISSUER, stage};

const ANNOTATION: &str = "eks.amazonaws.com/role-arn";

async fn annotation(scene: &TestNamespace<'_>, account: &str) -> Result<Option<String>> {
    let annotations = scene.accounts().get(account).await?.metadata.annotations;
    Ok(annotations.and_then(|mut annotations| annotations.remove(ANNOTATION)))
}

/// A spec without a method is bound by IRSA. Returns the role.
async fn bind_and_prove(scene: &TestNamespace<'_>) -> Result<String> {
    scene.account("orders").await?;
    scene.account("stranger").await?;
    scene.apply("orders", json!({"role": {"managed": {}}})).await?;
    let object = scene.until_ready("orders").await?;
    let role = arn_of(&object)?;
    let home = format!("arn:aws:iam::000000000000:role/lanyard/{ID}/");
    assert!(role.starts_with(&home), "{role}");
    assert_eq!(annotation(scene, "orders").await?.as_deref(), Some(role.as_str()));
    let providers = scene.aws.iam.list_open_id_connect_providers().send().await?;
    let arns: Vec<_> = providers
        .open_id_connect_provider_list()
        .iter()
        .map(|found| found.arn())
        .collect();
    let provider = "arn:aws:iam::000000000000:oidc-provider/oidc.example.com/prod";
    assert_eq!(arns, [Some(provider)]);
    Ok(role)
}

#[tokio::test]
async fn discovered_issuer_gives_credentials() -> Result<()> {
    let stage = stage(TestBedOptions::default(), ISSUER, &[]).await?;
    let scene = stage.scene("shop").await?;
    let role = bind_and_prove(&scene).await?;
    assert!(scene.assume(&role, "orders").await?.is_ok());
    assert_eq!(
        scene.assume(&role, "stranger").await?.unwrap_err(),
        "AccessDenied"
    );

    let ledger = stage.bed.gateway.ledger();
    let mark = ledger.mark();
    scene
        .apply(
            "orders",
            json!({"method": "PodIdentity", "role": {"managed": {}}}),
        )
        .await?;
    let object = scene
        .until_is("orders", "Stalled", "True", "PodIdentityUnavailable")
        .await?;
    let message = condition(&object, "Stalled").context("Stalled")?.message;
    assert!(
        message.contains("is not an EKS cluster. Use method: IRSA"),
        "{message}"
    );
    assert_eq!(
        ledger.since(mark).by("lanyard").writes().count(),
        0,
        "the existing binding must not change"
    );
    assert_eq!(
        annotation(&scene, "orders").await?.as_deref(),
        Some(role.as_str())
    );

    scene
        .apply("orders", json!({"method": "IRSA", "role": {"managed": {}}}))
        .await?;
    scene.until_ready("orders").await?;
    scene.delete("orders").await?;
    assert_eq!(annotation(&scene, "orders").await?, None);
    let calls = ledger.since(Mark::default()).by("lanyard");
    assert_eq!(calls.of("DeleteRole").count(), 1, "{calls}");
    assert!(calls.to(Service::Eks).is_empty(), "EKS received calls:\n{calls}");
    stage.bed.stop().await
}

/// On the emulator that evaluates no trust policy: this proves that the provider accepts the token.
#[tokio::test]
async fn flag_issuer_gives_credentials_on_second_emulator() -> Result<()> {
    let bed = TestBedOptions {
        iam_from_localstack: true,
        ..TestBedOptions::default()
    };
    let stage = stage(bed, ISSUER, &["--issuer", ISSUER]).await?;
    let scene = stage.scene("shop").await?;
    let role = bind_and_prove(&scene).await?;
    assert!(scene.assume(&role, "orders").await?.is_ok());
    stage.bed.stop().await
}
