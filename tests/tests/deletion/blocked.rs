//! Proves that a blocked deletion is reported on the object, and continues as soon as the blocker is removed. Does I/O.

use anyhow::{Context, Result, ensure};
use lanyard_testkit::gateway::{Fault, Mark};
use lanyard_tests::condition;

use crate::resources::{begin_deletion, ignore_not_found, nothing_left, spec};
use crate::{BINARY, new_stage, stage};

#[tokio::test]
async fn missing_permission_is_named_and_grant_recovers() -> Result<()> {
    let scene = stage().await?.scene("denied").await?;
    scene.apply("orders", spec("denied", "PodIdentity")).await?;
    scene.until_ready("orders").await?;
    let faults = scene.stage.bed.gateway.faults();
    let fault = faults.add(Fault::on("DeleteRole").about("denied").denies());
    begin_deletion(&scene, "orders").await?;
    let object = scene
        .until_is("orders", "Stalled", "True", "AccessDenied")
        .await?;
    let message = condition(&object, "Stalled").context("Stalled")?.message;
    ensure!(message.contains("iam:DeleteRole"), "{message}");
    // The association is deleted first, so that no pod keeps a partial role.
    ensure!(scene.aws.associations("denied", "orders").await?.is_empty());
    fault.remove();
    scene
        .request_reconcile("orders")
        .await
        .or_else(ignore_not_found)?;
    scene.until_gone("orders").await?;
    ensure!(nothing_left(&scene, "orders", "denied").await?);
    Ok(())
}

#[tokio::test]
async fn unreadable_resource_is_named_and_not_removed() -> Result<()> {
    let scene = stage().await?.scene("unread").await?;
    scene.apply("orders", spec("unread", "PodIdentity")).await?;
    scene.until_ready("orders").await?;
    let gateway = &scene.stage.bed.gateway;
    let fault = gateway
        .faults()
        .add(Fault::on("ListAttachedRolePolicies").about("unread").denies());
    let mark = gateway.ledger().mark();
    begin_deletion(&scene, "orders").await?;
    let holds = |object: &_| {
        let found = condition(object, "Reconciling").or_else(|| condition(object, "Stalled"));
        found.is_some_and(|found| {
            found.message.contains("iam:ListAttachedRolePolicies") || found.message.contains("can be read")
        })
    };
    scene
        .until("orders", "blocked by an unreadable resource", holds)
        .await?;
    ensure!(scene.aws.has_role("unread").await?);
    let removals = gateway.ledger().since(mark).of("DeleteRole").about("unread");
    ensure!(removals.is_empty(), "{removals}");
    fault.remove();
    scene
        .request_reconcile("orders")
        .await
        .or_else(ignore_not_found)?;
    scene.until_gone("orders").await
}

#[tokio::test]
async fn read_only_operator_removes_nothing_and_reports() -> Result<()> {
    let stage = new_stage().await?;
    let scene = stage.scene("shop").await?;
    scene.apply("orders", spec("orders", "PodIdentity")).await?;
    scene.until_ready("orders").await?;
    ensure!(stage.stop(0).await?.success());
    stage.operator(BINARY, "reader", &["--read-only"])?;
    begin_deletion(&scene, "orders").await?;
    let object = scene.until_is("orders", "Stalled", "True", "ReadOnly").await?;
    let message = condition(&object, "Stalled").context("Stalled")?.message;
    ensure!(message.contains("Nothing is removed"), "{message}");
    let reader = stage.bed.gateway.ledger().since(Mark::default()).by("reader");
    ensure!(
        reader.to_aws().count() > 0 && reader.to_aws().writes().is_empty(),
        "{reader}"
    );
    ensure!(stage.stop(1).await?.success());
    stage.operator(BINARY, "writer", &[])?;
    scene.until_gone("orders").await?;
    ensure!(nothing_left(&scene, "orders", "orders").await?);
    stage.bed.stop().await
}
