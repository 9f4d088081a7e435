//! Proves that failed reads lead to no conclusions, and that identities which the scan may not read in bulk are reconciled
//! one by one. Does I/O.

use anyhow::{Context, Result, ensure};
use lanyard_api::WorkloadIdentity;
use lanyard_testkit::gateway::{Calls, Fault};
use lanyard_tests::{PATIENCE, TestEnv, condition, drift};

use crate::{ACCOUNT, fleet, role_reads, scans_pass, stage, until_checked};

/// Words of a status that would claim that a resource does not exist.
const ABSENT: [&str; 3] = ["RoleMissing", "RoleNotFound", "BindingMissing"];

async fn until_outcome(stage: &TestEnv, outcome: &str) -> Result<()> {
    let begins = format!(r#"lanyard_drift_scans_total{{outcome="{outcome}"}}"#);
    stage
        .until_answers(0, "/metrics", |status, body| {
            status == 200 && body.lines().any(|line| line.starts_with(&begins))
        })
        .await
}

/// Counts the differences that the scans found. An object may also be reconciled for another reason: its last check was
/// long ago.
fn logged_differences(stage: &TestEnv) -> Result<usize> {
    let log = stage.log()?;
    Ok(log.matches("drift scan found a difference; requeueing").count())
}

#[tokio::test]
async fn incomplete_list_leads_to_no_conclusion() -> Result<()> {
    let stage = stage("resync=3s,read-consistency=1s").await?;
    let scene = stage.scene("shop").await?;
    let names = fleet(&scene, 6).await?;
    until_checked(&stage, 0, names.len()).await?;
    let mut before = Vec::new();
    for name in &names {
        before.push(scene.identities().get(name).await?.status);
    }
    let found = logged_differences(&stage)?;

    let ledger = stage.bed.gateway.ledger();
    let mark = ledger.mark();
    for operation in [ACCOUNT, "ListRoles", "ListPodIdentityAssociations"] {
        // The mark precedes the fault, because the next list may follow at once.
        let from = ledger.mark();
        // As many failures as attempts per page: the scan is then incomplete and begins again soon. Only lists without a
        // filter fail: a reconciliation, which may run at any time, lists the association of its ServiceAccount by the same
        // operation and would rightly report that it is unreadable.
        let failing = Fault::on(operation).in_bulk().first(3);
        let fault = stage
            .bed
            .gateway
            .faults()
            .add(failing.fails(503, "ServiceUnavailable", ""));
        let failed = |calls: &Calls| calls.of(operation).failed().count() >= 3;
        tokio::time::timeout(PATIENCE, ledger.until(from, failed))
            .await
            .context(operation)?;
        fault.remove();
        scans_pass(&stage, 2).await?;
    }
    until_outcome(&stage, "broken").await?;
    until_checked(&stage, 0, names.len()).await?;
    for (name, before) in names.iter().zip(before) {
        let now = scene.identities().get(name).await?.status;
        ensure!(now == before, "{name}: {now:#?}");
    }
    ensure!(
        logged_differences(&stage)? == found,
        "the incomplete list led to a conclusion"
    );
    let calls = stage.bed.gateway.ledger().since(mark).by("lanyard");
    ensure!(calls.deeds().is_empty(), "{}", calls.deeds());
    stage.bed.stop().await
}

#[tokio::test]
async fn unreadable_association_is_reported() -> Result<()> {
    let stage = stage("resync=3s,read-consistency=1s").await?;
    let scene = stage.scene("shop").await?;
    let names = fleet(&scene, 4).await?;
    until_checked(&stage, 0, names.len()).await?;
    let describe = Fault::on("DescribePodIdentityAssociation");
    let fault = stage.bed.gateway.faults().add(describe.denies());
    // Identities with an even number have associations.
    let unread = |object: &WorkloadIdentity| {
        let in_sync = condition(object, "InSync");
        in_sync.is_some_and(|said| said.reason == "Unreadable")
    };
    for name in [&names[0], &names[2]] {
        scene.until(name, "reported as unreadable", unread).await?;
    }
    ensure!(!unread(&scene.identities().get(&names[1]).await?));
    fault.remove();
    until_checked(&stage, 0, names.len()).await?;
    stage.bed.stop().await
}

#[tokio::test]
async fn bulk_read_denied_falls_back_to_single_reads() -> Result<()> {
    let stage = stage("resync=3s,read-consistency=1s").await?;
    let scene = stage.scene("shop").await?;
    stage.bed.gateway.faults().add(Fault::on(ACCOUNT).denies());
    let names = fleet(&scene, 4).await?;
    until_outcome(&stage, "refused").await?;
    let role = scene.role_of(&scene.identities().get(&names[0]).await?)?;
    let ledger = stage.bed.gateway.ledger();

    let detach = scene.aws.iam.detach_role_policy().role_name(&role);
    let arn = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
    detach.policy_arn(arn).send().await?;
    let corrected = |object: &_| drift(object).last_correction.is_some();
    scene.until(&names[0], "corrected", corrected).await?;
    ensure!(scene.aws.attached(&role).await? == [arn]);

    // Each resync reconciles the other identities too.
    let other = scene.role_of(&scene.identities().get(&names[3]).await?)?;
    let twice = |calls: &Calls| role_reads(calls, &other) >= 2;
    let mark = ledger.mark();
    tokio::time::timeout(PATIENCE, ledger.until(mark, twice))
        .await
        .context("no reconciliation began")?;
    for name in &names {
        let status = scene.identities().get(name).await?.status.context("a status")?;
        let absent = status
            .conditions
            .iter()
            .find(|condition| ABSENT.contains(&condition.reason.as_str()));
        ensure!(absent.is_none(), "{absent:?}");
    }
    let reported = stage.log()?.matches("bulk read denied").count();
    ensure!(reported == 1, "expected one report, got {reported} times");
    stage.bed.stop().await
}
