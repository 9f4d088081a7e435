//! Proves changes from one method to the other: by rollout, by ordinary replacement of pods, and back with approval. Does
//! I/O.

use anyhow::{Context, Result, ensure};
use lanyard_tests::condition;

use crate::change::{
    STS_AUDIENCE, approve, change, fleet, only_irsa, only_pod_identity, plain, until_done, until_stage,
};
use crate::fleet::replace_all;
use crate::guard::Guard;
use crate::trust::Form;

#[tokio::test]
async fn irsa_to_pod_identity_by_rollout() -> Result<()> {
    let scene = fleet("to-pods-rollout", "IRSA").await?;
    change(&scene, plain("PodIdentity", "Rollout")).await?;
    only_pod_identity(&scene, Form::Tagged).await
}

#[tokio::test]
async fn irsa_to_pod_identity_by_pod_churn() -> Result<()> {
    let scene = fleet("to-pods-churn", "IRSA").await?;
    let guard = Guard::over(&scene);
    scene.apply("orders", plain("PodIdentity", "Never")).await?;
    let object = until_stage(&scene, "Draining").await?;
    let ready = condition(&object, "Ready").context("Ready")?;
    ensure!(
        ready.status == "True",
        "a change that only waits for old pods is ready: {ready:?}"
    );
    replace_all(&scene).await?;
    until_done(&scene).await?;
    guard.finish().await?;
    only_pod_identity(&scene, Form::Tagged).await
}

#[tokio::test]
async fn pod_identity_to_irsa_requires_approval_and_awaits_pods() -> Result<()> {
    let scene = fleet("to-irsa-consent", "PodIdentity").await?;
    scene.apply("orders", plain("IRSA", "Never")).await?;
    let guard = Guard::over(&scene);
    let object = until_stage(&scene, "ApprovalRequired").await?;
    let message = condition(&object, "Stalled").context("Stalled")?.message;
    ensure!(message.contains("lanyard.dev/approve="), "{message}");
    ensure!(scene.aws.associations("to-irsa-consent", "orders").await?.len() == 1);
    guard.finish().await?;
    approve(&scene).await?;
    until_stage(&scene, "Draining").await?;
    replace_all(&scene).await?;
    until_done(&scene).await?;
    only_irsa(&scene, STS_AUDIENCE).await
}

#[tokio::test]
async fn pod_identity_to_irsa_by_rollout() -> Result<()> {
    let scene = fleet("to-irsa-rollout", "PodIdentity").await?;
    scene.apply("orders", plain("IRSA", "Rollout")).await?;
    until_done(&scene).await?;
    only_irsa(&scene, STS_AUDIENCE).await
}
