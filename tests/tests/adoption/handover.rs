//! Proves that a role can move from one cluster to another (blue/green) and that the pods of both clusters keep access.
//! Does I/O.

use anyhow::{Context, Result, ensure};
use lanyard_tests::{TestEnv, arn_of, condition};
use serde_json::json;

use crate::foreign_role::{REQUESTED, named, own_tags, request_adoption, role_id, untag};
use crate::{BINARY, options};

#[tokio::test]
async fn role_moves_to_other_cluster_while_pods_use_it() -> Result<()> {
    let blue = TestEnv::set(BINARY, options()).await?;
    let green = blue.beside("harbour", BINARY, options().second()).await?;
    let (previous, new) = (blue.scene("shop").await?, green.scene("shop").await?);
    previous.account("orders").await?;
    new.account("orders").await?;
    previous.apply("orders", named("orders-prod", "IRSA")).await?;
    let made = previous.until_ready("orders").await?;
    let arn = arn_of(&made)?;
    let id = role_id(&previous, "orders").await?;

    // Green requests the role while blue holds it: nothing changes, and the condition names the owner that must release it.
    request_adoption(&new, "orders", &arn, named("orders-prod", "IRSA")).await?;
    let waits = new.until_is("orders", "Stalled", "True", "RoleConflict").await?;
    let message = condition(&waits, "Stalled").context("Stalled")?.message;
    ensure!(
        message.contains("cluster/lanyard") && message.contains("deletionPolicy: Retain"),
        "{message}"
    );
    ensure!(previous.assume(&arn, "orders").await?.is_ok());

    // Blue releases the role and green adopts it at its next reconciliation. The pods of blue keep access.
    let mut kept = named("orders-prod", "IRSA");
    kept["deletionPolicy"] = json!("Retain");
    previous.apply("orders", kept).await?;
    previous.until_ready("orders").await?;
    previous.delete("orders").await?;
    let object = new.until_ready("orders").await?;
    let role = object.status.and_then(|status| status.role).context("a role")?;
    ensure!(
        role.arn == arn && role.adopted && role.id == Some(id.clone()),
        "{role:?}"
    );
    for scene in [&previous, &new] {
        let assumed = scene.assume(&arn, "orders").await?;
        ensure!(assumed.is_ok(), "{assumed:?}");
    }
    ensure!(new.aws.attached("orders-prod").await? == [REQUESTED]);

    // Blue no longer exists: green removes the adoption tag and deletes what blue left.
    untag(&new.aws, "orders-prod", "lanyard.dev/adopted").await?;
    new.request_reconcile("orders").await?;
    new.until("orders", "fully owned", |object| {
        let role = object.status.as_ref().and_then(|status| status.role.as_ref());
        role.is_some_and(|role| !role.adopted)
    })
    .await?;
    let refused = previous.assume(&arn, "orders").await?;
    ensure!(refused == Err("AccessDenied".to_owned()), "{refused:?}");
    ensure!(new.assume(&arn, "orders").await?.is_ok());
    ensure!(own_tags(&new.aws, "orders-prod").await?.len() == 3);
    ensure!(role_id(&new, "orders").await? == id);
    new.delete("orders").await?;
    ensure!(!new.aws.has_role("orders-prod").await?);
    green.bed.stop().await?;
    blue.bed.stop().await
}
