//! Proves recovery when the API server is unavailable for longer than the lease, or AWS rejects the operator's credentials
//! at its start. Does I/O.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lanyard_testkit::gateway::{Calls, Fault, Service};
use serde_json::{Value, json};

use crate::kinds::Kind;
use crate::{BINARY, new_stage};

/// Timeout of a few attempts to renew the lease.
const PATIENCE: Duration = Duration::from_secs(30);

/// Maximum number of calls about one identity until the operator gives up its lease: those of the creation and of a few
/// retries with growing pauses. Without backoff there are hundreds.
const CALLS: usize = 60;
const POLICY: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";

fn spec(policies: &[&str]) -> Value {
    json!({"method": "PodIdentity", "role": {"managed": {"name": "orders", "policyArns": policies}}})
}

/// An operator that cannot renew its lease writes no more and ends, so that nothing that it knew outlives the outage. The
/// next one detects changes of the downtime.
#[tokio::test]
async fn api_server_outage_beyond_lease_stops_writes() -> Result<()> {
    let stage = new_stage().await?;
    let scene = stage.scene("shop").await?;
    scene.apply("orders", spec(&[])).await?;
    scene.until_ready("orders").await?;
    let gateway = &stage.bed.gateway;
    let gone = gateway
        .faults()
        .add(Fault::on_any().to(Service::Kubernetes).resets());
    stage.bed.front.hang_up();
    let mark = gateway.ledger().mark();
    // The administrator's connection does not use the gateway.
    scene.apply("orders", spec(&[POLICY])).await?;
    ensure!(stage.ended(0).await?.code() == Some(1));
    ensure!(stage.log()?.contains("lost the lease"), "{}", stage.log()?);
    let calls = gateway.ledger().since(mark);
    ensure!(calls.to_aws().writes().is_empty(), "{calls}");

    gone.remove();
    stage.operator(BINARY, "restarted", &[])?;
    stage.until_leads(1, true).await?;
    scene.until_is("orders", "InSync", "True", "InSync").await?;
    ensure!(scene.aws.attached("orders").await? == [POLICY]);
    stage.bed.stop().await
}

/// The API server, and with it the lease, becomes unavailable while the role is created. The next leader finds the role and
/// creates no second one.
#[tokio::test]
async fn api_server_outage_during_creation_makes_one_role() -> Result<()> {
    let stage = new_stage().await?;
    let scene = stage.scene("shop").await?;
    scene.account("orders").await?;
    let gateway = &stage.bed.gateway;
    let (mark, faults) = (gateway.ledger().mark(), gateway.faults().clone());
    // Before the operator receives the answer of CreateRole.
    faults.add(Fault::on("CreateRole").about("orders").calls_after({
        let faults = faults.clone();
        move |_| {
            faults.add(Fault::on_any().to(Service::Kubernetes).resets());
            std::future::ready(())
        }
    }));
    let by_irsa = json!({"method": "IRSA", "role": {"managed": {"name": "orders", "policyArns": [POLICY]}}});
    scene.apply("orders", by_irsa).await?;
    let made = |calls: &Calls| !calls.of("CreateRole").is_empty();
    tokio::time::timeout(PATIENCE, gateway.ledger().until(mark, made)).await?;
    stage.bed.front.hang_up();
    ensure!(stage.ended(0).await?.code() == Some(1));
    let account = scene.accounts().get("orders").await?;
    ensure!(account.metadata.annotations.is_none(), "{account:?}");
    let calls = gateway.ledger().since(mark);
    let about = calls.about("orders");
    ensure!(about.count() <= CALLS, "{} calls:\n{about}", about.count());

    faults.clear();
    stage.operator(BINARY, "restarted", &[])?;
    scene.until_ready("orders").await?;
    ensure!(scene.aws.attached("orders").await? == [POLICY]);
    let calls = gateway.ledger().since(mark);
    ensure!(calls.of("CreateRole").count() == 1, "{calls}");
    stage.bed.stop().await
}

#[tokio::test]
async fn operator_with_rejected_credentials_waits_and_reports() -> Result<()> {
    let stage = new_stage().await?;
    let scene = stage.scene("shop").await?;
    scene.apply("orders", spec(&[])).await?;
    scene.until_ready("orders").await?;
    ensure!(stage.stop(0).await?.success());
    let faults = stage.bed.gateway.faults();
    let expired = faults.add(Kind::TokenExpired.at(Fault::on_any().to_aws()));
    let mark = stage.bed.gateway.ledger().mark();
    stage.operator(BINARY, "restarted", &[])?;
    let reports = |status, body: &str| status == 503 && body.contains("credentials");
    stage.until_answers(1, "/readyz", reports).await?;
    let calls = stage.bed.gateway.ledger().since(mark).to_aws();
    ensure!(calls.count() <= 4, "{calls}");
    expired.remove();
    stage
        .until_answers(1, "/readyz", |status, _| status == 200)
        .await?;
    scene.request_reconcile("orders").await?;
    scene.until_is("orders", "InSync", "True", "InSync").await?;
    let writes = stage.bed.gateway.ledger().since(mark).to_aws().writes();
    ensure!(writes.is_empty(), "{writes}");
    stage.bed.stop().await.context("stopping")
}
