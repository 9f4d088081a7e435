//! Proves that Lanyard never changes resources that it does not own, and that the condition names their owner. Does I/O.

use anyhow::{Context, Result};
use lanyard_tests::condition;
use serde_json::json;

use crate::stage;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}]}"#;

#[tokio::test]
async fn foreign_role_reports_conflict_and_stays_unchanged() -> Result<()> {
    let scene = stage().await?.scene("con-role").await?;
    let made = scene
        .aws
        .iam
        .create_role()
        .role_name("con-theirs")
        .path("/lanyard/us-east-1/lanyard/");
    made.assume_role_policy_document(TRUST).send().await?;
    let mark = scene.stage.bed.gateway.ledger().mark();
    scene
        .apply(
            "orders",
            json!({"method": "PodIdentity", "role": {"managed": {"name": "con-theirs"}}}),
        )
        .await?;
    let object = scene
        .until_is("orders", "Stalled", "True", "RoleConflict")
        .await?;
    let message = condition(&object, "Stalled").context("Stalled")?.message;
    assert!(message.contains("has no ownership tags of Lanyard"), "{message}");
    scene.delete("orders").await?;
    let writes = scene
        .stage
        .bed
        .gateway
        .ledger()
        .since(mark)
        .about("con-theirs")
        .writes();
    assert!(writes.is_empty(), "{writes}");
    assert!(scene.aws.has_role("con-theirs").await?);
    Ok(())
}

#[tokio::test]
async fn foreign_association_blocks_irsa_and_is_reported() -> Result<()> {
    let scene = stage().await?.scene("con-association").await?;
    scene.account("orders").await?;
    let made = scene.aws.iam.create_role().role_name("con-other");
    let role = made
        .assume_role_policy_document(TRUST)
        .send()
        .await?
        .role
        .context("a role")?;
    let associate = scene
        .aws
        .eks
        .create_pod_identity_association()
        .cluster_name("lanyard");
    associate
        .namespace("con-association")
        .service_account("orders")
        .role_arn(role.arn())
        .send()
        .await?;
    scene
        .apply("orders", json!({"method": "IRSA", "role": {"managed": {}}}))
        .await?;
    let object = scene
        .until_is("orders", "BindingReady", "False", "AssociationConflict")
        .await?;
    let message = condition(&object, "BindingReady")
        .context("BindingReady")?
        .message;
    assert!(message.contains(role.arn()), "{message}");
    scene.delete("orders").await?;
    assert_eq!(
        scene.aws.associations("con-association", "orders").await?.len(),
        1
    );
    Ok(())
}

#[tokio::test]
async fn foreign_annotation_reports_conflict_and_stays_unchanged() -> Result<()> {
    let scene = stage().await?.scene("con-annotation").await?;
    scene.account("orders").await?;
    let patch = json!({"metadata": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::000000000000:role/theirs"}}});
    let params = kube::api::PatchParams {
        field_manager: Some("eksctl".to_owned()),
        ..Default::default()
    };
    scene
        .accounts()
        .patch("orders", &params, &kube::api::Patch::Merge(&patch))
        .await?;
    scene
        .apply("orders", json!({"method": "IRSA", "role": {"managed": {}}}))
        .await?;
    let object = scene
        .until_is("orders", "Stalled", "True", "AnnotationConflict")
        .await?;
    let message = condition(&object, "Stalled").context("Stalled")?.message;
    assert!(message.contains("role/theirs"), "{message}");
    let account = scene.accounts().get("orders").await?;
    let found = account.metadata.annotations.context("annotations")?["eks.amazonaws.com/role-arn"].clone();
    assert_eq!(found, "arn:aws:iam::000000000000:role/theirs");
    Ok(())
}

#[tokio::test]
async fn invisible_change_requires_approval_and_proceeds_at_once() -> Result<()> {
    let scene = stage().await?.scene("con-change").await?;
    scene.account("orders").await?;
    let by = |method: &str| json!({"method": method, "role": {"managed": {}}});
    scene.apply("orders", by("IRSA")).await?;
    let object = scene.until_ready("orders").await?;
    let trust = scene.aws.trust(&scene.role_of(&object)?).await?;
    scene.apply("orders", by("PodIdentity")).await?;
    let object = scene
        .until_is("orders", "Transitioning", "True", "ApprovalRequired")
        .await?;
    assert_eq!(condition(&object, "Ready").context("Ready")?.status, "False");
    assert_eq!(scene.aws.trust(&scene.role_of(&object)?).await?, trust);
    assert!(scene.aws.associations("con-change", "orders").await?.is_empty());

    let transition = object.status.and_then(|status| status.transition);
    let consent = transition
        .and_then(|transition| transition.approval_token)
        .context("the status has no approval token")?;
    let patch = json!({"metadata": {"annotations": {lanyard_api::ANNOTATION_APPROVE: consent}}});
    scene
        .identities()
        .patch_metadata(
            "orders",
            &kube::api::PatchParams::default(),
            &kube::api::Patch::Merge(&patch),
        )
        .await?;
    scene
        .until_is("orders", "Transitioning", "True", "Settling")
        .await?;
    assert_eq!(scene.aws.associations("con-change", "orders").await?.len(), 1);
    Ok(())
}
