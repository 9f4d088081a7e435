//! Proves that failed reads lead to no conclusions, and that identities which the scan may not read in bulk are reconciled
//! one by one. Does I/O.

use anyhow::{Context, Result, ensure};
use lanyard_api::WorkloadIdentity;
use lanyard_testkit::gateway::{Calls, Fault};
use lanyard_tests::{PATIENCE, TestEnv, condition, drift};

use crate::{ACCOUNT, fleet, looks, stage, sweeps_pass, until_checked};

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
fn deviations(stage: &TestEnv) -> Result<usize> {
    let log = stage.log()?;
    Ok(log.matches("a sweep found something otherwise than told").count())
}

#[tokio::test]
async fn from_a_list_that_broke_off_nothing_follows() -> Result<()> {
    let stage = stage("resync=3s,read-consistency=1s").await?;
    let scene = stage.scene("shop").await?;
    let names = fleet(&scene, 6).await?;
    until_checked(&stage, 0, names.len()).await?;
    let mut before = Vec::new();
    for name in &names {
        before.push(scene.identities().get(name).await?.status);
    }
    let found = deviations(&stage)?;

    let ledger = stage.bed.gateway.ledger();
    let mark = ledger.mark();
    for operation in [ACCOUNT, "ListRoles", "ListPodIdentityAssociations"] {
        // As many failures as attempts per page: the scan is then incomplete and begins again soon. Only lists without a
        // filter fail: a reconciliation, which may run at any time, lists the association of its ServiceAccount by the same
        // operation and would rightly report that it is unreadable.
        let failing = Fault::on(operation).in_bulk().first(3);
        let fault = stage
            .bed
            .gateway
            .faults()
            .add(failing.fails(503, "ServiceUnavailable", ""));
        let from = ledger.mark();
        let failed = |calls: &Calls| calls.of(operation).failed().count() >= 3;
        tokio::time::timeout(PATIENCE, ledger.until(from, failed))
            .await
            .context(operation)?;
        fault.remove();
        sweeps_pass(&stage, 2).await?;
    }
    until_outcome(&stage, "broken").await?;
    until_checked(&stage, 0, names.len()).await?;
    for (name, before) in names.iter().zip(before) {
        let now = scene.identities().get(name).await?.status;
        ensure!(now == before, "{name}: {now:#?}");
    }
    ensure!(
        deviations(&stage)? == found,
        "something was concluded from what broke off"
    );
    let calls = stage.bed.gateway.ledger().since(mark).by("lanyard");
    ensure!(calls.deeds().is_empty(), "{}", calls.deeds());
    stage.bed.stop().await
}

#[tokio::test]
async fn an_association_that_cannot_be_read_any_more_is_told() -> Result<()> {
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
        scene.until(name, "said to be unreadable", unread).await?;
    }
    ensure!(!unread(&scene.identities().get(&names[1]).await?));
    fault.remove();
    until_checked(&stage, 0, names.len()).await?;
    stage.bed.stop().await
}

#[tokio::test]
async fn without_leave_for_the_account_each_role_is_read_by_itself() -> Result<()> {
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
    scene
        .until(&names[0], "corrected all the same", corrected)
        .await?;
    ensure!(scene.aws.attached(&role).await? == [arn]);

    // Each resync reconciles the other identities too.
    let other = scene.role_of(&scene.identities().get(&names[3]).await?)?;
    let twice = |calls: &Calls| looks(calls, &other) >= 2;
    let mark = ledger.mark();
    tokio::time::timeout(PATIENCE, ledger.until(mark, twice))
        .await
        .context("nobody reconciled")?;
    for name in &names {
        let status = scene.identities().get(name).await?.status.context("a status")?;
        let absent = status
            .conditions
            .iter()
            .find(|condition| ABSENT.contains(&condition.reason.as_str()));
        ensure!(absent.is_none(), "{absent:?}");
    }
    let told = stage.log()?.matches("sweeps may not read in bulk").count();
    ensure!(told == 1, "said once, and not {told} times");
    stage.bed.stop().await
}
