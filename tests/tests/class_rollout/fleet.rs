//! Proves that identities follow a change of the class's default method a few at a time. Does I/O.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use kube::Api;
use kube::api::{DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, watcher};
use lanyard_api::WorkloadIdentityClass;
use lanyard_api::class::TransitionsStatus;
use lanyard_core::model::spec::Method;
use lanyard_testkit::gateway::Fault;
use lanyard_tests::{PATIENCE, TestNamespace, put_class, with};
use serde_json::{Value, json};

use crate::platform::{allowing, classes, stage, until, until_within};

/// The number of identities and the maximum number of concurrent transitions. `cargo xtask test --all` uses two hundred
/// identities.
fn size() -> (usize, i64) {
    if std::env::var_os("LANYARD_TEST_ALL").is_some() {
        (200, 20)
    } else {
        (8, 3)
    }
}

fn class(method: &str, queue: Value) -> Value {
    let defaults = json!({"method": method, "podRestart": "Rollout"});
    with(allowing(&[]), json!({"defaults": defaults, "transition": queue}))
}

fn transitions(class: &WorkloadIdentityClass) -> TransitionsStatus {
    let status = class.status.as_ref().and_then(|status| status.transitions);
    status.unwrap_or_default()
}

/// Returns the number of identities whose method in effect is `method`, or 0 while a transition waits, runs or failed.
fn steady_count(class: &WorkloadIdentityClass, method: &str) -> i64 {
    let idle = transitions(class) == TransitionsStatus::default();
    let identities = class
        .status
        .as_ref()
        .and_then(|status| status.identities.as_ref());
    let method = if method == "IRSA" {
        Method::Irsa
    } else {
        Method::PodIdentity
    };
    identities
        .filter(|_| idle)
        .map_or(0, |identities| identities.count_of(method))
}

