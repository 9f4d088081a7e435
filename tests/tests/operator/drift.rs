//! Proves that out-of-band changes are detected field by field, and corrected or reported according to the drift policy.
//! Does I/O.

use anyhow::{Context, Result};
use aws_sdk_iam::types::Tag;
use lanyard_api::WorkloadIdentity;
use lanyard_testkit::gateway::{Calls, Mark};
use lanyard_tests::{PATIENCE, TestNamespace, arn_of, condition, drift};
use serde_json::{Value, json};

use crate::stage;

const READ_ONLY: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
const ADMIN: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

fn spec(policy: &str) -> Value {
    let inline = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]});
    json!({"method": "PodIdentity", "driftPolicy": policy, "role": {"managed": {
        "policyArns": [READ_ONLY],
        "inlinePolicies": [{"name": "queue", "document": inline}],
        "tags": {"team": "shop"},
    }}})
}

fn open_trust() -> String {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}
    ]})
    .to_string()
}

/// Breaks the trust and the attachments of a role, as a user of the console does, while no reconciliation is running or
/// due: a reconciliation in between would detect only half of the changes.
async fn break_role(scene: &TestNamespace<'_>, role: &str) -> Result<()> {
    scene.reconciled("orders").await?;
    let iam = &scene.aws.iam;
    iam.update_assume_role_policy()
        .role_name(role)
        .policy_document(open_trust())
        .send()
        .await?;
    iam.detach_role_policy()
        .role_name(role)
        .policy_arn(READ_ONLY)
        .send()
        .await?;
    iam.attach_role_policy()
        .role_name(role)
        .policy_arn(ADMIN)
        .send()
        .await?;
    Ok(())
}

fn fields(object: &WorkloadIdentity) -> Vec<String> {
    drift(object).items.into_iter().map(|item| item.field).collect()
}

#[tokio::test]
async fn broken_role_is_corrected_and_correction_recorded() -> Result<()> {
    let scene = stage().await?.scene("drift-correct").await?;
    scene.apply("orders", spec("Correct")).await?;
    let object = scene.until_ready("orders").await?;
    let role = scene.role_of(&object)?;
    let trust = scene.aws.trust(&role).await?;
    break_role(&scene, &role).await?;
    scene.request_reconcile("orders").await?;

    let corrected = |object: &WorkloadIdentity| {
        drift(object)
            .last_correction
            .is_some_and(|correction| correction.items.len() >= 3)
    };
    let object = scene.until("orders", "corrected", corrected).await?;
    assert_eq!(scene.aws.trust(&role).await?, trust);
    assert_eq!(scene.aws.attached(&role).await?, [READ_ONLY]);
    assert_eq!(drift(&object).count, 0);
    scene.until_is("orders", "InSync", "True", "InSync").await?;
    Ok(())
}

#[tokio::test]
async fn report_policy_keeps_drift_and_applies_spec_change() -> Result<()> {
    let scene = stage().await?.scene("drift-report").await?;
    scene.apply("orders", spec("Report")).await?;
    let object = scene.until_ready("orders").await?;
    let role = scene.role_of(&object)?;
    break_role(&scene, &role).await?;
    scene.request_reconcile("orders").await?;
    let object = scene.until_is("orders", "InSync", "False", "Drifted").await?;
    let found = fields(&object);
    assert!(
        found.iter().any(|field| field.starts_with("trustPolicy.")),
        "{found:?}"
    );
    assert!(
        found.contains(&format!("attachedPolicies[{READ_ONLY}]")),
        "{found:?}"
    );
    assert!(found.contains(&format!("attachedPolicies[{ADMIN}]")), "{found:?}");
    assert_eq!(scene.aws.attached(&role).await?, [ADMIN], "nothing was repaired");

    let mut changed = spec("Report");
    changed["role"]["managed"]["description"] = json!("takes orders");
    scene.apply("orders", changed).await?;
    let generation = |object: &WorkloadIdentity| {
        object
            .status
            .as_ref()
            .and_then(|status| status.observed_generation)
            == Some(2)
    };
    scene.until("orders", "reconciled again", generation).await?;
    let found = scene
        .aws
        .iam
        .get_role()
        .role_name(&role)
        .send()
        .await?
        .role
        .context("a role")?;
    assert_eq!(found.description(), Some("takes orders"));
    assert_eq!(scene.aws.attached(&role).await?, [ADMIN], "drift still stands");
    Ok(())
}

#[tokio::test]
async fn foreign_policy_and_tags_are_reported_and_kept() -> Result<()> {
    let scene = stage().await?.scene("drift-emergency").await?;
    scene.apply("orders", spec("Correct")).await?;
    let object = scene.until_ready("orders").await?;
    let role = scene.role_of(&object)?;
    let deny =
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]});
    let put = scene
        .aws
        .iam
        .put_role_policy()
        .role_name(&role)
        .policy_name("AWSRevokeOlderSessions");
    put.policy_document(deny.to_string()).send().await?;
    let tag = aws_sdk_iam::types::Tag::builder()
        .key("cost-center")
        .value("42")
        .build()?;
    scene.aws.iam.tag_role().role_name(&role).tags(tag).send().await?;
    scene.request_reconcile("orders").await?;
    let object = scene.until_is("orders", "InSync", "False", "Drifted").await?;
    assert_eq!(fields(&object), ["inlinePolicies[AWSRevokeOlderSessions]"]);
    let unmanaged = drift(&object).unmanaged;
    let unmanaged: Vec<&str> = unmanaged.iter().map(|item| item.field.as_str()).collect();
    assert_eq!(unmanaged, ["tags[cost-center]"], "a tag of others is no drift");
    let kept = scene.aws.iam.list_role_policies().role_name(&role).send().await?;
    let mut names = kept.policy_names().to_vec();
    names.sort();
    assert_eq!(names, ["AWSRevokeOlderSessions", "queue"]);
    Ok(())
}

