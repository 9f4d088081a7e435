//! Proves that the spec can be reverted during a change, at each of its stages. Does I/O.

use anyhow::{Context, Result, ensure};
use lanyard_testkit::gateway::Fault;
use lanyard_tests::condition;

use crate::change::{
    STS_AUDIENCE, approve, change, fleet, only_irsa, only_pod_identity, plain, until_done, until_stage,
};
use crate::fleet::{bare_pod, replace_all};
use crate::guard::Guard;
use crate::trust::Form;

/// Only the trust policy was extended; the extension is removed.
#[tokio::test]
async fn revert_before_binding_restores_trust() -> Result<()> {
    let scene = fleet("turned-unbound", "IRSA").await?;
    let fault = Fault::on("CreatePodIdentityAssociation").about("turned-unbound/orders");
    let fault = scene.stage.bed.gateway.faults().add(fault.fails(
        503,
        "ServiceUnavailable",
        "Service is unavailable.",
    ));
    let guard = Guard::over(&scene);
    scene.apply("orders", plain("PodIdentity", "Rollout")).await?;
    until_stage(&scene, "Switching").await?;
    change(&scene, plain("IRSA", "Never")).await?;
    guard.finish().await?;
    fault.remove();
    only_irsa(&scene, STS_AUDIENCE).await
}

/// Pods have the old binding, so the association is deleted without a loss of access.
#[tokio::test]
async fn revert_before_first_new_pod_removes_association() -> Result<()> {
    let scene = fleet("turned-settling", "IRSA").await?;
    let guard = Guard::over(&scene);
    scene.apply("orders", plain("PodIdentity", "Never")).await?;
    let bound = |object: &lanyard_api::WorkloadIdentity| {
        let found = condition(object, "Transitioning");
        found.is_some_and(|found| ["Settling", "Draining"].contains(&found.reason.as_str()))
    };
    scene.until("orders", "bound", bound).await?;
    scene.apply("orders", plain("IRSA", "Rollout")).await?;
    until_done(&scene).await?;
    guard.finish().await?;
    only_irsa(&scene, STS_AUDIENCE).await
}

/// Some pods have the new binding and are restarted, which is the way back to IRSA.
#[tokio::test]
async fn revert_during_drain_restarts_pods() -> Result<()> {
    let scene = fleet("turned-draining", "IRSA").await?;
    bare_pod(&scene, "by-hand").await?;
    scene.apply("orders", plain("PodIdentity", "Never")).await?;
    until_stage(&scene, "Draining").await?;
    replace_all(&scene).await?;
    scene.apply("orders", plain("IRSA", "Rollout")).await?;
    until_done(&scene).await?;
    only_irsa(&scene, STS_AUDIENCE).await
}

/// The change was not approved, so the association stays and no pod lost access.
#[tokio::test]
async fn revert_before_approval_keeps_association() -> Result<()> {
    let scene = fleet("turned-consent", "PodIdentity").await?;
    let guard = Guard::over(&scene);
    scene.apply("orders", plain("IRSA", "Never")).await?;
    let object = until_stage(&scene, "ApprovalRequired").await?;
    condition(&object, "Stalled").context("Stalled")?;
    let before = scene.aws.associations("turned-consent", "orders").await?;
    change(&scene, plain("PodIdentity", "Never")).await?;
    guard.finish().await?;
    ensure!(scene.aws.associations("turned-consent", "orders").await? == before);
    only_pod_identity(&scene, Form::Tagged).await
}

/// The association is created again. Pods from the time between are served by IRSA until they are replaced.
#[tokio::test]
async fn revert_after_unbinding_recreates_association() -> Result<()> {
    let scene = fleet("turned-unbinding", "PodIdentity").await?;
    bare_pod(&scene, "by-hand").await?;
    scene.apply("orders", plain("IRSA", "Never")).await?;
    approve(&scene).await?;
    until_stage(&scene, "Draining").await?;
    ensure!(
        scene
            .aws
            .associations("turned-unbinding", "orders")
            .await?
            .is_empty()
    );
    replace_all(&scene).await?;
    scene.apply("orders", plain("PodIdentity", "Rollout")).await?;
    until_stage(&scene, "Settling").await?;
    let guard = Guard::over(&scene);
    until_done(&scene).await?;
    guard.finish().await?;
    only_pod_identity(&scene, Form::Tagged).await
}
