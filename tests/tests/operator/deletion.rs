//! Proves that deletion removes owned resources in the right order, keeps foreign resources, and is never blocked. Does
//! I/O.

use anyhow::Result;
use serde_json::json;

use crate::stage;

#[tokio::test]
async fn deletion_removes_foreign_attachments_too() -> Result<()> {
    let scene = stage().await?.scene("del-all").await?;
    scene
        .apply(
            "orders",
            json!({"method": "PodIdentity", "role": {"managed": {}}}),
        )
        .await?;
    let object = scene.until_ready("orders").await?;
    let role = scene.role_of(&object)?;
    let attach = scene.aws.iam.attach_role_policy().role_name(&role);
    attach
        .policy_arn("arn:aws:iam::aws:policy/AdministratorAccess")
        .send()
        .await?;
    scene.delete("orders").await?;
    assert!(!scene.aws.has_role(&role).await?);
    assert!(scene.aws.associations("del-all", "orders").await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn irsa_deletion_keeps_foreign_service_account() -> Result<()> {
    let scene = stage().await?.scene("del-irsa").await?;
    scene.account("orders").await?;
    scene
        .apply("orders", json!({"method": "IRSA", "role": {"managed": {}}}))
        .await?;
    scene.until_ready("orders").await?;
    scene.delete("orders").await?;
    let account = scene.accounts().get("orders").await?;
    assert_eq!(account.metadata.annotations, None);
    Ok(())
}

#[tokio::test]
async fn created_service_account_is_deleted_with_object() -> Result<()> {
    let scene = stage().await?.scene("del-created").await?;
    let spec = json!({"serviceAccount": {"create": true}, "method": "IRSA", "role": {"managed": {}}});
    scene.apply("orders", spec).await?;
    scene.until_ready("orders").await?;
    scene.delete("orders").await?;
    assert!(scene.accounts().get_opt("orders").await?.is_none());
    Ok(())
}

#[tokio::test]
async fn retained_resources_stay_and_lose_ownership() -> Result<()> {
    let scene = stage().await?.scene("del-retain").await?;
    let spec = json!({"method": "PodIdentity", "deletionPolicy": "Retain", "role": {"managed": {}}});
    scene.apply("orders", spec).await?;
    let object = scene.until_ready("orders").await?;
    let role = scene.role_of(&object)?;
    scene.delete("orders").await?;
    let tags = scene.aws.iam.list_role_tags().role_name(&role).send().await?;
    let keys: Vec<&str> = tags.tags().iter().map(|tag| tag.key()).collect();
    assert_eq!(keys, ["lanyard.dev/retained"]);
    assert_eq!(scene.aws.associations("del-retain", "orders").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn suspended_object_deletion_only_releases() -> Result<()> {
    let scene = stage().await?.scene("del-suspended").await?;
    scene
        .apply(
            "orders",
            json!({"method": "PodIdentity", "role": {"managed": {}}}),
        )
        .await?;
    let object = scene.until_ready("orders").await?;
    let role = scene.role_of(&object)?;
    scene
        .apply(
            "orders",
            json!({"method": "PodIdentity", "suspend": true, "role": {"managed": {}}}),
        )
        .await?;
    scene.delete("orders").await?;
    assert!(scene.aws.has_role(&role).await?);
    Ok(())
}

#[tokio::test]
async fn deletion_with_missing_role_succeeds() -> Result<()> {
    let scene = stage().await?.scene("del-gone").await?;
    scene
        .apply(
            "orders",
            json!({"method": "PodIdentity", "role": {"managed": {}}}),
        )
        .await?;
    let object = scene.until_ready("orders").await?;
    scene
        .aws
        .iam
        .delete_role()
        .role_name(scene.role_of(&object)?)
        .send()
        .await?;
    scene.delete("orders").await?;
    assert!(scene.aws.associations("del-gone", "orders").await?.is_empty());
    Ok(())
}
