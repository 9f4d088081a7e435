//! Proves which adoptions Lanyard refuses: the class does not allow it, another WorkloadIdentity holds the role, or the
//! resource does not match the object. Nothing is written to the resource, and the condition names the next action. Does
//! I/O.

use anyhow::{Context, Result, ensure};
use lanyard_tests::{TestEnv, TestNamespace, condition, put_class};
use serde_json::{Value, json};

use crate::foreign_role::{PATH, REQUESTED, contents, make, named, request_adoption, untag, untouched};
use crate::{BINARY, options, stage};

fn class(adopt: &[&str]) -> Value {
    json!({"guardrails": {
        "namespaceSelector": {}, "methods": ["IRSA", "PodIdentity"], "policyArns": [REQUESTED],
        "roleNames": ["re-*"], "adopt": adopt,
    }})
}

async fn stalled(scene: &TestNamespace<'_>, reason: &str) -> Result<String> {
    let object = scene.until_is("orders", "Stalled", "True", reason).await?;
    Ok(condition(&object, "Stalled").context("Stalled")?.message)
}

#[tokio::test]
async fn class_allows_adoption_of_named_roles_only() -> Result<()> {
    let stage = TestEnv::set(BINARY, options()).await?;
    let scene = stage.scene("shop").await?;
    put_class(
        &scene.client,
        "tenants",
        true,
        class(&["arn:aws:iam::*:role/legacy/{namespace}-*"]),
    )
    .await?;
    let arn = make(&scene.aws, PATH, "re-class", &[]).await?;
    let mark = stage.bed.gateway.ledger().mark();
    scene.account("orders").await?;
    request_adoption(&scene, "orders", &arn, named("re-class", "IRSA")).await?;
    let message = stalled(&scene, "Forbidden").await?;
    ensure!(
        message
            == format!(
                "metadata.annotations[lanyard.dev/adopt]: {arn} is not allowed: guardrails.adopt of class tenants allows arn:aws:iam::*:role/legacy/shop-*"
            ),
        "{message}"
    );
    untouched(&scene, mark, "re-class")?;

    // Without the annotation the existing role is a conflict. The message does not suggest an action that the tenant is not
    // allowed to take.
    scene.apply("orders", named("re-class", "IRSA")).await?;
    let message = stalled(&scene, "RoleConflict").await?;
    ensure!(!message.contains("kubectl annotate"), "{message}");
    ensure!(message.contains("guardrails.adopt"), "{message}");
    untouched(&scene, mark, "re-class")?;

    put_class(
        &scene.client,
        "tenants",
        true,
        class(&["arn:aws:iam::*:role/team/*"]),
    )
    .await?;
    request_adoption(&scene, "orders", &arn, named("re-class", "IRSA")).await?;
    scene.until_ready("orders").await?;

    // When the class no longer allows the adoption, the adopted role is frozen and stays unchanged.
    let before = contents(&scene.aws, "re-class").await?;
    put_class(&scene.client, "tenants", true, class(&[])).await?;
    let object = scene.until_is("orders", "Stalled", "True", "Forbidden").await?;
    ensure!(condition(&object, "Ready").context("Ready")?.status == "True");
    scene.reconciled("orders").await?;
    ensure!(contents(&scene.aws, "re-class").await? == before);
    scene.delete("orders").await?;
    ensure!(scene.aws.has_role("re-class").await?);
    stage.bed.stop().await
}

