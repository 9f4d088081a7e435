//! Proves which class an identity follows, that followed classes keep their finalizer, and that the counts in their status
//! are right. Does I/O.

use anyhow::{Context, Result, ensure};
use kube::ResourceExt;
use kube::api::DeleteParams;
use kube::runtime::conditions;
use kube::runtime::wait::await_condition;
use lanyard_tests::{PATIENCE, condition, holds, put_class, with};
use serde_json::json;

use crate::platform::{allowing, classes, stage, total, until};

#[tokio::test]
async fn default_class_is_followed_counted_and_kept() -> Result<()> {
    let stage = stage().await?;
    let scene = stage.scene("shop").await?;
    put_class(&scene.client, "platform", true, allowing(&[])).await?;
    let spec = json!({"method": "PodIdentity", "role": {"managed": {}}});
    scene.apply("orders", spec).await?;
    let ready = scene.until_ready("orders").await?;
    let status = ready.status.context("a status")?;
    ensure!(status.class_name.as_deref() == Some("platform"));
    let class = until(&scene, "platform", "counted", |class| {
        let identities = class
            .status
            .as_ref()
            .and_then(|status| status.identities.as_ref());
        identities.is_some_and(|identities| (identities.total, identities.ready) == (1, 1))
    })
    .await?;
    ensure!(!class.finalizers().is_empty(), "{:?}", class.metadata);

    // A deleted class stays while identities follow it, and they keep working.
    classes(&scene)
        .delete("platform", &DeleteParams::default())
        .await?;
    until(&scene, "platform", "being deleted", |class| {
        let said = class.status.iter().flat_map(|status| &status.conditions);
        said.into_iter().any(|said| said.reason == "Deleting")
    })
    .await?;
    // A class that is being deleted accepts no new identity, neither by default nor by name.
    let silent = json!({"method": "PodIdentity", "role": {"managed": {}}});
    let outspoken = with(silent.clone(), json!({"className": "platform"}));
    for (name, spec) in [("late", outspoken), ("silent", silent)] {
        scene.apply(name, spec).await?;
        scene.until_is(name, "Stalled", "True", "ClassDeleting").await?;
    }
    scene.reconciled("orders").await?;
    scene.until_ready("orders").await?;
    scene.delete("orders").await?;
    let uid = class.uid().context("uid")?;
    let gone = await_condition(classes(&scene), "platform", conditions::is_deleted(&uid));
    tokio::time::timeout(PATIENCE, gone).await??;
    stage.bed.stop().await
}

#[tokio::test]
async fn missing_default_class_is_awaited_and_reported() -> Result<()> {
    let stage = stage().await?;
    let scene = stage.scene("shop").await?;
    put_class(&scene.client, "one", false, allowing(&[])).await?;
    let spec = json!({"method": "PodIdentity", "role": {"managed": {"name": "waits"}}});
    scene
        .apply(
            "orders",
            json!({"method": "PodIdentity", "role": {"managed": {}}}),
        )
        .await?;
    scene
        .until_is("orders", "Stalled", "True", "NoDefaultClass")
        .await?;
    put_class(&scene.client, "one", true, allowing(&[])).await?;
    put_class(&scene.client, "two", true, allowing(&[])).await?;
    scene.apply("bills", spec).await?;
    scene
        .until_is("bills", "Stalled", "True", "SeveralDefaultClasses")
        .await?;
    ensure!(!scene.aws.has_role("waits").await?);
    // An identity that names its class is not affected, and identities follow a new default without a change of their own.
    put_class(&scene.client, "two", false, allowing(&[])).await?;
    scene.until_is("bills", "Stalled", "True", "Forbidden").await?;
    scene.until_ready("orders").await?;
    stage.bed.stop().await
}

#[tokio::test]
async fn forbidden_spec_names_rule_until_class_allows_it() -> Result<()> {
    let stage = stage().await?;
    let scene = stage.scene("shop").await?;
    put_class(&scene.client, "platform", true, allowing(&[])).await?;
    let mark = stage.bed.gateway.ledger().mark();
    let spec =
        json!({"method": "PodIdentity", "role": {"managed": {"policyArns": [crate::platform::POLICY]}}});
    scene.apply("orders", spec).await?;
    let object = scene.until_is("orders", "Stalled", "True", "Forbidden").await?;
    let message = condition(&object, "Stalled").context("Stalled")?.message;
    holds(
        &message,
        &[
            "spec.role.managed.policyArns[0]",
            crate::platform::POLICY,
            "platform",
            "policyArns",
        ],
    )?;
    let writes = stage.bed.gateway.ledger().since(mark).to_aws().writes();
    ensure!(writes.is_empty(), "{writes}");
    ensure!(
        object.finalizers().is_empty(),
        "an object without resources needs no finalizer"
    );
    put_class(
        &scene.client,
        "platform",
        true,
        allowing(&[crate::platform::POLICY]),
    )
    .await?;
    scene.until_ready("orders").await?;
    until(&scene, "platform", "counted", |class| total(class) == 1).await?;
    stage.bed.stop().await
}
