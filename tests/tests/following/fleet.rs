//! A fleet flip: a class's default method changes, and its identities follow a few at a time.

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
use lanyard_tests::{Scene, put_class, with};
use serde_json::{Value, json};

use crate::platform::{allowing, classes, stage, until};

/// How many identities flip; `cargo xtask test --all` takes two hundred.
fn size() -> usize {
    if std::env::var_os("LANYARD_TEST_ALL").is_some() {
        200
    } else {
        8
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

/// How many identities get their role by a method, with nothing under way.
fn at_rest(class: &WorkloadIdentityClass, method: &str) -> i64 {
    let idle = transitions(class) == TransitionsStatus::default();
    let identities = class.status.as_ref().and_then(|status| status.identities);
    let by = identities.filter(|_| idle).map(|identities| identities.by_method);
    by.map_or(0, |by| {
        if method == "IRSA" {
            by.irsa
        } else {
            by.pod_identity
        }
    })
}

async fn deploy(scene: &Scene<'_>, name: &str) -> Result<()> {
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

async fn fleet(scene: &Scene<'_>) -> Result<i64> {
    for number in 0..size() {
        let name = format!("app-{number}");
        scene
            .apply(
                &name,
                json!({"serviceAccount": {"create": true}, "role": {"managed": {}}}),
            )
            .await?;
    }
    let all = i64::try_from(size())?;
    for number in 0..size() {
        let name = format!("app-{number}");
        scene.until_ready(&name).await?;
        deploy(scene, &name).await?;
    }
    for number in 0..size() {
        scene
            .until(&format!("app-{number}"), "held by its pod", |object| {
                lanyard_tests::condition(object, "PodsCurrent")
                    .is_some_and(|said| said.status == "True" && !said.message.starts_with("No pod"))
            })
            .await?;
    }
    until(scene, "platform", "at rest by IRSA", |class| {
        at_rest(class, "IRSA") == all
    })
    .await?;
    Ok(all)
}

/// The most that were ever seen under way at once.
fn most_at_once(scene: &Scene<'_>) -> (Arc<AtomicI64>, tokio::task::JoinHandle<()>) {
    let most = Arc::new(AtomicI64::new(0));
    let events = watcher(scene.identities(), watcher::Config::default()).default_backoff();
    let seen = Arc::clone(&most);
    let watching = tokio::spawn(async move {
        let mut running = std::collections::BTreeSet::new();
        let mut objects = std::pin::pin!(events.applied_objects());
        while let Some(Ok(object)) = objects.next().await {
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
async fn a_fleet_changes_a_few_at_a_time_and_back_again() -> Result<()> {
    let stage = stage().await?;
    let scene = stage.scene("shop").await?;
    let queue = json!({"maxConcurrent": 3});
    put_class(&scene.client, "platform", true, class("IRSA", queue.clone())).await?;
    let all = fleet(&scene).await?;

    let (most, watching) = most_at_once(&scene);
    put_class(
        &scene.client,
        "platform",
        true,
        class("PodIdentity", queue.clone()),
    )
    .await?;
    until(&scene, "platform", "on its way, with some that wait", |class| {
        let moving = transitions(class);
        moving.running > 0 && moving.waiting > 0
    })
    .await?;
    until(&scene, "platform", "at rest by Pod Identity", |class| {
        at_rest(class, "PodIdentity") == all
    })
    .await?;
    watching.abort();
    let most = most.load(Ordering::SeqCst);
    ensure!((1..=3).contains(&most), "{most} at once");

    // Paused, nobody begins; turned back, nobody has anything to do.
    put_class(
        &scene.client,
        "platform",
        true,
        class("IRSA", json!({"maxConcurrent": 3, "paused": true})),
    )
    .await?;
    until(&scene, "platform", "waiting as a whole", |class| {
        let moving = transitions(class);
        (moving.waiting, moving.running) == (all, 0)
    })
    .await?;
    put_class(&scene.client, "platform", true, class("PodIdentity", queue)).await?;
    until(&scene, "platform", "at rest by Pod Identity again", |class| {
        at_rest(class, "PodIdentity") == all
    })
    .await?;
    stage.bed.stop().await
}

#[tokio::test]
async fn a_failure_keeps_the_others_from_beginning() -> Result<()> {
    let stage = stage().await?;
    let scene = stage.scene("shop").await?;
    put_class(
        &scene.client,
        "platform",
        true,
        class("IRSA", json!({"maxConcurrent": 1})),
    )
    .await?;
    let all = fleet(&scene).await?;
    // Without its agent, no pod would get anything from Pod Identity.
    let addon = scene.aws.eks.delete_addon().cluster_name("lanyard");
    addon.addon_name("eks-pod-identity-agent").send().await?;
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
    let identities = class
        .status
        .and_then(|status| status.identities)
        .context("counts")?;
    ensure!(identities.by_method.irsa == all, "{identities:?}");
    ensure!(classes(&scene).get("platform").await?.metadata.generation == Some(2));
    stage.bed.stop().await
}
