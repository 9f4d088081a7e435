//! Changes of the binding on workloads that really roll: the pods are made by the control plane, get what a pod webhook
//! gives them, late, and AWS is ministack. Needs the test bed; does I/O.
//!
//! The times of a change are shortened, and stay longer than the webhook's lag. All tests share one stage.

mod fleet;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kube::api::{Patch, PatchParams};
use lanyard_api::WorkloadIdentity;
use lanyard_testkit::webhook::Lag;
use lanyard_tests::{Scene, Stage, StageOptions, condition};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use fleet::{Carries, Guard, count, deploy, federated, replace_all, statements};

const LAG: Duration = Duration::from_millis(700);
const TIMINGS: &str = "settle=3s,step=200ms,waiting=1s,margin=1s,cached=5s";

async fn stage() -> Result<&'static Stage> {
    static STAGE: OnceCell<Stage> = OnceCell::const_new();
    STAGE
        .get_or_try_init(|| async {
            let options = StageOptions {
                timings: TIMINGS,
                ..StageOptions::default()
            };
            let stage = Stage::set(env!("CARGO_BIN_EXE_lanyard-under-test"), options).await?;
            stage.bed.set_webhook_lag(Lag {
                association: LAG,
                annotation: LAG,
            })?;
            anyhow::Ok(stage)
        })
        .await
}

fn spec(method: &str, restart: &str, role: Value) -> Value {
    json!({"method": method, "podRestart": restart, "role": {"managed": role}})
}

/// A binding in effect and a fleet whose pods all carry it.
async fn fleet(namespace: &str, method: &str) -> Result<Scene<'static>> {
    let scene = stage().await?.scene(namespace).await?;
    scene.account("orders").await?;
    scene.apply("orders", spec(method, "Never", json!({}))).await?;
    scene.until_ready("orders").await?;
    tokio::time::sleep(LAG).await;
    deploy(&scene).await?;
    let count = count(&scene).await?;
    ensure!(!count.contains_key(&Carries::Nothing), "{count:?}");
    Ok(scene)
}

async fn until_done(scene: &Scene<'_>) -> Result<WorkloadIdentity> {
    scene
        .until("orders", "done with its change", |object| {
            let ready = condition(object, "Ready").is_some_and(|ready| ready.status == "True");
            let status = object.status.as_ref();
            let observed = status.and_then(|status| status.observed_generation) == object.metadata.generation;
            let moving = status.is_none_or(|status| status.transition.is_some());
            ready && observed && !moving
        })
        .await
}

async fn until_stage(scene: &Scene<'_>, stage: &str) -> Result<WorkloadIdentity> {
    scene
        .until("orders", stage, |object| {
            condition(object, "Transitioning").is_some_and(|found| found.reason == stage)
        })
        .await
}

async fn role(scene: &Scene<'_>) -> Result<String> {
    scene.role_of(&scene.identities().get("orders").await?)
}

/// Does what the condition asks for.
async fn agree(scene: &Scene<'_>) -> Result<()> {
    let object = until_stage(scene, "ConsentNeeded").await?;
    let transition = object
        .status
        .and_then(|status| status.transition)
        .context("a transition")?;
    let token = transition.consent.context("a token")?;
    let patch = json!({"metadata": {"annotations": {"lanyard.dev/consent": token}}});
    scene
        .identities()
        .patch("orders", &PatchParams::default(), &Patch::Merge(&patch))
        .await?;
    Ok(())
}

async fn only_pod_identity(scene: &Scene<'_>) -> Result<()> {
    let count = count(scene).await?;
    ensure!(
        count.keys().all(|carried| *carried == Carries::PodIdentity),
        "{count:?}"
    );
    let account = scene.accounts().get("orders").await?;
    ensure!(
        account.metadata.annotations.is_none(),
        "{:?}",
        account.metadata.annotations
    );
    let trust = scene.aws.trust(&role(scene).await?).await?;
    ensure!(statements(&trust).len() == 1 && !federated(&trust), "{trust}");
    Ok(())
}

async fn only_irsa(scene: &Scene<'_>, role: &str) -> Result<()> {
    let count = count(scene).await?;
    let right = |carried: &Carries| matches!(carried, Carries::WebIdentity(arn) if arn.ends_with(&format!("/{role}")));
    ensure!(count.keys().all(right), "{count:?}");
    ensure!(
        scene
            .aws
            .associations(&scene.namespace, "orders")
            .await?
            .is_empty()
    );
    let trust = scene.aws.trust(role).await?;
    ensure!(statements(&trust).len() == 1 && federated(&trust), "{trust}");
    Ok(())
}

#[tokio::test]
async fn to_pod_identity_by_rollout() -> Result<()> {
    let scene = fleet("to-pods-rollout", "IRSA").await?;
    let guard = Guard::over(&scene);
    scene
        .apply("orders", spec("PodIdentity", "Rollout", json!({})))
        .await?;
    until_done(&scene).await?;
    guard.found_nothing()?;
    only_pod_identity(&scene).await
}

