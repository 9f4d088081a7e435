//! Proves that a paused change makes no progress, whatever happens to pods, and continues where it stopped. Does I/O.

use anyhow::{Context, Result, ensure};
use lanyard_api::WorkloadIdentity;
use lanyard_tests::condition;
use serde_json::{Value, json};

use crate::change::{fleet, only_pod_identity, plain, spec, trust, until_done, until_stage};
use crate::fleet::replace_all;
use crate::guard::Guard;
use crate::trust::{Form, allows};

fn paused() -> Value {
    spec("PodIdentity", "Rollout", json!({"transition": {"paused": true}}))
}

#[tokio::test]
async fn paused_change_stops_and_resumes() -> Result<()> {
    let scene = fleet("paused", "IRSA").await?;
    let guard = Guard::over(&scene);
    scene.apply("orders", paused()).await?;
    let object = until_stage(&scene, "Paused").await?;
    ensure!(
        condition(&object, "Stalled").is_some(),
        "a paused change stays paused"
    );
    ensure!(scene.aws.associations("paused", "orders").await?.is_empty());
    scene.apply("orders", plain("PodIdentity", "Rollout")).await?;
    until_done(&scene).await?;
    guard.finish().await?;
    only_pod_identity(&scene, Form::Tagged).await
}

/// New pods have the requested binding: a pause of the remaining change does not make the object unready.
#[tokio::test]
async fn pause_during_drain_is_ready_and_keeps_old_binding() -> Result<()> {
    let scene = fleet("paused-draining", "IRSA").await?;
    let guard = Guard::over(&scene);
    scene.apply("orders", plain("PodIdentity", "Never")).await?;
    until_stage(&scene, "Draining").await?;
    scene.apply("orders", paused()).await?;
    let object = until_stage(&scene, "Paused").await?;
    let ready = condition(&object, "Ready").context("Ready")?;
    ensure!(ready.status == "True", "{ready:?}");
    for kind in ["Stalled", "Reconciling"] {
        ensure!(condition(&object, kind).is_none(), "{kind}");
    }

    replace_all(&scene).await?;
    let current = |object: &WorkloadIdentity| {
        let pods = object.status.as_ref().and_then(|status| status.pods.as_ref());
        pods.is_some_and(|pods| pods.stale == 0)
    };
    let object = scene.until("orders", "without a stale pod", current).await?;
    ensure!(condition(&object, "Transitioning").is_some_and(|found| found.reason == "Paused"));
    let trust = trust(&scene).await?;
    ensure!(allows(&trust, Form::WebIdentity), "{trust}");
    ensure!(
        scene
            .accounts()
            .get("orders")
            .await?
            .metadata
            .annotations
            .is_some()
    );

    scene.apply("orders", plain("PodIdentity", "Rollout")).await?;
    until_done(&scene).await?;
    guard.finish().await?;
    only_pod_identity(&scene, Form::Tagged).await
}
