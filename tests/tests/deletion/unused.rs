//! Proves `DeleteWhenUnused`: all resources stay as long as a pod uses the ServiceAccount. Does I/O.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, PostParams};
use lanyard_tests::{TestNamespace, condition, with};
use serde_json::json;

use crate::resources::{begin_deletion, nothing_left, spec};
use crate::stage;

async fn pod(scene: &TestNamespace<'_>, name: &str) -> Result<Api<Pod>> {
    let pods: Api<Pod> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let pod = serde_json::from_value(json!({"metadata": {"name": name}, "spec": {
        "serviceAccountName": "orders", "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "app", "image": "app"}]}}))?;
    pods.create(&PostParams::default(), &pod).await?;
    Ok(pods)
}

/// An identity whose ServiceAccount two pods use and which is being deleted.
async fn held(namespace: &str) -> Result<(TestNamespace<'static>, Api<Pod>)> {
    let scene = stage().await?.scene(namespace).await?;
    let when_unused = with(
        spec(namespace, "PodIdentity"),
        json!({"deletionPolicy": "DeleteWhenUnused"}),
    );
    scene.apply("orders", when_unused).await?;
    scene.until_ready("orders").await?;
    let pods = pod(&scene, "one").await?;
    pod(&scene, "two").await?;
    begin_deletion(&scene, "orders").await?;
    let object = scene.until_is("orders", "Reconciling", "True", "InUse").await?;
    let message = condition(&object, "Reconciling").context("Reconciling")?.message;
    ensure!(message.contains("while 2 pods use"), "{message}");
    Ok((scene, pods))
}

#[tokio::test]
async fn last_pod_is_verified_by_list_before_removal() -> Result<()> {
    let (scene, pods) = held("unused").await?;
    let ledger = scene.stage.bed.gateway.ledger();
    pods.delete("one", &DeleteParams::default()).await?;
    let one_left = |object: &_| {
        condition(object, "Reconciling").is_some_and(|found| found.message.contains("while 1 pod uses"))
    };
    scene.until("orders", "used by one pod", one_left).await?;
    ensure!(scene.aws.has_role("unused").await?);
    ensure!(scene.aws.associations("unused", "orders").await?.len() == 1);
    let one_left = ledger.mark();
    pods.delete("two", &DeleteParams::default()).await?;
    scene.until_gone("orders").await?;
    ensure!(nothing_left(&scene, "orders", "unused").await?);

    // The reconciles that remove the rest list the pods again, so the first list counts.
    let calls = ledger.since(one_left);
    let (lists, removals) = (calls.of("list pods"), calls.of("DeletePodIdentityAssociation"));
    let listed = lists
        .about("unused")
        .entries()
        .iter()
        .map(|entry| entry.ended)
        .min();
    let removed = removals
        .about("unused/orders")
        .entries()
        .iter()
        .map(|entry| entry.began)
        .min();
    let (listed, removed) = (
        listed.context("no pod was listed")?,
        removed.context("not removed")?,
    );
    ensure!(listed < removed, "removed before the pods were listed: {calls}");
    Ok(())
}

#[tokio::test]
async fn changed_deletion_policy_ends_wait() -> Result<()> {
    let (scene, _) = held("without-retry").await?;
    let now = with(
        spec("without-retry", "PodIdentity"),
        json!({"deletionPolicy": "Delete"}),
    );
    scene.apply("orders", now).await?;
    scene.until_gone("orders").await?;
    ensure!(nothing_left(&scene, "orders", "without-retry").await?);
    Ok(())
}
