//! A change of the binding from the user's perspective: a fleet with the old binding, a new spec, the stages, the approval
//! and the final state. Input: a namespace. Does I/O; waits only on conditions.

use anyhow::{Context, Result, ensure};
use kube::api::{Patch, PatchParams};
use lanyard_api::{ANNOTATION_APPROVE, WorkloadIdentity};
use lanyard_tests::{TestNamespace, condition, with};
use serde_json::{Value, json};

use crate::fleet::deploy;
use crate::guard::Guard;
use crate::pod_credentials::{PodCredentials, count};
use crate::trust::{Form, allows_only};
use crate::{LAG, stage};

/// The audience of IRSA where a spec names none.
pub const STS_AUDIENCE: &str = "sts.amazonaws.com";

/// A spec with a managed role and additional fields.
pub fn spec(method: &str, restart: &str, more: Value) -> Value {
    let spec = json!({"method": method, "podRestart": restart, "role": {"managed": {}}});
    with(spec, more)
}

/// A spec with a managed role and no additional fields.
pub fn plain(method: &str, restart: &str) -> Value {
    spec(method, restart, json!({}))
}

/// Creates a binding and a fleet whose pods all use it.
pub async fn fleet(namespace: &str, method: &str) -> Result<TestNamespace<'static>> {
    let scene = stage().await?.scene(namespace).await?;
    scene.account("orders").await?;
    scene.apply("orders", plain(method, "Never")).await?;
    scene.until_ready("orders").await?;
    // The webhook must know the binding when the first pod is created.
    tokio::time::sleep(LAG).await;
    deploy(&scene).await?;
    let count = count(&scene).await?;
    ensure!(!count.contains_key(&PodCredentials::Nothing), "{count:?}");
    Ok(scene)
}

/// Applies a change and waits for its end; no pod may lose access meanwhile.
pub async fn change(scene: &TestNamespace<'_>, spec: Value) -> Result<()> {
    let guard = Guard::over(scene);
    scene.apply("orders", spec).await?;
    until_done(scene).await?;
    guard.finish().await
}

/// Waits until the requested binding is in effect and nothing of the old one remains.
pub async fn until_done(scene: &TestNamespace<'_>) -> Result<WorkloadIdentity> {
    scene
        .until("orders", "free of a transition", |object| {
            let ready = condition(object, "Ready").is_some_and(|ready| ready.status == "True");
            let status = object.status.as_ref();
            let observed = status.and_then(|status| status.observed_generation) == object.metadata.generation;
            let moving = status.is_none_or(|status| status.transition.is_some());
            ready && observed && !moving
        })
        .await
}

/// Waits for a stage.
pub async fn until_stage(scene: &TestNamespace<'_>, stage: &str) -> Result<WorkloadIdentity> {
    until_message(scene, stage, "").await
}

/// Waits for a stage whose message contains these words.
pub async fn until_message(scene: &TestNamespace<'_>, stage: &str, words: &str) -> Result<WorkloadIdentity> {
    let reports = |object: &WorkloadIdentity| {
        let found = condition(object, "Transitioning");
        found.is_some_and(|found| found.reason == stage && found.message.contains(words))
    };
    scene.until("orders", &format!("{stage} {words}"), reports).await
}

/// The name of the role.
pub async fn role(scene: &TestNamespace<'_>) -> Result<String> {
    scene.role_of(&scene.identities().get("orders").await?)
}

/// The trust policy of the role.
pub async fn trust(scene: &TestNamespace<'_>) -> Result<Value> {
    scene.aws.trust(&role(scene).await?).await
}

/// Approves the change as the condition describes.
pub async fn approve(scene: &TestNamespace<'_>) -> Result<()> {
    let object = until_stage(scene, "ApprovalRequired").await?;
    let transition = object
        .status
        .and_then(|status| status.transition)
        .context("a transition")?;
    let token = transition.approval_token.context("a token")?;
    let patch = json!({"metadata": {"annotations": {ANNOTATION_APPROVE: token}}});
    scene
        .identities()
        .patch("orders", &PatchParams::default(), &Patch::Merge(&patch))
        .await?;
    Ok(())
}

/// Checks that every pod uses Pod Identity and nothing of IRSA remains.
pub async fn only_pod_identity(scene: &TestNamespace<'_>, form: Form) -> Result<()> {
    let count = count(scene).await?;
    ensure!(
        count
            .keys()
            .all(|carried| *carried == PodCredentials::PodIdentity),
        "{count:?}"
    );
    let annotations = scene.accounts().get("orders").await?.metadata.annotations;
    ensure!(annotations.is_none(), "{annotations:?}");
    let associations = scene.aws.associations(&scene.namespace, "orders").await?;
    ensure!(associations.len() == 1, "{associations:?}");
    let trust = trust(scene).await?;
    ensure!(allows_only(&trust, form), "{trust}");
    Ok(())
}

/// Checks that every pod uses this role and audience by IRSA, and nothing of Pod Identity remains.
pub async fn only_irsa(scene: &TestNamespace<'_>, audience: &str) -> Result<()> {
    let (count, role) = (count(scene).await?, role(scene).await?);
    let right = |carried: &PodCredentials| match carried {
        PodCredentials::WebIdentity {
            role: arn,
            audience: to,
        } => arn.ends_with(&format!("/{role}")) && to == audience,
        PodCredentials::PodIdentity | PodCredentials::Nothing => false,
    };
    ensure!(count.keys().all(right), "{count:?}");
    let associations = scene.aws.associations(&scene.namespace, "orders").await?;
    ensure!(associations.is_empty(), "{associations:?}");
    let trust = scene.aws.trust(&role).await?;
    ensure!(allows_only(&trust, Form::WebIdentity), "{trust}");
    ensure!(trust.to_string().contains(audience), "{trust}");
    Ok(())
}