#[tokio::test]
async fn role_without_required_boundary_is_not_adopted() -> Result<()> {
    let stage = TestEnv::set(BINARY, options()).await?;
    let scene = stage.scene("shop").await?;
    let boundary = scene.aws.iam.create_policy().policy_name("tenant");
    let document =
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let made = boundary.policy_document(document.to_string()).send().await?;
    let boundary = made.policy.and_then(|policy| policy.arn).context("its ARN")?;
    let mut class = class(&["arn:aws:iam::*:role/team/*"]);
    class["guardrails"]["permissionsBoundaryArn"] = json!(boundary);
    put_class(&scene.client, "tenants", true, class).await?;
    let arn = make(&scene.aws, PATH, "re-bounded", &[]).await?;
    let mark = stage.bed.gateway.ledger().mark();
    scene.account("orders").await?;
    request_adoption(&scene, "orders", &arn, named("re-bounded", "IRSA")).await?;
    let message = stalled(&scene, "BoundaryMissing").await?;
    ensure!(message.contains(&boundary), "{message}");
    untouched(&scene, mark, "re-bounded")?;
    let put = scene
        .aws
        .iam
        .put_role_permissions_boundary()
        .role_name("re-bounded");
    put.permissions_boundary(&boundary).send().await?;
    scene.until_ready("orders").await?;
    stage.bed.stop().await
}

#[tokio::test]
async fn role_of_other_cluster_is_adopted_only_after_release() -> Result<()> {
    let scene = stage().await?.scene("re-blue").await?;
    let blue = [
        (
            "lanyard.dev/cluster",
            "arn:aws:eks:us-east-1:000000000000:cluster/blue",
        ),
        ("lanyard.dev/namespace", "shop"),
        ("lanyard.dev/name", "orders"),
    ];
    let arn = make(&scene.aws, "/lanyard/us-east-1/blue/", "re-blue", &blue).await?;
    let mark = scene.stage.bed.gateway.ledger().mark();
    scene.account("orders").await?;
    request_adoption(&scene, "orders", &arn, named("re-blue", "IRSA")).await?;
    let message = stalled(&scene, "RoleConflict").await?;
    ensure!(
        message.contains("shop/orders of cluster arn:aws:eks:us-east-1:000000000000:cluster/blue"),
        "{message}"
    );
    scene.reconciled("orders").await?;
    untouched(&scene, mark, "re-blue")?;
    for (key, _) in blue {
        untag(&scene.aws, "re-blue", key).await?;
    }
    scene.until_ready("orders").await?;
    Ok(())
}

#[tokio::test]
async fn conflict_message_contains_adopt_annotation() -> Result<()> {
    let scene = stage().await?.scene("re-shown").await?;
    make(
        &scene.aws,
        PATH,
        "re-shown",
        &[("aws:cloudformation:stack-name", "shop")],
    )
    .await?;
    scene.account("orders").await?;
    scene.apply("orders", named("re-shown", "IRSA")).await?;
    let message = stalled(&scene, "RoleConflict").await?;
    ensure!(message.contains("the CloudFormation stack shop"), "{message}");
    let (_, shown) = message
        .split_once("lanyard.dev/adopt=")
        .context("an annotation")?;
    let arn = shown.split([',', ' ']).next().context("an ARN")?;
    request_adoption(&scene, "orders", arn, named("re-shown", "IRSA")).await?;
    scene.until_ready("orders").await?;
    Ok(())
}

#[tokio::test]
async fn mismatched_resource_is_reported() -> Result<()> {
    let scene = stage().await?.scene("re-other").await?;
    scene.account("orders").await?;
    for (arns, expected) in [
        ("re-other", "separated by commas; got re-other"),
        (
            "arn:aws:iam::000000000000:role/team/basket",
            "Set spec.role.managed.name: basket",
        ),
        (
            "arn:aws:eks:us-east-1:000000000000:podidentityassociation/blue/a-1",
            "must name associations of cluster",
        ),
    ] {
        request_adoption(&scene, "orders", arns, named("re-other", "IRSA")).await?;
        scene
            .until("orders", "InvalidAdoption", |object| {
                condition(object, "Stalled").is_some_and(|stalled| {
                    stalled.reason == "InvalidAdoption" && stalled.message.contains(expected)
                })
            })
            .await?;
    }
    // Lanyard does not create a role that the object wants to adopt.
    let arn = "arn:aws:iam::000000000000:role/team/re-other";
    request_adoption(&scene, "orders", arn, named("re-other", "IRSA")).await?;
    let message = stalled(&scene, "RoleNotFound").await?;
    ensure!(message.contains("does not exist"), "{message}");
    ensure!(!scene.aws.has_role("re-other").await?);
    Ok(())
}
