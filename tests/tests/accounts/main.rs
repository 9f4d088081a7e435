//! Proves that Lanyard manages roles of another account, on an emulator with two accounts: it assumes the role that the
//! class names and binds by IRSA with an OIDC provider of that account. Needs the test bed; does I/O.

use anyhow::{Context, Result, ensure};
use lanyard_api::WorkloadIdentity;
use lanyard_tests::{
    Elsewhere, OTHER_ACCOUNT, TestEnv, TestEnvOptions, TestNamespace, arn_of, condition, holds, put_class,
};
use serde_json::{Value, json};

const EXTERNAL_ID: &str = "prod-of-the-platform-team";

async fn stage() -> Result<TestEnv> {
    TestEnv::set(
        env!("CARGO_BIN_EXE_lanyard-under-test"),
        TestEnvOptions::default(),
    )
    .await
}

async fn apply(scene: &TestNamespace<'_>) -> Result<()> {
    scene.account("orders").await?;
    scene.apply("orders", json!({"role": {"managed": {}}})).await
}

#[tokio::test]
async fn role_in_other_account_is_created_used_and_deleted() -> Result<()> {
    let stage = stage().await?;
    let scene = stage.scene("shop").await?;
    let there = Elsewhere::with_door(&stage.bed, EXTERNAL_ID).await?;
    put_class(&scene.client, "afar", true, Elsewhere::class(EXTERNAL_ID)).await?;
    apply(&scene).await?;
    let ready = scene.until_ready("orders").await?;

    let arn = arn_of(&ready)?;
    ensure!(arn.contains(OTHER_ACCOUNT), "{arn}");
    let name = arn.rsplit('/').next().unwrap_or_default().to_owned();
    ensure!(there.aws.has_role(&name).await?);
    ensure!(
        !scene.aws.has_role(&name).await?,
        "a role was created in the cluster's account"
    );
    let assumed = scene.assume(&arn, "orders").await?;
    ensure!(assumed.is_ok(), "{assumed:?}");

    let mark = stage.bed.gateway.ledger().mark();
    scene.reconciled("orders").await?;
    scene.until_ready("orders").await?;
    let writes = stage.bed.gateway.ledger().since(mark).to_aws().writes();
    ensure!(writes.is_empty(), "unexpected writes: {writes}");

    scene.delete("orders").await?;
    ensure!(!there.aws.has_role(&name).await?);
    stage.bed.stop().await
}

#[tokio::test]
async fn denied_assume_role_is_reported_stably_until_granted() -> Result<()> {
    let stage = stage().await?;
    let scene = stage.scene("shop").await?;
    let there = Elsewhere::with_door(&stage.bed, EXTERNAL_ID).await?;
    put_class(&scene.client, "afar", true, Elsewhere::class("another")).await?;
    apply(&scene).await?;
    let shut = scene
        .until_is("orders", "Stalled", "True", "AccessDenied")
        .await?;
    let said = condition(&shut, "Stalled").context("Stalled")?.message;
    holds(
        &said,
        &[
            "sts:AssumeRole on arn:aws:iam::222233334444:role/lanyard",
            "with the external id of its class",
            "sts:ExternalId",
            "trust policy",
        ],
    )?;
    // Each attempt has a different request id. The status must not contain it, or it would change with every attempt.
    let status = without_answer(&shut)?;
    scene.reconciled("orders").await?;
    scene.reconciled("orders").await?;
    let again = scene.identities().get("orders").await?;
    ensure!(without_answer(&again)? == status, "{:#?}", again.status);

    there.change_lock("another").await?;
    scene.request_reconcile("orders").await?;
    scene.until_ready("orders").await?;
    stage.bed.stop().await
}

/// The status except for its answer to a requested reconcile.
fn without_answer(object: &WorkloadIdentity) -> Result<Value> {
    let mut status = serde_json::to_value(&object.status)?;
    if let Some(fields) = status.as_object_mut() {
        fields.remove("lastHandledReconcileAt");
    }
    Ok(status)
}
