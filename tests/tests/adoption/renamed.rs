//! Proves that a WorkloadIdentity can be renamed in Git: one object is deleted and one is created, in either order, and
//! both request the same role. Does I/O.

use anyhow::{Context, Result, ensure};
use lanyard_tests::{TestNamespace, arn_of, condition};
use serde_json::json;

use crate::foreign_role::{named, request_adoption, role_id};
use crate::stage;

/// Creates an object with its role, and the ServiceAccount of the object that replaces it.
async fn create_old_object(scene: &TestNamespace<'_>, role: &str) -> Result<String> {
    scene.account("orders").await?;
    scene.account("orders-api").await?;
    scene.apply("orders", named(role, "IRSA")).await?;
    let object = scene.until_ready("orders").await?;
    arn_of(&object)
}

#[tokio::test]
async fn renamed_object_adopts_retained_role() -> Result<()> {
    let scene = stage().await?.scene("rn-kept").await?;
    let arn = create_old_object(&scene, "rn-kept").await?;
    let id = role_id(&scene, "orders").await?;
    request_adoption(&scene, "orders-api", &arn, named("rn-kept", "IRSA")).await?;
    let waits = scene
        .until_is("orders-api", "Stalled", "True", "RoleConflict")
        .await?;
    let message = condition(&waits, "Stalled").context("Stalled")?.message;
    ensure!(message.contains("rn-kept/orders of this cluster"), "{message}");

    let mut kept = named("rn-kept", "IRSA");
    kept["deletionPolicy"] = json!("Retain");
    scene.apply("orders", kept).await?;
    scene.until_ready("orders").await?;
    scene.delete("orders").await?;
    scene.until_ready("orders-api").await?;
    ensure!(role_id(&scene, "orders-api").await? == id);
    for account in ["orders", "orders-api"] {
        let assumed = scene.assume(&arn, account).await?;
        ensure!(assumed.is_ok(), "{account}: {assumed:?}");
    }
    Ok(())
}

/// The trust statement without session tags names no subject. It is no record of a binding and does not block the new
/// object.
#[tokio::test]
async fn rename_may_change_session_tags() -> Result<()> {
    let scene = stage().await?.scene("rn-tags").await?;
    let spec = |untagged: bool| {
        let mut spec = named("rn-tags", "PodIdentity");
        spec["serviceAccount"] = json!({"create": true});
        spec["podIdentity"] = json!({"disableSessionTags": untagged});
        spec["deletionPolicy"] = json!("Retain");
        spec
    };
    scene.apply("orders", spec(true)).await?;
    let object = scene.until_ready("orders").await?;
    let arn = arn_of(&object)?;
    for (previous, new, untagged) in [
        ("orders", "orders-api", false),
        ("orders-api", "orders-cli", true),
    ] {
        request_adoption(&scene, new, &arn, spec(untagged)).await?;
        let waits = scene.until_is(new, "Stalled", "True", "RoleConflict").await?;
        ensure!(condition(&waits, "Transitioning").is_none(), "{waits:?}");
        scene.delete(previous).await?;
        scene.until_ready(new).await?;
    }
    Ok(())
}

#[tokio::test]
async fn new_object_awaits_old_and_recreates_role() -> Result<()> {
    let scene = stage().await?.scene("rn-waits").await?;
    let arn = create_old_object(&scene, "rn-waits").await?;
    let id = role_id(&scene, "orders").await?;
    scene.apply("orders-api", named("rn-waits", "IRSA")).await?;
    scene
        .until_is("orders-api", "Stalled", "True", "RoleConflict")
        .await?;
    ensure!(scene.assume(&arn, "orders").await?.is_ok());
    scene.delete("orders").await?;
    scene.until_ready("orders-api").await?;
    ensure!(role_id(&scene, "orders-api").await? != id);
    ensure!(scene.assume(&arn, "orders-api").await?.is_ok());
    let refused = scene.assume(&arn, "orders").await?;
    ensure!(refused == Err("AccessDenied".to_owned()), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn new_object_after_old_deletion_creates_role() -> Result<()> {
    let scene = stage().await?.scene("rn-after").await?;
    let arn = create_old_object(&scene, "rn-after").await?;
    scene.delete("orders").await?;
    ensure!(!scene.aws.has_role("rn-after").await?);
    scene.apply("orders-api", named("rn-after", "IRSA")).await?;
    scene.until_ready("orders-api").await?;
    ensure!(scene.assume(&arn, "orders-api").await?.is_ok());
    Ok(())
}
