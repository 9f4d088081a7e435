//! Proves that refused, delayed and aborted calls are reported correctly, never mistaken for absence, and recovered from.
//! Does I/O.

use anyhow::{Context, Result};
use lanyard_testkit::gateway::{Fault, Mark};
use lanyard_tests::condition;
use serde_json::{Value, json};

use crate::stage;

const READ_ONLY: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";

fn spec(name: &str) -> Value {
    json!({"method": "PodIdentity", "role": {"managed": {"name": name, "policyArns": [READ_ONLY]}}})
}

#[tokio::test]
async fn missing_permission_is_named_and_grant_recovers() -> Result<()> {
    let scene = stage().await?.scene("fault-denied").await?;
    let fault = scene
        .stage
        .bed
        .gateway
        .faults()
        .add(Fault::on("AttachRolePolicy").about("fault-denied").denies());
    scene.apply("orders", spec("fault-denied")).await?;
    let object = scene
        .until_is("orders", "Stalled", "True", "AccessDenied")
        .await?;
    let message = condition(&object, "Stalled").context("Stalled")?.message;
    assert!(message.contains("iam:AttachRolePolicy"), "{message}");
    fault.remove();
    scene.request_reconcile("orders").await?;
    scene.until_ready("orders").await?;
    Ok(())
}

#[tokio::test]
async fn role_not_yet_visible_to_eks_is_awaited() -> Result<()> {
    let scene = stage().await?.scene("fault-young").await?;
    let text = "Role provided in the request does not exist";
    let fault = Fault::on("CreatePodIdentityAssociation")
        .about("fault-young/orders")
        .first(2);
    let fault = scene
        .stage
        .bed
        .gateway
        .faults()
        .add(fault.fails(400, "InvalidParameterException", text));
    scene.apply("orders", spec("fault-young")).await?;
    let object = scene.until_ready("orders").await?;
    assert_eq!(fault.hits(), 2);
    let roles = scene.calls_about("orders", Mark::default()).await?;
    let created = roles
        .iter()
        .filter(|entry| entry.call.operation == "CreateRole")
        .count();
    assert_eq!(created, 1, "the role was made once");
    assert!(condition(&object, "Stalled").is_none());
    Ok(())
}

#[tokio::test]
async fn throttling_and_server_errors_recover_without_help() -> Result<()> {
    let scene = stage().await?.scene("fault-passing").await?;
    let faults = scene.stage.bed.gateway.faults();
    faults.add(Fault::on("CreateRole").about("fault-passing").nth(1).fails(
        400,
        "Throttling",
        "Rate exceeded",
    ));
    faults.add(Fault::on("AttachRolePolicy").about("fault-passing").nth(1).fails(
        500,
        "ServiceFailure",
        "oops",
    ));
    faults.add(
        Fault::on("CreatePodIdentityAssociation")
            .about("fault-passing/orders")
            .nth(1)
            .resets(),
    );
    scene.apply("orders", spec("fault-passing")).await?;
    scene.until_ready("orders").await?;
    Ok(())
}

#[tokio::test]
async fn lost_answer_creates_no_second_association() -> Result<()> {
    let scene = stage().await?.scene("fault-lost").await?;
    let faults = scene.stage.bed.gateway.faults();
    faults.add(
        Fault::on("CreateRole")
            .about("fault-lost")
            .nth(1)
            .swallows_answer(),
    );
    faults.add(
        Fault::on("CreatePodIdentityAssociation")
            .about("fault-lost/orders")
            .nth(1)
            .swallows_answer(),
    );
    scene.apply("orders", spec("fault-lost")).await?;
    scene.until_ready("orders").await?;
    assert_eq!(scene.aws.associations("fault-lost", "orders").await?.len(), 1);
    scene.delete("orders").await?;
    assert!(!scene.aws.has_role("fault-lost").await?);
    Ok(())
}

#[tokio::test]
async fn unreadable_resource_is_unknown_and_never_written() -> Result<()> {
    let scene = stage().await?.scene("fault-unreadable").await?;
    scene.apply("orders", spec("fault-unreadable")).await?;
    scene.until_ready("orders").await?;
    let gateway = &scene.stage.bed.gateway;
    let fault = gateway
        .faults()
        .add(
            Fault::on_reads()
                .about("fault-unreadable")
                .fails(500, "ServiceFailure", "oops"),
        );
    let mark = gateway.ledger().mark();
    scene.request_reconcile("orders").await?;
    let object = scene
        .until_is("orders", "InSync", "Unknown", "Unreadable")
        .await?;
    assert_eq!(
        condition(&object, "Ready").context("Ready")?.status,
        "True",
        "an outage must not make it unready"
    );
    let calls = scene.calls_about("orders", mark).await?;
    assert!(calls.iter().all(|entry| !entry.call.write), "{calls:#?}");
    fault.remove();
    scene.request_reconcile("orders").await?;
    scene.until_is("orders", "InSync", "True", "InSync").await?;
    Ok(())
}
