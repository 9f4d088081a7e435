//! Proves changes of role, audience, target role or session tags under the same method. Pods do not show all of these
//! values. Pods from before the change are replaced, and the old binding stays until then. Does I/O.

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use lanyard_tests::TestNamespace;
use serde_json::{Value, json};

use crate::CACHED;
use crate::change::{
    STS_AUDIENCE, change, fleet, only_irsa, only_pod_identity, role, spec, trust, until_done, until_stage,
};
use crate::fleet::{self as workloads, all};
use crate::guard::Guard;
use crate::trust::{Form, allows_only};

fn named(role: &str) -> Value {
    json!({"role": {"managed": {"name": role}}})
}

/// Applies a change by Pod Identity that Lanyard rolls out, and checks that it replaced every pod.
async fn change_with_rollout(scene: &TestNamespace<'_>, more: Value) -> Result<()> {
    let before = uids(scene).await?;
    change(scene, spec("PodIdentity", "Rollout", more)).await?;
    let after = uids(scene).await?;
    ensure!(
        before.is_disjoint(&after),
        "old pods may hold sessions of the old binding"
    );
    Ok(())
}

async fn uids(scene: &TestNamespace<'_>) -> Result<BTreeSet<String>> {
    let pods = all(scene).await?.into_iter();
    Ok(pods.filter_map(|pod| pod.metadata.uid).collect())
}

async fn target_of(scene: &TestNamespace<'_>) -> Result<Option<String>> {
    let association = scene.aws.association(&scene.namespace, "orders").await?;
    Ok(association.context("an association")?.target_role_arn)
}

#[tokio::test]
async fn role_change_removes_old_role() -> Result<()> {
    let scene = fleet("another-role", "IRSA").await?;
    let before = role(&scene).await?;
    change(&scene, spec("IRSA", "Rollout", named("another-role-b"))).await?;
    ensure!(role(&scene).await? == "another-role-b");
    only_irsa(&scene, STS_AUDIENCE).await?;
    ensure!(!scene.aws.has_role(&before).await?, "{before} still exists");
    Ok(())
}

#[tokio::test]
async fn pod_identity_role_change_rolls_out() -> Result<()> {
    let scene = fleet("another-role-rolled", "PodIdentity").await?;
    let before = role(&scene).await?;
    change_with_rollout(&scene, named("another-role-rolled-b")).await?;
    ensure!(role(&scene).await? == "another-role-rolled-b");
    only_pod_identity(&scene, Form::Tagged).await?;
    ensure!(!scene.aws.has_role(&before).await?, "{before} still exists");
    Ok(())
}

/// No controller replaces the pods: the old role stays exactly as long as they may hold sessions of it.
#[tokio::test]
async fn pod_identity_role_change_awaits_cached_sessions() -> Result<()> {
    let scene = fleet("another-role-pods", "PodIdentity").await?;
    let (before, asked) = (role(&scene).await?, Instant::now());
    change(&scene, spec("PodIdentity", "Never", named("another-role-pods-b"))).await?;
    ensure!(asked.elapsed() >= CACHED, "pods may hold sessions of {before}");
    ensure!(!scene.aws.has_role(&before).await?, "{before} still exists");
    only_pod_identity(&scene, Form::Tagged).await
}

#[tokio::test]
async fn audience_change_rolls_out() -> Result<()> {
    let scene = fleet("another-audience", "IRSA").await?;
    let irsa = json!({"irsa": {"audience": "sts.another.example"}});
    change(&scene, spec("IRSA", "Rollout", irsa)).await?;
    only_irsa(&scene, "sts.another.example").await
}

#[tokio::test]
async fn target_role_can_be_added_and_removed() -> Result<()> {
    let scene = fleet("another-target", "PodIdentity").await?;
    let target = "arn:aws:iam::111122223333:role/target";
    change_with_rollout(&scene, json!({"podIdentity": {"targetRoleArn": target}})).await?;
    ensure!(target_of(&scene).await?.as_deref() == Some(target));
    only_pod_identity(&scene, Form::Tagged).await?;
    change_with_rollout(&scene, json!({})).await?;
    ensure!(target_of(&scene).await?.is_none());
    only_pod_identity(&scene, Form::Tagged).await
}

/// The association without tags serves old pods too, so the role trusts sessions with tags no longer once it is in effect.
#[tokio::test]
async fn session_tags_can_be_disabled_and_enabled() -> Result<()> {
    let scene = fleet("session-tags", "PodIdentity").await?;
    workloads::bare_pod(&scene, "by-hand").await?;
    let guard = Guard::over(&scene);
    let untagged = json!({"podIdentity": {"disableSessionTags": true}});
    scene
        .apply("orders", spec("PodIdentity", "Rollout", untagged))
        .await?;
    until_stage(&scene, "Draining").await?;
    let trusted = trust(&scene).await?;
    ensure!(allows_only(&trusted, Form::Untagged), "{trusted}");
    workloads::delete_pod(&scene, "by-hand").await?;
    until_done(&scene).await?;
    guard.finish().await?;
    only_pod_identity(&scene, Form::Untagged).await?;
    change_with_rollout(&scene, json!({})).await?;
    only_pod_identity(&scene, Form::Tagged).await
}
