//! Proves that a reconcile acts on the object as the API server stores it, while the watch shows an older one, and that it
//! writes no status over that of another writer. Does I/O.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kube::api::{Patch, PatchParams};
use lanyard_testkit::gateway::{Calls, Fault, FaultHandle};
use lanyard_tests::{PATIENCE, POLL};
use serde_json::{Value, json};

use crate::new_stage;

const POLICY: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
/// Longer than the test.
const DEAD: Duration = Duration::from_secs(600);

fn spec(suspend: bool) -> Value {
    json!({"method": "IRSA", "suspend": suspend,
           "role": {"managed": {"name": "orders", "policyArns": [POLICY]}}})
}

async fn until_hit(fault: &FaultHandle) -> Result<()> {
    let hit = async {
        while fault.hits() == 0 {
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(PATIENCE, hit)
        .await
        .context("the fault did not strike")
}

/// A user suspends an identity and then takes a policy off, while the watch of the operator is dead and its other watches
/// are not.
#[tokio::test]
async fn suspend_is_obeyed_while_the_watch_is_dead() -> Result<()> {
    let stage = new_stage().await?;
    let scene = stage.scene("shop").await?;
    scene.account("orders").await?;
    scene.apply("orders", spec(false)).await?;
    scene.until_ready("orders").await?;
    let gateway = &stage.bed.gateway;
    let dead = Fault::on("watch workloadidentities").delays(DEAD);
    let dead = gateway.faults().add(dead);
    stage.bed.front.hang_up();
    until_hit(&dead).await?;

    scene.apply("orders", spec(true)).await?;
    let mark = gateway.ledger().mark();
    let iam = &scene.aws.iam;
    let detached = iam.detach_role_policy().role_name("orders").policy_arn(POLICY);
    detached.send().await?;
    // The watch on ServiceAccounts triggers a reconcile.
    let edit = json!({"metadata": {"annotations": {"eks.amazonaws.com/audience": "other"}}});
    let accounts = scene.accounts();
    accounts
        .patch("orders", &PatchParams::default(), &Patch::Merge(&edit))
        .await?;
    scene
        .until("orders", "reconciled by its suspended spec", |object| {
            let observed = object
                .status
                .as_ref()
                .and_then(|status| status.observed_generation);
            observed.is_some() && observed == object.metadata.generation
        })
        .await?;
    let writes = gateway.ledger().since(mark).by("lanyard").to_aws().writes();
    ensure!(writes.is_empty(), "{writes}");
    ensure!(scene.aws.attached("orders").await?.is_empty(), "attached again");
    stage.bed.stop().await
}

#[tokio::test]
async fn status_of_another_writer_is_not_overwritten() -> Result<()> {
    let stage = new_stage().await?;
    let scene = stage.scene("shop").await?;
    scene.account("orders").await?;
    scene.apply("orders", spec(false)).await?;
    scene.until_is("orders", "InSync", "True", "InSync").await?;
    let gateway = &stage.bed.gateway;
    let identities = scene.identities();
    let write = Fault::on("patch workloadidentities/status")
        .about("shop/orders")
        .nth(1);
    gateway.faults().add(write.calls_before(move |_| {
        let identities = identities.clone();
        async move {
            let other = json!({"status": {"lastAppliedHashes": {"other": "1"}}});
            // A failure is visible: no conflict follows.
            let (params, patch) = (PatchParams::default(), Patch::Merge(&other));
            drop(identities.patch_status("orders", &params, &patch).await);
        }
    }));
    let mark = gateway.ledger().mark();
    scene.reconciled("orders").await?;
    let calls = gateway.ledger().since(mark).by("lanyard");
    ensure!(is_reconciled_between_writes(&calls)?, "{calls}");
    stage.bed.stop().await
}

/// True if AWS was read between the conflict and the next write of the status.
fn is_reconciled_between_writes(calls: &Calls) -> Result<bool> {
    let is_write = |operation: &str| operation == "patch workloadidentities/status";
    let after_conflict = calls
        .entries()
        .iter()
        .skip_while(|entry| !(is_write(&entry.call.operation) && entry.status == Some(409)));
    let between: Vec<_> = after_conflict
        .skip(1)
        .take_while(|entry| !is_write(&entry.call.operation))
        .collect();
    ensure!(!between.is_empty(), "no conflict: {calls}");
    // Operations of AWS have no space in their name.
    Ok(between.iter().any(|entry| !entry.call.operation.contains(' ')))
}
