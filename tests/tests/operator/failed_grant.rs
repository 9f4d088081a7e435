//! Proves that a grant that cannot be made holds back only what depends on it, that a missing policy is awaited, and that
//! the rules and quotas of IAM for tags, policies and principals are kept. Does I/O.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use aws_sdk_iam::types::Tag;
use lanyard_tests::{TestNamespace, condition, eventually};
use serde_json::{Value, json};

use crate::stage;

const READ_ONLY: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
const ROLE: &str = "eks.amazonaws.com/role-arn";

fn irsa(managed: Value) -> Value {
    json!({"serviceAccount": {"create": true}, "method": "IRSA", "role": {"managed": managed}})
}

fn pod_identity(managed: Value) -> Value {
    json!({"serviceAccount": {"create": true}, "method": "PodIdentity", "role": {"managed": managed}})
}

async fn create_policy(scene: &TestNamespace<'_>, name: &str) -> Result<String> {
    let document = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]});
    let create = scene.aws.iam.create_policy().policy_name(name);
    let created = create.policy_document(document.to_string()).send().await?;
    created.policy.and_then(|policy| policy.arn).context("an ARN")
}

#[tokio::test]
async fn missing_policy_does_not_hold_back_repairs() -> Result<()> {
    let scene = stage().await?.scene("grant-missing").await?;
    let team = create_policy(&scene, "grant-missing").await?;
    let both = json!({"name": "grant-missing", "policyArns": [team, READ_ONLY]});
    scene.apply("orders", irsa(both)).await?;
    scene.until_ready("orders").await?;
    scene.reconciled("orders").await?;

    let iam = &scene.aws.iam;
    iam.detach_role_policy()
        .role_name("grant-missing")
        .policy_arn(&team)
        .send()
        .await?;
    iam.delete_policy().policy_arn(&team).send().await?;
    let mut wide = scene.aws.trust("grant-missing").await?;
    let stranger = json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Action": "sts:AssumeRole"});
    wide["Statement"]
        .as_array_mut()
        .context("statements")?
        .push(stranger);
    let update = iam.update_assume_role_policy().role_name("grant-missing");
    update.policy_document(wide.to_string()).send().await?;
    let hijacked = json!({"metadata": {"annotations": {ROLE: "arn:aws:iam::000000000000:role/stranger"}}});
    let patch = kube::api::Patch::Merge(&hijacked);
    scene
        .accounts()
        .patch("orders", &Default::default(), &patch)
        .await?;

    eventually("trust policy and annotation are repaired", async || {
        scene.reconciled("orders").await?;
        let trust = scene.aws.trust("grant-missing").await?.to_string();
        let account = scene.accounts().get("orders").await?;
        let annotations = account.metadata.annotations.context("annotations")?;
        Ok(!trust.contains(":root") && annotations[ROLE].ends_with("/grant-missing"))
    })
    .await?;
    let object = scene.identities().get("orders").await?;
    let waiting = condition(&object, "Reconciling").or_else(|| condition(&object, "Stalled"));
    let waiting = waiting.context("a reason")?;
    assert_eq!(waiting.reason, "PolicyNotFound", "{}", waiting.message);
    assert_eq!(
        waiting.message.matches(team.as_str()).count(),
        1,
        "{}",
        waiting.message
    );

    // A revocation does not wait for the grant either.
    let one = json!({"name": "grant-missing", "policyArns": [team]});
    scene.apply("orders", irsa(one)).await?;
    eventually("the dropped policy is detached", async || {
        Ok(scene.aws.attached("grant-missing").await?.is_empty())
    })
    .await?;
    create_policy(&scene, "grant-missing").await?;
    scene.request_reconcile("orders").await?;
    eventually("the policy is attached", async || {
        Ok(scene.aws.attached("grant-missing").await? == [team.clone()])
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn boundary_created_later_is_awaited() -> Result<()> {
    let scene = stage().await?.scene("grant-boundary").await?;
    let arn = "arn:aws:iam::000000000000:policy/grant-boundary";
    let managed = json!({"name": "grant-boundary", "permissionsBoundaryArn": arn});
    scene.apply("orders", pod_identity(managed)).await?;
    let object = scene
        .until_is("orders", "Ready", "False", "BoundaryNotFound")
        .await?;
    assert!(condition(&object, "Stalled").is_none());
    create_policy(&scene, "grant-boundary").await?;
    scene.request_reconcile("orders").await?;
    scene.until_ready("orders").await?;
    Ok(())
}

#[tokio::test]
async fn statement_that_moves_between_policies_fits_the_quota() -> Result<()> {
    let scene = stage().await?.scene("grant-moves").await?;
    let managed = |a: u16, b: u16| {
        let policy = |name: &str, count: u16| {
            let resources: Vec<String> = (0..count)
                .map(|at| format!("arn:aws:s3:::bucket-{at:03}"))
                .collect();
            let statement = json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": resources});
            json!({"name": name, "document": {"Version": "2012-10-17", "Statement": [statement]}})
        };
        json!({"name": "grant-moves", "inlinePolicies": [policy("a", a), policy("b", b)]})
    };
    scene.apply("orders", pod_identity(managed(10, 340))).await?;
    scene.until_ready("orders").await?;
    scene.apply("orders", pod_identity(managed(200, 150))).await?;
    scene.reconciled("orders").await?;
    let object = scene.until_ready("orders").await?;
    assert!(condition(&object, "Stalled").is_none(), "{object:?}");
    Ok(())
}

#[tokio::test]
async fn tag_key_that_changes_case_is_kept() -> Result<()> {
    let scene = stage().await?.scene("grant-tags").await?;
    let managed = |key: &str| json!({"name": "grant-tags", "tags": {key: "shop"}});
    scene.apply("orders", pod_identity(managed("Team"))).await?;
    scene.until_ready("orders").await?;
    scene.apply("orders", pod_identity(managed("team"))).await?;
    for _ in 0..2 {
        scene.reconciled("orders").await?;
        let tags = scene.aws.role_tags("grant-tags").await?;
        let team: BTreeMap<_, _> = tags
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case("team"))
            .collect();
        assert_eq!(team, BTreeMap::from([(&"team".to_owned(), &"shop".to_owned())]));
    }
    Ok(())
}

#[tokio::test]
async fn role_with_fifty_tags_is_released() -> Result<()> {
    let scene = stage().await?.scene("grant-full").await?;
    let tags: BTreeMap<String, String> = (0..46).map(|at| (format!("t{at}"), "x".to_owned())).collect();
    let mut spec = pod_identity(json!({"name": "grant-full", "tags": tags}));
    spec["deletionPolicy"] = json!("Retain");
    scene.apply("orders", spec).await?;
    scene.until_ready("orders").await?;
    // Another tool takes the last place.
    let other = Tag::builder().key("other").value("x").build()?;
    scene
        .aws
        .iam
        .tag_role()
        .role_name("grant-full")
        .tags(other)
        .send()
        .await?;
    eventually("the other tag is read", async || {
        scene.reconciled("orders").await?;
        let status = scene.identities().get("orders").await?.status;
        Ok(serde_json::to_string(&status)?.contains("other"))
    })
    .await?;
    scene.delete("orders").await?;
    let tags = scene.aws.role_tags("grant-full").await?;
    assert!(tags.contains_key("lanyard.dev/retained"), "{tags:?}");
    assert!(!tags.contains_key("lanyard.dev/cluster"), "{tags:?}");
    Ok(())
}

#[tokio::test]
async fn denial_of_deleted_principal_holds_no_binding_back() -> Result<()> {
    let scene = stage().await?.scene("grant-void").await?;
    let statement = |effect: &str, principal: &str| json!({"Effect": effect, "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"});
    let foreign = statement("Allow", "arn:aws:iam::000000000000:root");
    let void = statement("Deny", "AROAEXAMPLEEXAMPLE12");
    let trust = json!({"Version": "2012-10-17", "Statement": [foreign, void]}).to_string();
    // The gateway accepts no document with such an id, as IAM, which shows the id after the principal was deleted.
    let create = past_the_gateway(&scene).create_role().role_name("grant-void");
    let made = create.assume_role_policy_document(trust).send().await?;
    let arn = made.role.context("a role")?.arn;
    let spec = json!({"method": "PodIdentity", "serviceAccount": {"create": true}, "role": {"existing": {"arn": arn, "trust": "Manage"}}});
    scene.apply("orders", spec).await?;
    scene.until_ready("orders").await?;
    let trust = scene.aws.trust("grant-void").await?;
    let statements = trust["Statement"].as_array().context("statements")?;
    assert!(statements.contains(&foreign), "{trust}");
    assert!(!trust.to_string().contains("AROA"), "{trust}");
    scene.delete("orders").await?;
    let left = scene.aws.trust("grant-void").await?;
    assert_eq!(left["Statement"], json!([foreign]));
    Ok(())
}

/// IAM of the emulator itself: for what AWS does without a call.
fn past_the_gateway(scene: &TestNamespace<'_>) -> aws_sdk_iam::Client {
    let config = scene.aws.iam.config().to_builder();
    let config = config.endpoint_url(scene.stage.bed.ministack.url());
    aws_sdk_iam::Client::from_conf(config.build())
}

#[tokio::test]
async fn policy_arn_in_another_case_is_in_sync() -> Result<()> {
    let scene = stage().await?.scene("grant-case").await?;
    let arn = create_policy(&scene, "Grant-Case").await?;
    let other = arn.replace("Grant-Case", "gRANT-cASE");
    let managed = json!({"name": "grant-case", "policyArns": [other], "permissionsBoundaryArn": other});
    scene.apply("orders", irsa(managed)).await?;
    scene.until_ready("orders").await?;
    assert_eq!(scene.aws.attached("grant-case").await?, [arn]);
    let mark = scene.stage.bed.gateway.ledger().mark();
    scene.reconciled("orders").await?;
    scene.until_is("orders", "InSync", "True", "InSync").await?;
    let calls = scene.calls_about("orders", mark).await?;
    let writes: Vec<_> = calls.iter().filter(|entry| entry.call.write).collect();
    assert!(writes.is_empty(), "{writes:#?}");
    Ok(())
}

#[tokio::test]
async fn deleted_principal_of_others_does_not_keep_the_object() -> Result<()> {
    let scene = stage().await?.scene("grant-dead").await?;
    let ci = |principal: &str| json!({"Sid": "Ci", "Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"});
    let document = |statement: Value| json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
    let iam = &scene.aws.iam;
    let create = iam.create_role().role_name("grant-dead");
    let made = create
        .assume_role_policy_document(document(ci("arn:aws:iam::000000000000:root")))
        .send()
        .await?;
    let arn = made.role.context("a role")?.arn;
    let spec = json!({"method": "PodIdentity", "serviceAccount": {"create": true}, "role": {"existing": {"arn": arn, "trust": "Manage"}}});
    scene.apply("orders", spec).await?;
    scene.until_ready("orders").await?;

    // IAM replaces a deleted principal by its id. The gateway accepts no document with such an id, as IAM.
    scene.reconciled("orders").await?;
    let mut trust = scene.aws.trust("grant-dead").await?;
    for statement in trust["Statement"].as_array_mut().context("statements")? {
        if statement["Sid"] == "Ci" {
            *statement = ci("AROAEXAMPLEEXAMPLE12");
        }
    }
    let update = past_the_gateway(&scene)
        .update_assume_role_policy()
        .role_name("grant-dead");
    update.policy_document(trust.to_string()).send().await?;
    scene.delete("orders").await?;
    assert!(scene.aws.associations("grant-dead", "orders").await?.is_empty());
    Ok(())
}
