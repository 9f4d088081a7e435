//! Proves that identities of a narrowed or deleted class are kept in sync with what was last applied, and that nothing new
//! is applied. Does I/O.

use anyhow::{Context, Result, ensure};
use lanyard_tests::{condition, eventually, holds, put_class, with};
use serde_json::{Value, json};

use kube::ResourceExt;

use crate::platform::{POLICY, allowing, classes, stage, until};

const DENIED: &str = "arn:aws:iam::aws:policy/AmazonSQSFullAccess";

fn spec(policies: &[&str], description: &str) -> Value {
    json!({"method": "PodIdentity", "role": {"managed": {
        "description": description, "policyArns": policies,
    }}})
}

#[tokio::test]
async fn narrowed_class_keeps_binding_and_applies_nothing_new() -> Result<()> {
    let stage = stage().await?;
    let scene = stage.scene("shop").await?;
    put_class(&scene.client, "platform", true, allowing(&[POLICY])).await?;
    scene.apply("orders", spec(&[POLICY], "first")).await?;
    let ready = scene.until_ready("orders").await?;
    let role = scene.role_of(&ready)?;

    put_class(&scene.client, "platform", true, allowing(&[])).await?;
    let frozen = scene.until_is("orders", "Stalled", "True", "Forbidden").await?;
    let still = condition(&frozen, "Ready").context("Ready")?;
    ensure!(
        still.status == "True",
        "pods lost their binding: {}",
        still.message
    );

    // Lanyard repairs out-of-band changes in both directions. A reconciliation between the two edits would repair only one
    // of them.
    scene.reconciled("orders").await?;
    let iam = &scene.aws.iam;
    iam.detach_role_policy()
        .role_name(&role)
        .policy_arn(POLICY)
        .send()
        .await?;
    iam.attach_role_policy()
        .role_name(&role)
        .policy_arn(DENIED)
        .send()
        .await?;
    scene.request_reconcile("orders").await?;
    scene.until_repaired("orders").await?;
    ensure!(scene.aws.attached(&role).await? == [POLICY]);

    // A change of the spec waits, even if the class would allow that change by itself.
    scene.apply("orders", spec(&[POLICY], "second")).await?;
    let waits = scene.until_is("orders", "Ready", "False", "Forbidden").await?;
    let role_now = iam.get_role().role_name(&role).send().await?;
    let described = role_now.role().and_then(|role| role.description());
    ensure!(described == Some("first"), "{described:?} {waits:?}");
    put_class(&scene.client, "platform", true, allowing(&[POLICY])).await?;
    scene.until_ready("orders").await?;
    let role_now = iam.get_role().role_name(&role).send().await?;
    ensure!(role_now.role().and_then(|role| role.description()) == Some("second"));
    stage.bed.stop().await
}

#[tokio::test]
async fn forcibly_deleted_class_freezes_and_allows_deletion() -> Result<()> {
    let stage = stage().await?;
    let scene = stage.scene("shop").await?;
    let irsa = json!({"defaults": {"method": "IRSA"}, "enforcedTags": {"cost-center": "42"}});
    put_class(&scene.client, "platform", true, with(allowing(&[POLICY]), irsa)).await?;
    let spec = json!({"serviceAccount": {"create": true}, "role": {"managed": {"policyArns": [POLICY]}}});
    scene.apply("orders", spec).await?;
    let role = scene.role_of(&scene.until_ready("orders").await?)?;
    until(&scene, "platform", "held", |class| !class.finalizers().is_empty()).await?;
    // Removes the finalizer by force, which only an administrator can do.
    let api = classes(&scene);
    api.delete("platform", &kube::api::DeleteParams::default())
        .await?;
    let mark = stage.bed.gateway.ledger().mark();
    let bare = kube::api::Patch::Merge(json!({"metadata": {"finalizers": []}}));
    api.patch("platform", &kube::api::PatchParams::default(), &bare)
        .await?;
    let frozen = scene
        .until_is("orders", "Stalled", "True", "ClassMissing")
        .await?;
    ensure!(condition(&frozen, "Ready").is_some_and(|ready| ready.status == "True"));
    let writes = stage.bed.gateway.ledger().since(mark).to_aws().writes();
    ensure!(writes.is_empty(), "{writes}");

    // Lanyard restores the class's defaults although it can no longer read the class.
    let untag = scene.aws.iam.untag_role().role_name(&role);
    untag.tag_keys("cost-center").send().await?;
    scene.request_reconcile("orders").await?;
    scene.until_repaired("orders").await?;
    let tags = scene.aws.role_tags(&role).await?;
    ensure!(
        tags.get("cost-center").map(String::as_str) == Some("42"),
        "{tags:?}"
    );
    scene.delete("orders").await?;
    stage.bed.stop().await
}

