//! Blue and green: a role that Lanyard made in one cluster is handed to another, and neither's pods are ever without it.

use anyhow::{Context, Result, ensure};
use lanyard_tests::{TestEnv, arn_of, condition};
use serde_json::json;

use crate::theirs::{ASKED, ask, named, own_tags, role_id, untag};
use crate::{BINARY, options};

#[tokio::test]
async fn a_role_goes_from_one_cluster_to_another_while_pods_of_both_use_it() -> Result<()> {
    let blue = TestEnv::set(BINARY, options()).await?;
    let green = blue.beside("harbour", BINARY, options().second()).await?;
    let (old, new) = (blue.scene("shop").await?, green.scene("shop").await?);
    old.account("orders").await?;
    new.account("orders").await?;
    old.apply("orders", named("orders-prod", "IRSA")).await?;
    let made = old.until_ready("orders").await?;
    let arn = arn_of(&made)?;
    let id = role_id(&old, "orders").await?;

    // Green asks for it while blue holds it: nothing happens, and it is said who has to let it go.
    ask(&new, "orders", &arn, named("orders-prod", "IRSA")).await?;
    let waits = new.until_is("orders", "Stalled", "True", "RoleConflict").await?;
    let message = condition(&waits, "Stalled").context("Stalled")?.message;
    ensure!(
        message.contains("cluster/lanyard") && message.contains("deletionPolicy: Retain"),
        "{message}"
    );
    ensure!(old.assume(&arn, "orders").await?.is_ok());

    // Blue lets it go, and green has it with the next look. Blue's pods go on.
    let mut kept = named("orders-prod", "IRSA");
    kept["deletionPolicy"] = json!("Retain");
    old.apply("orders", kept).await?;
    old.until_ready("orders").await?;
    old.delete("orders").await?;
    let object = new.until_ready("orders").await?;
    let role = object.status.and_then(|status| status.role).context("a role")?;
    ensure!(
        role.arn == arn && role.adopted && role.id == Some(id.clone()),
        "{role:?}"
    );
    for scene in [&old, &new] {
        let assumed = scene.assume(&arn, "orders").await?;
        ensure!(assumed.is_ok(), "{assumed:?}");
    }
    ensure!(new.aws.attached("orders-prod").await? == [ASKED]);

    // Blue is gone for good: green takes the mark off, and what blue left goes.
    untag(&new.aws, "orders-prod", "lanyard.dev/adopted").await?;
    new.request_reconcile("orders").await?;
    new.until("orders", "owned whole", |object| {
        let role = object.status.as_ref().and_then(|status| status.role.as_ref());
        role.is_some_and(|role| !role.adopted)
    })
    .await?;
    let refused = old.assume(&arn, "orders").await?;
    ensure!(refused == Err("AccessDenied".to_owned()), "{refused:?}");
    ensure!(new.assume(&arn, "orders").await?.is_ok());
    ensure!(own_tags(&new.aws, "orders-prod").await?.len() == 3);
    ensure!(role_id(&new, "orders").await? == id);
    new.delete("orders").await?;
    ensure!(!new.aws.has_role("orders-prod").await?);
    green.bed.stop().await?;
    blue.bed.stop().await
}