async fn deploy(scene: &TestNamespace<'_>, name: &str) -> Result<()> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", "Deployment"));
    let labels = json!({"app": name});
    let pod = json!({"serviceAccountName": name, "terminationGracePeriodSeconds": 1, "containers": [{"name": "app", "image": "app"}]});
    let mut object = DynamicObject::new(name, &resource);
    object.data = json!({"spec": {"replicas": 1, "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod}}});
    let api: Api<DynamicObject> = Api::namespaced_with(scene.client.clone(), &scene.namespace, &resource);
    api.create(&PostParams::default(), &object).await?;
    Ok(())
}

/// Creates identities with one pod each, steady and bound by IRSA.
async fn fleet(scene: &TestNamespace<'_>, size: usize) -> Result<i64> {
    let names: Vec<String> = (0..size).map(|number| format!("app-{number}")).collect();
    let spec = json!({"serviceAccount": {"create": true}, "role": {"managed": {}}});
    for name in &names {
        scene.apply(name, spec.clone()).await?;
    }
    for name in &names {
        scene.until_ready(name).await?;
        deploy(scene, name).await?;
    }
    for name in &names {
        scene
            .until(name, "used by its pod", |object| {
                lanyard_tests::condition(object, "PodsCurrent")
                    .is_some_and(|said| said.status == "True" && !said.message.starts_with("No pod"))
            })
            .await?;
    }
    let all = i64::try_from(size)?;
    until_steady(scene, "IRSA", all).await?;
    Ok(all)
}

/// Waits until all identities are bound by a method. The timeout depends on their number.
async fn until_steady(scene: &TestNamespace<'_>, method: &str, all: i64) -> Result<()> {
    let begun = std::time::Instant::now();
    let what = format!("at rest by {method}");
    let steady = |class: &WorkloadIdentityClass| steady_count(class, method) == all;
    let patience = PATIENCE * u32::try_from(3.max(all / 10))?;
    until_within(scene, "platform", &what, patience, steady).await?;
    let elapsed = begun.elapsed().as_secs_f32();
    // `println` would be captured by the test harness.
    writeln!(std::io::stderr(), "  {all} {what} after {elapsed:.1} s").context("printing the progress")
}

/// Records the highest number of concurrent transitions.
fn most_at_once(scene: &TestNamespace<'_>) -> (Arc<AtomicI64>, tokio::task::JoinHandle<()>) {
    let most = Arc::new(AtomicI64::new(0));
    let events = watcher(scene.identities(), watcher::Config::default()).default_backoff();
    let seen = Arc::clone(&most);
    let watching = tokio::spawn(async move {
        let mut running = std::collections::BTreeSet::new();
        let mut objects = std::pin::pin!(events.applied_objects());
        while let Some(event) = objects.next().await {
            // The watcher tries again after an error.
            let Ok(object) = event else { continue };
            let name = object.metadata.name.clone().unwrap_or_default();
            let moves = object
                .status
                .as_ref()
                .is_some_and(|status| status.transition.is_some());
            if moves {
                running.insert(name);
            } else {
                running.remove(&name);
            }
            let now = i64::try_from(running.len()).unwrap_or(i64::MAX);
            seen.fetch_max(now, Ordering::SeqCst);
        }
    });
    (most, watching)
}

#[tokio::test]
async fn default_method_change_rolls_out_gradually_and_reverts() -> Result<()> {
    let stage = stage().await?;
    let scene = stage.scene("shop").await?;
    let (size, at_once) = size();
    let put = async |method: &str, paused: bool| {
        let queue = json!({"maxConcurrent": at_once, "paused": paused});
        put_class(&scene.client, "platform", true, class(method, queue)).await
    };
    put("IRSA", false).await?;
    let all = fleet(&scene, size).await?;
    let (most, watching) = most_at_once(&scene);

    // Paused during the rollout: running transitions finish and no other begins.
    put("PodIdentity", false).await?;
    until(&scene, "platform", "on its way, with some that wait", |class| {
        let moving = transitions(class);
        moving.running > 0 && moving.waiting > 0
    })
    .await?;
    put("PodIdentity", true).await?;
    let held = until(&scene, "platform", "held in the midst", |class| {
        let moving = transitions(class);
        moving.running == 0 && moving.waiting > 0
    })
    .await?;
    let held = held.status.context("a status")?;
    let message = &held.conditions.first().context("a condition")?.message;
    ensure!(message.contains("spec.transition.paused is true"), "{message}");
    let identities = held.identities.context("counts")?;
    let both = [Method::Irsa, Method::PodIdentity].map(|method| identities.count_of(method));
    ensure!(both.iter().all(|count| *count > 0), "{identities:?}");

    // Reverted during the rollout, then applied completely.
    put("IRSA", false).await?;
    until_steady(&scene, "IRSA", all).await?;
    put("PodIdentity", false).await?;
    until_steady(&scene, "PodIdentity", all).await?;
    watching.abort();
    let most = most.load(Ordering::SeqCst);
    ensure!((1..=at_once).contains(&most), "{most} at once");

    // Paused before the change: no transition begins. After the revert there is nothing to do.
    put("IRSA", true).await?;
    until(&scene, "platform", "waiting as a whole", |class| {
        let moving = transitions(class);
        (moving.waiting, moving.running) == (all, 0)
    })
    .await?;
    put("PodIdentity", false).await?;
    until_steady(&scene, "PodIdentity", all).await?;
    stage.bed.stop().await
}

/// The operator is killed at a write of a transition. Its successor counts the running transitions before it starts
/// another.
#[tokio::test]
async fn rollout_continues_after_operator_was_killed() -> Result<()> {
    let stage = stage().await?;
    let scene = stage.scene("shop").await?;
    let class = |method: &str| class(method, json!({"maxConcurrent": 2}));
    put_class(&scene.client, "platform", true, class("IRSA")).await?;
    let all = fleet(&scene, 5).await?;
    let (most, watching) = most_at_once(&scene);
    let killed = stage.kills_at(0, Fault::on("CreatePodIdentityAssociation").nth(2));
    put_class(&scene.client, "platform", true, class("PodIdentity")).await?;
    killed.await?;
    stage.succeed(crate::BINARY, "second").await?;
    until_steady(&scene, "PodIdentity", all).await?;
    watching.abort();
    let most = most.load(Ordering::SeqCst);
    ensure!((1..=2).contains(&most), "{most} at once");
    stage.bed.stop().await
}

#[tokio::test]
async fn failed_transition_pauses_rollout() -> Result<()> {
    let stage = stage().await?;
    let scene = stage.scene("shop").await?;
    put_class(
        &scene.client,
        "platform",
        true,
        class("IRSA", json!({"maxConcurrent": 1})),
    )
    .await?;
    let all = fleet(&scene, 4).await?;
    // Without its agent, Pod Identity gives no pod credentials.
    scene.aws.remove_agent().await?;
    put_class(
        &scene.client,
        "platform",
        true,
        class("PodIdentity", json!({"maxConcurrent": 1})),
    )
    .await?;
    let class = until(&scene, "platform", "halted", |class| {
        let moving = transitions(class);
        moving.failed == 1 && moving.waiting == all - 1
    })
    .await?;
    let status = class.status.context("a status")?;
    let message = &status.conditions.first().context("a condition")?.message;
    ensure!(
        message.contains("spec.transition.pauseAfterFailures"),
        "{message}"
    );
    let identities = status.identities.context("counts")?;
    ensure!(identities.count_of(Method::Irsa) == all, "{identities:?}");
    ensure!(classes(&scene).get("platform").await?.metadata.generation == Some(2));
    stage.bed.stop().await
}
