//! Proves that the operator recovers when the queue is unavailable, and that only the leader reads the queue. Each test has
//! an environment of its own. Does I/O.

use anyhow::{Result, ensure};
use lanyard_api::WorkloadIdentity;
use lanyard_testkit::gateway::{Calls, Fault, Service};
use lanyard_tests::{PATIENCE, TestNamespace, drift, eventually};
use serde_json::json;

use crate::BINARY;
use crate::queue_env::QueueEnv;
use crate::record::of_role;

/// Counts the occurrences of a text in the log.
fn log_count(stand: &QueueEnv, what: &str) -> Result<usize> {
    Ok(stand.stage.log()?.matches(what).count())
}

/// A namespace of the environment with one identity that is ready.
async fn with_one_identity(stand: &QueueEnv) -> Result<(TestNamespace<'_>, WorkloadIdentity)> {
    let scene = stand.stage.scene("shop").await?;
    let spec = json!({"method": "PodIdentity", "role": {"managed": {}}});
    scene.apply("orders", spec).await?;
    let object = scene.until_ready("orders").await?;
    Ok((scene, object))
}

/// Waits until an operator reports that it is ready, independent of the queue.
async fn until_readyz(stand: &QueueEnv, number: usize) -> Result<()> {
    let ready = |status, _: &str| status == 200;
    stand.stage.until_answers(number, "/readyz", ready).await
}

async fn until_logged(stand: &QueueEnv, what: &str, times: usize) -> Result<()> {
    let description = format!("the log contains {times} times: {what}");
    eventually(&description, async || Ok(log_count(stand, what)? >= times)).await
}

/// Opens the role's trust policy behind Lanyard's back, sends an event about it, and waits for the repair.
async fn break_and_send_event(
    stand: &QueueEnv,
    scene: &TestNamespace<'_>,
    object: &WorkloadIdentity,
) -> Result<()> {
    let role = scene.role_of(object)?;
    let trust = scene.aws.trust(&role).await?;
    let corrections = |object: &WorkloadIdentity| drift(object).last_correction.map(|last| last.at);
    let before = corrections(&scene.identities().get("orders").await?);
    let open = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"]},
    ]});
    let edit = scene.aws.iam.update_assume_role_policy().role_name(&role);
    edit.policy_document(open.to_string()).send().await?;
    stand.send(&of_role("update-trust", &role)?).await?;
    scene
        .until("orders", "corrected", |object| {
            let now = corrections(object);
            now.is_some() && now != before
        })
        .await?;
    ensure!(scene.aws.trust(&role).await? == trust);
    Ok(())
}

#[tokio::test]
async fn queue_unavailable_sets_warning_and_recovers() -> Result<()> {
    const QUEUE_UNREADABLE: &str = "could not read the events queue; until it is readable";
    const QUEUE_RECOVERED: &str = "the events queue is readable again";
    let stand = QueueEnv::without_queue("late").await?;
    let (scene, object) = with_one_identity(&stand).await?;
    until_logged(&stand, QUEUE_UNREADABLE, 1).await?;
    until_readyz(&stand, 0).await?;

    let create = stand.aws().await.sqs.create_queue();
    create.queue_name("late").send().await?;
    break_and_send_event(&stand, &scene, &object).await?;
    until_logged(&stand, QUEUE_RECOVERED, 1).await?;

    let gateway = &stand.stage.bed.gateway;
    let denied = gateway.faults().add(Fault::on("ReceiveMessage").denies());
    // Ends the receive call that is already waiting for messages.
    stand.send("{}").await?;
    until_logged(&stand, QUEUE_UNREADABLE, 2).await?;
    until_readyz(&stand, 0).await?;
    let mark = gateway.ledger().mark();
    denied.remove();
    break_and_send_event(&stand, &scene, &object).await?;
    until_logged(&stand, QUEUE_RECOVERED, 2).await?;
    let calls = gateway.ledger().since(mark).to(Service::Sqs);
    ensure!(calls.count() < 40, "too many calls of the queue:\n{calls}");
    stand.stage.bed.stop().await
}

#[tokio::test]
async fn standby_reads_queue_only_after_takeover() -> Result<()> {
    let stand = QueueEnv::with_queue("shared").await?;
    let (scene, object) = with_one_identity(&stand).await?;
    let ledger = stand.stage.bed.gateway.ledger();
    stand.stage.operator(BINARY, "standby", &["--resync", "12h"])?;
    until_readyz(&stand, 1).await?;
    let mark = ledger.mark();
    // Two receive calls of the leader, during which the standby could have called as well.
    stand.send("{}").await?;
    stand.send("{}").await?;
    stand.until_empty().await?;
    ensure!(ledger.since(mark).by("standby").to(Service::Sqs).is_empty());

    ensure!(stand.stage.stop(0).await?.success());
    let asks = |calls: &Calls| {
        !calls
            .by("standby")
            .of("GetAccountAuthorizationDetails")
            .is_empty()
    };
    tokio::time::timeout(PATIENCE, ledger.until(mark, asks)).await?;
    break_and_send_event(&stand, &scene, &object).await?;
    ensure!(!ledger.since(mark).by("standby").of("ReceiveMessage").is_empty());
    stand.stage.bed.stop().await
}