#[tokio::test]
async fn edited_annotation_is_detected_by_watch_and_restored() -> Result<()> {
    let scene = stage().await?.scene("drift-annotation").await?;
    scene.account("orders").await?;
    scene
        .apply("orders", json!({"method": "IRSA", "role": {"managed": {}}}))
        .await?;
    let object = scene.until_ready("orders").await?;
    let arn = arn_of(&object)?;
    let patch = json!({"metadata": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::000000000000:role/evil"}}});
    scene
        .accounts()
        .patch(
            "orders",
            &kube::api::PatchParams::default(),
            &kube::api::Patch::Merge(&patch),
        )
        .await?;
    let corrected = |object: &WorkloadIdentity| drift(object).last_correction.is_some();
    scene
        .until("orders", "corrected without a request", corrected)
        .await?;
    let account = scene.accounts().get("orders").await?;
    assert_eq!(
        account.metadata.annotations.context("annotations")?["eks.amazonaws.com/role-arn"],
        arn
    );
    Ok(())
}

#[tokio::test]
async fn lost_status_is_rebuilt_without_writes_to_aws() -> Result<()> {
    let scene = stage().await?.scene("drift-status-lost").await?;
    scene.apply("orders", spec("Correct")).await?;
    scene.until_ready("orders").await?;
    let mark = scene.stage.bed.gateway.ledger().mark();
    let empty = json!({"status": null});
    scene
        .identities()
        .patch_status(
            "orders",
            &kube::api::PatchParams::default(),
            &kube::api::Patch::Merge(&empty),
        )
        .await?;
    scene.request_reconcile("orders").await?;
    scene.until_ready("orders").await?;
    let calls = scene.calls_about("orders", mark).await?;
    assert!(
        calls.iter().all(|entry| !entry.call.write),
        "unexpected writes after the loss of the status: {calls:#?}"
    );
    Ok(())
}

/// Another tool that claims the role undoes each repair.
#[tokio::test]
async fn contested_correction_names_actor_and_backs_off() -> Result<()> {
    let scene = stage().await?.scene("drift-contest").await?;
    scene.apply("orders", spec("Correct")).await?;
    let role = scene.role_of(&scene.until_ready("orders").await?)?;
    for _ in 0..3 {
        let mark = take_over(&scene, &role).await?;
        repaired_by(&scene, mark, &["TagRole", "DetachRolePolicy"], &role).await?;
    }
    let mark = take_over(&scene, &role).await?;
    repaired_by(&scene, mark, &["DetachRolePolicy"], &role).await?;
    let object = scene.until_is("orders", "InSync", "False", "Contested").await?;
    let message = condition(&object, "InSync").context("InSync")?.message;
    assert!(message.contains("team"), "{message}");
    assert_eq!(drift(&object).items.len(), 1, "{:#?}", drift(&object).items);
    assert_eq!(
        scene.aws.attached(&role).await?,
        [READ_ONLY],
        "a correction with effect was not repeated"
    );
    let calls = scene.stage.bed.gateway.ledger().since(mark).by("lanyard");
    assert!(calls.of("TagRole").about(&role).is_empty(), "{calls}");
    Ok(())
}

/// Sets a tag and a policy of the role as another tool does, and requests a reconciliation. Returns the ledger mark before
/// that.
async fn take_over(scene: &TestNamespace<'_>, role: &str) -> Result<Mark> {
    let mark = scene.stage.bed.gateway.ledger().mark();
    let iam = &scene.aws.iam;
    let tag = Tag::builder().key("team").value("theirs").build()?;
    iam.tag_role().role_name(role).tags(tag).send().await?;
    iam.attach_role_policy()
        .role_name(role)
        .policy_arn(ADMIN)
        .send()
        .await?;
    scene.request_reconcile("orders").await?;
    Ok(mark)
}

/// Waits until each of these calls of the operator has succeeded. One of them is not enough: a reconciliation that reads
/// the role between the two edits repairs one of them, and the next reconciliation the other.
async fn repaired_by(scene: &TestNamespace<'_>, mark: Mark, operations: &[&str], role: &str) -> Result<()> {
    let done = |calls: &Calls, operation| {
        let calls = calls.by("lanyard").of(operation).about(role);
        calls.count() > calls.failed().count()
    };
    let all = |calls: &Calls| operations.iter().all(|operation| done(calls, operation));
    let repaired = scene.stage.bed.gateway.ledger().until(mark, all);
    tokio::time::timeout(PATIENCE, repaired)
        .await
        .with_context(|| format!("the operator did not call all of {operations:?}"))?;
    Ok(())
}
