//! Proves that the shipped IAM policies deny none of the operator's calls, and that the operator uses each allowed action.
//! Does I/O.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use lanyard_tests::{TestEnv, TestNamespace};
use serde_json::{Value, json};

use crate::{actions, stage};

const POLICIES: [&str; 2] = [
    "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
    "arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess",
];

/// Actions without a call: EKS checks `iam:PassRole` when an association is created.
const NO_CALLS: [&str; 1] = ["iam:PassRole"];

#[tokio::test]
async fn read_write_policy_is_sufficient_and_minimal() -> Result<()> {
    let stage = stage("read-write.json", Vec::new()).await?;
    let scene = stage.scene("shop").await?;
    scene.account("orders").await?;
    irsa_lifecycle(&scene).await?;
    drift(&scene).await?;
    associations(&scene).await?;
    scene.account("users").await?;
    scene
        .apply("users", json!({"method": "PodIdentity", "role": {"managed": {}}}))
        .await?;
    scene.until_ready("users").await?;
    for name in ["orders", "carts", "users"] {
        scene.delete(name).await?;
    }
    let used = used_actions(&stage)?;
    let mut unused = actions("read-write.json")?;
    unused.retain(|action| !used.contains(action) && !NO_CALLS.contains(&action.as_str()));
    ensure!(unused.is_empty(), "unused actions: {unused:?}");
    stage.bed.stop().await
}

#[tokio::test]
async fn read_only_policy_allows_reporting_without_denials() -> Result<()> {
    let stage = stage("read-only.json", vec!["--read-only"]).await?;
    let scene = stage.scene("shop").await?;
    for (name, method) in [("orders", "IRSA"), ("carts", "PodIdentity")] {
        scene.account(name).await?;
        scene
            .apply(name, json!({"method": method, "role": {"managed": {}}}))
            .await?;
        scene.until_is(name, "Stalled", "True", "ReadOnly").await?;
    }
    used_actions(&stage)?;
    stage.bed.stop().await
}

/// The actions that the operator used. Fails if one was denied.
fn used_actions(stage: &TestEnv) -> Result<BTreeSet<String>> {
    let calls = stage.permitted_calls()?.to_aws();
    let action =
        |entry: &lanyard_testkit::gateway::Entry| format!("{}:{}", entry.call.service, entry.call.operation);
    Ok(calls.entries().iter().map(action).collect())
}

async fn customer_policy(scene: &TestNamespace<'_>, name: &str) -> Result<String> {
    let document =
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let create = scene.aws.iam.create_policy().policy_name(name);
    let made = create.policy_document(document.to_string()).send().await?;
    made.policy.and_then(|policy| policy.arn).context("an ARN")
}

/// A role with every setting, bound by IRSA, then with every setting changed, then with few settings.
async fn irsa_lifecycle(scene: &TestNamespace<'_>) -> Result<()> {
    let boundaries = [
        customer_policy(scene, "tenant").await?,
        customer_policy(scene, "narrow").await?,
    ];
    let inline = |action: &str| json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]});
    let full = |description: &str, boundary: &str, policy: &str, action: &str, tag: &str| {
        json!({
            "description": description, "permissionsBoundaryArn": boundary, "policyArns": [policy],
            "inlinePolicies": [{"name": "queue", "document": inline(action)}], "tags": {tag: "shop"},
        })
    };
    let ([first, second], [wide, narrow]) = (POLICIES, &boundaries);
    for (audience, role) in [
        (
            "sts.amazonaws.com",
            full("one", wide, first, "sqs:SendMessage", "team"),
        ),
        (
            "vault.example.com",
            full("two", narrow, second, "sqs:ReceiveMessage", "tier"),
        ),
        ("vault.example.com", json!({"description": "three"})),
    ] {
        let spec = irsa(audience, role);
        scene.apply("orders", spec).await?;
        approve_if_required(scene, "orders").await?;
        scene.until_ready("orders").await?;
    }
    Ok(())
}

fn irsa(audience: &str, role: Value) -> Value {
    json!({"method": "IRSA", "irsa": {"audience": audience}, "role": {"managed": role}})
}

/// Approves a change of the binding where approval is required. No pod uses these bindings.
async fn approve_if_required(scene: &TestNamespace<'_>, name: &str) -> Result<()> {
    let object = scene
        .until(name, "waiting for approval or settled", |object| {
            let reason =
                |kind| lanyard_tests::condition(object, kind).map(|found| (found.status, found.reason));
            let asks = reason("Stalled").is_some_and(|(_, reason)| reason == "ApprovalRequired");
            let status = object.status.as_ref();
            let seen = status.and_then(|status| status.observed_generation) == object.metadata.generation;
            seen && (asks || reason("Ready").is_some_and(|(status, _)| status == "True"))
        })
        .await?;
    let transition = object.status.and_then(|status| status.transition);
    if let Some(token) = transition.and_then(|transition| transition.approval_token) {
        let patch = json!({"metadata": {"annotations": {"lanyard.dev/approve": token}}});
        let params = kube::api::PatchParams::default();
        scene
            .identities()
            .patch(name, &params, &kube::api::Patch::Merge(&patch))
            .await?;
    }
    Ok(())
}

/// Out-of-band changes: a policy and a tag that are detected, evaluated, and removed or restored.
async fn drift(scene: &TestNamespace<'_>) -> Result<()> {
    let role = scene.role_of(&scene.identities().get("orders").await?)?;
    let foreign = customer_policy(scene, "foreign").await?;
    scene
        .aws
        .iam
        .attach_role_policy()
        .role_name(&role)
        .policy_arn(foreign)
        .send()
        .await?;
    let untagging = scene.aws.iam.untag_role().role_name(&role);
    untagging.tag_keys("lanyard.dev/name").send().await?;
    scene.request_reconcile("orders").await?;
    scene
        .until("orders", "without the policy", |object| {
            lanyard_tests::drift(object).last_correction.is_some()
        })
        .await?;
    Ok(())
}

/// An association that is changed in place, with tags that another actor changed.
async fn associations(scene: &TestNamespace<'_>) -> Result<()> {
    scene.account("carts").await?;
    let spec = |flags: Value| json!({"method": "PodIdentity", "podIdentity": flags, "deletionPolicy": "Retain", "role": {"managed": {}}});
    scene.apply("carts", spec(json!({}))).await?;
    scene.until_ready("carts").await?;
    scene
        .apply("carts", spec(json!({"disableSessionTags": true})))
        .await?;
    approve_if_required(scene, "carts").await?;
    scene.until_ready("carts").await?;
    let id = scene
        .aws
        .associations("shop", "carts")
        .await?
        .pop()
        .context("an association")?;
    let arn = format!("arn:aws:eks:us-east-1:000000000000:podidentityassociation/lanyard/{id}");
    scene
        .aws
        .eks
        .untag_resource()
        .resource_arn(&arn)
        .tag_keys("lanyard.dev/name")
        .send()
        .await?;
    scene
        .aws
        .eks
        .tag_resource()
        .resource_arn(&arn)
        .tags("team", "shop")
        .send()
        .await?;
    scene.request_reconcile("carts").await?;
    scene
        .until("carts", "tagged again", |object| {
            lanyard_tests::drift(object).last_correction.is_some()
        })
        .await?;
    Ok(())
}