#[tokio::test]
async fn to_pod_identity_by_ordinary_churn() -> Result<()> {
    let scene = fleet("to-pods-churn", "IRSA").await?;
    let guard = Guard::over(&scene);
    scene
        .apply("orders", spec("PodIdentity", "Never", json!({})))
        .await?;
    let object = until_stage(&scene, "Draining").await?;
    let ready = condition(&object, "Ready").context("Ready")?;
    ensure!(
        ready.status == "True",
        "a change that only waits for old pods is ready: {ready:?}"
    );
    replace_all(&scene).await?;
    until_done(&scene).await?;
    guard.found_nothing()?;
    only_pod_identity(&scene).await
}

#[tokio::test]
async fn back_to_irsa_waits_for_consent_and_then_for_the_pods() -> Result<()> {
    let scene = fleet("to-irsa-consent", "PodIdentity").await?;
    scene.apply("orders", spec("IRSA", "Never", json!({}))).await?;
    let guard = Guard::over(&scene);
    let object = until_stage(&scene, "ConsentNeeded").await?;
    let message = condition(&object, "Stalled").context("Stalled")?.message;
    ensure!(message.contains("lanyard.dev/consent="), "{message}");
    ensure!(scene.aws.associations("to-irsa-consent", "orders").await?.len() == 1);
    guard.found_nothing()?;
    agree(&scene).await?;
    until_stage(&scene, "Draining").await?;
    replace_all(&scene).await?;
    until_done(&scene).await?;
    only_irsa(&scene, &role(&scene).await?).await
}

#[tokio::test]
async fn back_to_irsa_by_rollout() -> Result<()> {
    let scene = fleet("to-irsa-rollout", "PodIdentity").await?;
    scene.apply("orders", spec("IRSA", "Rollout", json!({}))).await?;
    until_done(&scene).await?;
    only_irsa(&scene, &role(&scene).await?).await
}

#[tokio::test]
async fn to_another_role_and_nothing_of_the_first_is_left() -> Result<()> {
    let scene = fleet("another-role", "IRSA").await?;
    let before = role(&scene).await?;
    let guard = Guard::over(&scene);
    scene
        .apply(
            "orders",
            spec("IRSA", "Rollout", json!({"name": "another-role-b"})),
        )
        .await?;
    until_done(&scene).await?;
    guard.found_nothing()?;
    only_irsa(&scene, "another-role-b").await?;
    ensure!(!scene.aws.has_role(&before).await?, "{before} is left");
    Ok(())
}

#[tokio::test]
async fn another_role_by_pod_identity_waits_for_cached_sessions() -> Result<()> {
    let scene = fleet("another-role-pods", "PodIdentity").await?;
    let before = role(&scene).await?;
    scene
        .apply(
            "orders",
            spec("PodIdentity", "Never", json!({"name": "another-role-pods-b"})),
        )
        .await?;
    until_stage(&scene, "Draining").await?;
    ensure!(
        scene.aws.has_role(&before).await?,
        "pods may hold sessions of {before}"
    );
    until_done(&scene).await?;
    ensure!(!scene.aws.has_role(&before).await?, "{before} is left");
    only_pod_identity(&scene).await
}

#[tokio::test]
async fn a_change_can_be_paused_and_goes_on() -> Result<()> {
    let scene = fleet("paused", "IRSA").await?;
    let guard = Guard::over(&scene);
    let mut paused = spec("PodIdentity", "Rollout", json!({}));
    paused["transition"] = json!({"paused": true});
    scene.apply("orders", paused).await?;
    until_stage(&scene, "Paused").await?;
    ensure!(scene.aws.associations("paused", "orders").await?.is_empty());
    scene
        .apply("orders", spec("PodIdentity", "Rollout", json!({})))
        .await?;
    until_done(&scene).await?;
    guard.found_nothing()?;
    only_pod_identity(&scene).await
}

#[tokio::test]
async fn a_change_can_be_turned_back_half_way() -> Result<()> {
    let scene = fleet("turned-back", "IRSA").await?;
    scene
        .apply("orders", spec("PodIdentity", "Never", json!({})))
        .await?;
    until_stage(&scene, "Draining").await?;
    scene.apply("orders", spec("IRSA", "Rollout", json!({}))).await?;
    until_done(&scene).await?;
    only_irsa(&scene, &role(&scene).await?).await
}

#[tokio::test]
async fn what_nobody_replaces_is_named_and_waited_for() -> Result<()> {
    let scene = fleet("bare", "IRSA").await?;
    fleet::bare_pod(&scene, "by-hand").await?;
    let guard = Guard::over(&scene);
    scene
        .apply("orders", spec("PodIdentity", "Rollout", json!({})))
        .await?;
    let named = |object: &WorkloadIdentity| {
        let found = condition(object, "Transitioning");
        found.is_some_and(|found| found.message.contains("1 older") && found.message.contains("bare pods"))
    };
    scene
        .until("orders", "waiting for the bare pod alone", named)
        .await?;
    let role = role(&scene).await?;
    ensure!(
        federated(&scene.aws.trust(&role).await?),
        "the bare pod still needs its trust"
    );
    fleet::delete_pod(&scene, "by-hand").await?;
    until_done(&scene).await?;
    guard.found_nothing()?;
    only_pod_identity(&scene).await
}
