//! Proves restarts: steady identities are left to the scan, changes during the downtime are detected, and a crash during a
//! scan loses nothing. Does I/O.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, DeleteParams};
use lanyard_testkit::gateway::{Calls, Fault};
use lanyard_tests::{PATIENCE, TestNamespace, drift};
use serde_json::json;

use crate::{ACCOUNT, BINARY, fleet, role_reads, roles_of, spec, stage, until_checked};

const ADMIN: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

/// Starts an operator after another one ended, without waiting for the expiry of its lease.
async fn start_successor(scene: &TestNamespace<'_>, name: &str) -> Result<()> {
    let leases: Api<Lease> = Api::namespaced(scene.client.clone(), "kube-system");
    leases.delete("lanyard", &DeleteParams::default()).await?;
    scene
        .stage
        .operator(BINARY, name, &["--describes-per-second", "100"])
}

#[tokio::test]
async fn restart_reads_in_bulk_and_reconciles_only_changed_objects() -> Result<()> {
    // No resync within the test: every reconciliation is a result of the restart.
    let stage = stage("resync=10m,read-consistency=1s").await?;
    let scene = stage.scene("shop").await?;
    let names = fleet(&scene, 20).await?;
    let roles = roles_of(&scene, &names).await?;
    stage.killer(0)()?;
    // During the downtime, another actor attaches a policy, removes an annotation and applies a new spec.
    let attach = scene.aws.iam.attach_role_policy().role_name(&roles[4]);
    attach.policy_arn(ADMIN).send().await?;
    let patch = json!({"metadata": {"annotations": {"eks.amazonaws.com/role-arn": null}}});
    let params = kube::api::PatchParams::default();
    scene
        .accounts()
        .patch(&names[5], &params, &kube::api::Patch::Merge(&patch))
        .await?;
    scene
        .apply(&names[6], spec("PodIdentity", "takes no orders"))
        .await?;

    let ledger = stage.bed.gateway.ledger();
    let mark = ledger.mark();
    start_successor(&scene, "second").await?;
    for at in [4, 5] {
        let corrected = |object: &_| drift(object).last_correction.is_some();
        scene.until(&names[at], "corrected", corrected).await?;
    }
    scene.until_ready(&names[6]).await?;
    // Objects that were reconciled since are already checked; one scan checks all others.
    until_checked(&stage, 1, names.len() - 3).await?;

    let calls = ledger.since(mark).by("second");
    for (at, role) in roles.iter().enumerate() {
        let reconciled = role_reads(&calls, role);
        ensure!(
            (reconciled > 0) == [4, 5, 6].contains(&at),
            "{}: {reconciled} reconciliations",
            names[at]
        );
    }
    let pages = ["ListRoles", ACCOUNT].map(|operation| calls.of(operation).count());
    ensure!(pages == [1, 1], "{calls}");
    stage.bed.stop().await
}

#[tokio::test]
async fn operator_killed_during_scan_loses_no_drift() -> Result<()> {
    let stage = stage("resync=3s,read-consistency=1s").await?;
    let scene = stage.scene("shop").await?;
    let names = fleet(&scene, 6).await?;
    until_checked(&stage, 0, names.len()).await?;
    let reads = [
        ACCOUNT,
        "ListRoles",
        "ListPodIdentityAssociations",
        "DescribePodIdentityAssociation",
    ];
    for (number, operation) in reads.into_iter().enumerate() {
        let name = &names[number];
        let role = scene.role_of(&scene.identities().get(name).await?)?;
        let ledger = stage.bed.gateway.ledger();
        // The operator dies when AWS has read the list and before the answer, which contains a difference, arrives.
        let (kill, mark) = (stage.killer(number), ledger.mark());
        let attach = scene.aws.iam.attach_role_policy().role_name(&role);
        let struck = stage
            .bed
            .gateway
            .faults()
            .add(Fault::on(operation).first(1).calls_after(move |_| {
                let killed = kill();
                async move { drop(killed) }
            }));
        attach.policy_arn(ADMIN).send().await?;
        let died = |calls: &Calls| !calls.of(operation).is_empty();
        tokio::time::timeout(PATIENCE, ledger.until(mark, died))
            .await
            .context(operation)?;
        ensure!(struck.hits() == 1, "{operation}");
        struck.remove();
        start_successor(&scene, &format!("lanyard-{}", number + 1)).await?;
        let removed = |object: &_| {
            drift(object).last_correction.is_some_and(|last| {
                last.items
                    .iter()
                    .any(|item| item.field.contains("AdministratorAccess"))
            })
        };
        scene
            .until(name, "without the policy", removed)
            .await
            .with_context(|| operation.to_owned())?;
        ensure!(!scene.aws.attached(&role).await?.contains(&ADMIN.to_owned()));
        until_checked(&stage, number + 1, names.len()).await?;
    }
    for name in &names {
        scene.until_ready(name).await?;
    }
    stage.bed.stop().await
}