#[tokio::test]
async fn incompatible_class_freezes_until_compatible() -> Result<()> {
    let stage = stage().await?;
    let scene = stage.scene("shop").await?;
    let tagged = |count: usize| {
        let tags: serde_json::Map<String, Value> =
            (0..count).map(|at| (format!("t{at}"), json!("v"))).collect();
        let mut class = with(allowing(&[POLICY]), json!({"enforcedTags": tags}));
        class["guardrails"]["tagKeys"] = json!(["*"]);
        class
    };
    put_class(&scene.client, "platform", true, tagged(1)).await?;
    let tags = json!({"team": "shop", "stage": "prod"});
    let spec = json!({"method": "PodIdentity", "role": {"managed": {"policyArns": [POLICY], "tags": tags}}});
    scene.apply("orders", spec).await?;
    let role = scene.role_of(&scene.until_ready("orders").await?)?;

    put_class(&scene.client, "platform", true, tagged(46)).await?;
    let frozen = scene
        .until_is("orders", "Stalled", "True", "ClassIncompatible")
        .await?;
    let said = condition(&frozen, "Stalled").context("Stalled")?.message;
    holds(
        &said,
        &[
            "class platform",
            "enforcedTags",
            "got 48",
            "keeps the previously applied configuration in sync",
        ],
    )?;
    ensure!(condition(&frozen, "Ready").is_some_and(|ready| ready.status == "True"));
    ensure!(!scene.aws.role_tags(&role).await?.contains_key("t1"));

    put_class(&scene.client, "platform", true, tagged(2)).await?;
    scene
        .until("orders", "no longer stalled", |object| {
            condition(object, "Stalled").is_none()
        })
        .await?;
    scene.until_ready("orders").await?;
    ensure!(scene.aws.role_tags(&role).await?.contains_key("t1"));
    stage.bed.stop().await
}

#[tokio::test]
async fn forbidden_request_does_not_escape_boundary() -> Result<()> {
    let stage = stage().await?;
    let scene = stage.scene("shop").await?;
    put_class(&scene.client, "platform", true, allowing(&[POLICY])).await?;
    scene.apply("orders", spec(&[POLICY], "first")).await?;
    let role = scene.role_of(&scene.until_ready("orders").await?)?;
    scene.apply("orders", spec(&[POLICY, DENIED], "first")).await?;
    scene.until_is("orders", "Stalled", "True", "Forbidden").await?;
    let mut bounded = allowing(&[POLICY]);
    let guardrails = bounded.get_mut("guardrails").and_then(Value::as_object_mut);
    guardrails
        .context("guardrails")?
        .insert("permissionsBoundaryArn".to_owned(), json!(POLICY));
    put_class(&scene.client, "platform", true, bounded).await?;
    eventually("the role has the boundary of its class", async || {
        let found = scene.aws.iam.get_role().role_name(&role).send().await?;
        let boundary = found.role().and_then(|role| role.permissions_boundary());
        Ok(boundary.and_then(|boundary| boundary.permissions_boundary_arn()) == Some(POLICY))
    })
    .await?;
    ensure!(scene.aws.attached(&role).await? == [POLICY]);
    stage.bed.stop().await
}
