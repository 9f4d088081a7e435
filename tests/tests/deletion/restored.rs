//! Proves that restored objects, with other uids and without a status, find their resources again, and that a recreated
//! role with another id is reported. Does I/O.

use anyhow::{Context, Result, ensure};
use lanyard_api::ANNOTATION_INVENTORY;
use lanyard_tests::{TestEnv, TestNamespace, condition};
use serde_json::{Value, json};

use crate::resources::{begin_deletion, event_notes, patch_metadata, spec};
use crate::{BINARY, new_stage, stage};

/// The identities of the backup: for each method, with and without the inventory annotation.
const IDENTITIES: [(&str, &str, bool); 4] = [
    ("irsa-with", "IRSA", true),
    ("irsa-without", "IRSA", false),
    ("pods-with", "PodIdentity", true),
    ("pods-without", "PodIdentity", false),
];

/// The facts that must be equal before and after the restore.
#[derive(Debug, PartialEq)]
struct Facts {
    role: Option<String>,
    associations: Vec<String>,
    account: Option<String>,
}

async fn facts(scene: &TestNamespace<'_>, name: &str) -> Result<Facts> {
    let object = scene.identities().get(name).await?;
    let role = object.status.and_then(|status| status.role?.id);
    ensure!(role.is_some(), "{name} has no role on record");
    let account = scene.accounts().get(name).await?;
    Ok(Facts {
        role,
        associations: scene.aws.associations(&scene.namespace, name).await?,
        account: account.metadata.uid,
    })
}

/// Deletes an object behind the operator's back and creates it again, as a restore does: the spec and, if it is in the
/// backup, the inventory.
async fn restore(scene: &TestNamespace<'_>, name: &str, method: &str, with_inventory: bool) -> Result<()> {
    let before = scene.identities().get(name).await?;
    let inventory = before
        .metadata
        .annotations
        .as_ref()
        .and_then(|annotations| annotations.get(ANNOTATION_INVENTORY).cloned());
    patch_metadata(scene, name, json!({"finalizers": null})).await?;
    begin_deletion(scene, name).await?;
    scene.until_gone(name).await?;
    scene.apply(name, spec(name, method)).await?;
    if with_inventory {
        let inventory: Value = json!({ ANNOTATION_INVENTORY: inventory.context("no inventory")? });
        patch_metadata(scene, name, json!({ "annotations": inventory })).await?;
    }
    let after = scene.identities().get(name).await?;
    ensure!(before.metadata.uid != after.metadata.uid);
    Ok(())
}

async fn all(scene: &TestNamespace<'_>) -> Result<Vec<Facts>> {
    let mut found = Vec::new();
    for (name, ..) in IDENTITIES {
        scene.until_ready(name).await?;
        found.push(facts(scene, name).await?);
    }
    Ok(found)
}

#[tokio::test]
async fn restored_objects_are_bound_without_writes_to_aws() -> Result<()> {
    let stage: TestEnv = new_stage().await?;
    let scene = stage.scene("shop").await?;
    for (name, method, _) in IDENTITIES {
        scene.apply(name, spec(name, method)).await?;
    }
    let before = all(&scene).await?;
    ensure!(stage.stop(0).await?.success());
    for (name, method, with_inventory) in IDENTITIES {
        restore(&scene, name, method, with_inventory).await?;
    }
    let mark = stage.bed.gateway.ledger().mark();
    stage.operator(BINARY, "rebuilt", &[])?;
    ensure!(all(&scene).await? == before);
    let writes = stage.bed.gateway.ledger().since(mark).to_aws().writes();
    ensure!(writes.is_empty(), "{writes}");
    // The restored objects own their resources again: deletion removes them.
    for (name, ..) in IDENTITIES {
        scene.delete(name).await?;
        ensure!(!scene.aws.has_role(name).await?);
    }
    stage.bed.stop().await
}

#[tokio::test]
async fn role_deleted_by_hand_is_recreated_and_reported() -> Result<()> {
    let scene = stage().await?.scene("recreated").await?;
    scene.apply("orders", spec("recreated", "PodIdentity")).await?;
    scene.until_ready("orders").await?;
    let before = facts(&scene, "orders").await?;
    let detach = scene.aws.iam.detach_role_policy().role_name("recreated");
    detach
        .policy_arn("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
        .send()
        .await?;
    scene.aws.iam.delete_role().role_name("recreated").send().await?;
    scene.request_reconcile("orders").await?;
    let object = scene
        .until_is("orders", "RoleReady", "True", "RoleRecreated")
        .await?;
    let after = facts(&scene, "orders").await?;
    ensure!(before.role != after.role);
    ensure!(before.associations == after.associations);
    let message = condition(&object, "RoleReady").context("RoleReady")?.message;
    for id in [&before.role, &after.role] {
        let id = id.as_deref().context("no id")?;
        ensure!(message.contains(id), "{id} is not in: {message}");
    }
    scene.request_reconcile("orders").await?;
    scene.until_is("orders", "InSync", "True", "InSync").await?;
    ensure!(event_notes(&scene, "RoleRecreated").await? == [message]);
    Ok(())
}
