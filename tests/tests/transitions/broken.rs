//! Proves that a change stops, asks or names the cause where restarts cannot give pods the binding: a webhook that does not
//! answer, an owner that reverts its template, a disruption budget of zero, a volume that needs the annotation, and pods
//! that came before the binding. Does I/O.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::DeleteParams;
use lanyard_tests::{TestNamespace, condition, eventually};
use serde_json::json;

use crate::change::{
    STS_AUDIENCE, approve, fleet, only_irsa, only_pod_identity, plain, trust, until_done, until_message,
    until_stage,
};
use crate::fleet::{
    annotate_template, create, delete_pod, deploy, deploy_slow, deployments, pod_with_secrets, replace_of,
};
use crate::guard::Guard;
use crate::pod_credentials::{PodCredentials, count};
use crate::stage;
use crate::trust::{Form, allows};

pub const RESTARTED_FOR: &str = "lanyard.dev/restarted-for";
pub const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// The number of templates that a Deployment has had.
fn generation(deployment: &Deployment) -> i64 {
    deployment.metadata.generation.unwrap_or_default()
}

/// The first restarted workload gets pods without credentials. No other workload is restarted, and the change continues
/// after a user has repaired the webhook and restarted the workload.
#[tokio::test]
async fn silent_webhook_stops_restarts_after_first_workload() -> Result<()> {
    let scene = fleet("silent", "IRSA").await?;
    scene.apply("orders", plain("PodIdentity", "Rollout")).await?;
    until_stage(&scene, "Settling").await?;
    scene.stage.bed.set_webhook_silent("silent", true)?;
    let object = until_stage(&scene, "RestartIneffective").await?;
    let stalled = condition(&object, "Stalled").context("Stalled")?;
    ensure!(stalled.reason == "RestartIneffective", "{stalled:?}");
    ensure!(stalled.message.contains("DaemonSet agent"), "{stalled:?}");
    let carried = count(&scene).await?;
    let old = carried
        .iter()
        .filter(|(carried, _)| matches!(carried, PodCredentials::WebIdentity { .. }));
    ensure!(old.map(|(_, pods)| pods).sum::<usize>() == 4, "{carried:?}");
    ensure!(allows(&trust(&scene).await?, Form::WebIdentity));

    scene.stage.bed.set_webhook_silent("silent", false)?;
    replace_of(&scene, "agent").await?;
    until_done(&scene).await?;
    only_pod_identity(&scene, Form::Tagged).await
}

/// The owner of a Deployment takes the restart back before its rollout is complete. It is named and not restarted again.
#[tokio::test]
async fn reverted_template_is_restarted_once_and_named() -> Result<()> {
    let scene = fleet("reverts", "IRSA").await?;
    deploy_slow(&scene, "kept").await?;
    let guard = Guard::over(&scene);
    scene.apply("orders", plain("PodIdentity", "Rollout")).await?;
    let before = generation(&deployments(&scene).get("kept").await?);
    eventually("the Deployment is restarted", async || {
        Ok(is_marked(&deployments(&scene).get("kept").await?))
    })
    .await?;
    annotate_template(&scene, "kept", json!({RESTARTED_FOR: null, RESTARTED_AT: null})).await?;
    let named = "Workloads to be replaced by a user: Deployment kept (its owner reverts the pod template).";
    until_message(&scene, "Draining", named).await?;
    let kept = deployments(&scene).get("kept").await?;
    ensure!(!is_marked(&kept) && generation(&kept) == before + 2, "{kept:?}");
    deployments(&scene)
        .delete("kept", &DeleteParams::default())
        .await?;
    until_done(&scene).await?;
    guard.finish().await?;
    only_pod_identity(&scene, Form::Tagged).await
}

/// Returns true if Lanyard has restarted the Deployment.
pub fn is_marked(deployment: &Deployment) -> bool {
    let template = deployment.spec.as_ref().map(|spec| &spec.template);
    let metadata = template.and_then(|template| template.metadata.as_ref());
    let annotations = metadata.and_then(|metadata| metadata.annotations.as_ref());
    annotations.is_some_and(|annotations| annotations.contains_key(RESTARTED_FOR))
}

/// A budget that allows no disruption: the association stays until a user approves.
#[tokio::test]
async fn budget_of_zero_keeps_association_until_approved() -> Result<()> {
    let scene = fleet("budget", "PodIdentity").await?;
    budget(&scene, "queue").await?;
    let guard = Guard::over(&scene);
    scene.apply("orders", plain("IRSA", "Rollout")).await?;
    until_stage(&scene, "ApprovalRequired").await?;
    ensure!(scene.aws.associations("budget", "orders").await?.len() == 1);
    guard.finish().await?;
    approve(&scene).await?;
    until_message(
        &scene,
        "Draining",
        "waiting for a PodDisruptionBudget: StatefulSet queue",
    )
    .await?;
    replace_of(&scene, "queue").await?;
    until_done(&scene).await?;
    only_irsa(&scene, STS_AUDIENCE).await
}

/// Creates a budget that keeps every pod of a workload available, and waits until its status says so.
pub async fn budget(scene: &TestNamespace<'_>, app: &str) -> Result<()> {
    let spec = json!({"maxUnavailable": 0, "selector": {"matchLabels": {"app": app}}});
    create(scene, "policy", "PodDisruptionBudget", app, spec).await
}

/// The CSI driver of a volume reads the annotation, so that stays until a user approves, although all pods could move.
#[tokio::test]
async fn secrets_store_volume_requires_approval() -> Result<()> {
    let scene = fleet("secrets", "IRSA").await?;
    pod_with_secrets(&scene, "reader", "orders-db").await?;
    let guard = Guard::over(&scene);
    scene.apply("orders", plain("PodIdentity", "Rollout")).await?;
    let object = until_stage(&scene, "ApprovalRequired").await?;
    let stalled = condition(&object, "Stalled").context("Stalled")?;
    ensure!(
        stalled.message.contains("SecretProviderClass orders-db"),
        "{stalled:?}"
    );
    ensure!(scene.aws.associations("secrets", "orders").await?.is_empty());
    approve(&scene).await?;
    until_stage(&scene, "Draining").await?;
    delete_pod(&scene, "reader").await?;
    until_done(&scene).await?;
    guard.finish().await?;
    only_pod_identity(&scene, Form::Tagged).await
}

/// Pods that were created before the first binding carry nothing. Their workloads are restarted once.
#[tokio::test]
async fn pods_before_first_binding_are_restarted() -> Result<()> {
    let scene = stage().await?.scene("first").await?;
    scene.account("orders").await?;
    deploy(&scene).await?;
    let before = generation(&deployments(&scene).get("web").await?);
    scene.apply("orders", plain("PodIdentity", "Rollout")).await?;
    eventually("every pod carries Pod Identity", async || {
        let carried = count(&scene).await?;
        Ok(carried
            .keys()
            .all(|carried| *carried == PodCredentials::PodIdentity))
    })
    .await?;
    let web = deployments(&scene).get("web").await?;
    ensure!(is_marked(&web) && generation(&web) == before + 1, "{web:?}");
    scene.until_ready("orders").await?;
    ensure!(
        scene
            .identities()
            .get("orders")
            .await?
            .status
            .is_some_and(|status| status.transition.is_none())
    );
    Ok(())
}
