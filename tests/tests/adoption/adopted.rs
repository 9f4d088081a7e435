//! Proves that Lanyard adopts a role and an association of another tool: it adds what the spec requests, keeps and reports
//! the rest, and releases both at deletion. Does I/O.

use anyhow::{Context, Result, ensure};
use lanyard_api::status::DriftItem;
use lanyard_core::model::status::DriftReason;
use lanyard_tests::{TestNamespace, drift};
use serde_json::json;

use crate::foreign_role::{
    FOREIGN, PATH, REQUESTED, contents, make, memberships, named, own_tags, request_adoption, untag,
};
use crate::stage;

const OWN: [&str; 4] = [
    "lanyard.dev/adopted",
    "lanyard.dev/cluster",
    "lanyard.dev/name",
    "lanyard.dev/namespace",
];

/// Fails unless the extras of the role are reported as not managed by Lanyard.
fn extras_are_reported(items: &[DriftItem]) -> Result<()> {
    let fields: Vec<&str> = items.iter().map(|item| item.field.as_str()).collect();
    let asked = format!("attachedPolicies[{FOREIGN}]");
    for wanted in [
        asked.as_str(),
        "inlinePolicies[theirs]",
        "maxSessionDuration",
        "trustPolicy.Statement[Sid=Machines]",
    ] {
        ensure!(fields.contains(&wanted), "{wanted} is not among {fields:?}");
    }
    let reported = |item: &&DriftItem| item.reason == Some(DriftReason::Adopted);
    let others = items.iter().filter(|item| !reported(item));
    let others: Vec<&str> = others.map(|item| item.field.as_str()).collect();
    ensure!(others == ["tags[team]"], "{others:?}");
    Ok(())
}

async fn adopt_and_release(scene: &TestNamespace<'_>, role: &str, method: &str) -> Result<()> {
    let arn = make(&scene.aws, PATH, role, &[("team", "shop")]).await?;
    let before = contents(&scene.aws, role).await?;
    scene.account("orders").await?;
    request_adoption(scene, "orders", &arn, named(role, method)).await?;
    let object = scene.until_ready("orders").await?;
    let known = object
        .status
        .clone()
        .and_then(|status| status.role)
        .context("a role")?;
    ensure!(known.arn == arn && known.adopted, "{known:?}");
    extras_are_reported(&drift(&object).unmanaged)?;
    ensure!(drift(&object).count == 0, "{:?}", drift(&object).items);
    ensure!(own_tags(&scene.aws, role).await? == OWN);
    ensure!(contents(&scene.aws, role).await? == before.and(REQUESTED));
    if method == "IRSA" {
        let assumed = scene.assume(&arn, "orders").await?;
        ensure!(assumed.is_ok(), "{assumed:?}");
    }

    // A steady object causes no writes, and the annotation is no longer needed.
    scene.apply("orders", named(role, method)).await?;
    let ledger = scene.stage.bed.gateway.ledger();
    let mark = ledger.mark();
    scene.reconciled("orders").await?;
    scene.reconciled("orders").await?;
    let object = scene.until_ready("orders").await?;
    ensure!(
        object
            .status
            .and_then(|status| status.role)
            .context("a role")?
            .arn
            == arn
    );
    let writes = ledger.since(mark).about(role).writes();
    ensure!(writes.is_empty(), "{writes}");

    // A policy that the spec requested and no longer requests is detached. A policy that was attached before stays, even if
    // the spec named it in between.
    let both = |policies: &[&str]| json!({"method": method, "role": {"managed": {"name": role, "policyArns": policies}}});
    scene.apply("orders", both(&[FOREIGN])).await?;
    scene.until_ready("orders").await?;
    scene.apply("orders", both(&[])).await?;
    scene.until_ready("orders").await?;
    ensure!(scene.aws.attached(role).await? == [FOREIGN]);

    let before = contents(&scene.aws, role).await?;
    scene.delete("orders").await?;
    ensure!(contents(&scene.aws, role).await? == before);
    ensure!(own_tags(&scene.aws, role).await? == ["lanyard.dev/retained"]);
    ensure!(memberships(&scene.aws, role).await? == 0);
    ensure!(
        scene
            .aws
            .associations(&scene.namespace, "orders")
            .await?
            .is_empty()
    );
    Ok(())
}

#[tokio::test]
async fn foreign_role_is_adopted_for_pod_identity_and_released() -> Result<()> {
    let scene = stage().await?.scene("ad-pods").await?;
    adopt_and_release(&scene, "ad-pods", "PodIdentity").await
}

#[tokio::test]
async fn foreign_role_is_adopted_for_irsa_and_released() -> Result<()> {
    let scene = stage().await?.scene("ad-irsa").await?;
    adopt_and_release(&scene, "ad-irsa", "IRSA").await
}

/// Terraform removes tags that it does not know.
#[tokio::test]
async fn removed_tags_are_restored_and_trust_is_not_narrowed() -> Result<()> {
    let scene = stage().await?.scene("ad-stripped").await?;
    let arn = make(&scene.aws, PATH, "ad-stripped", &[]).await?;
    scene.account("orders").await?;
    request_adoption(&scene, "orders", &arn, named("ad-stripped", "IRSA")).await?;
    scene.until_ready("orders").await?;
    let before = contents(&scene.aws, "ad-stripped").await?;
    // A reconciliation between two of the edits would restore only some of the tags.
    scene.reconciled("orders").await?;
    for key in OWN {
        untag(&scene.aws, "ad-stripped", key).await?;
    }
    scene.request_reconcile("orders").await?;
    scene
        .until("orders", "repaired", |object| {
            drift(object).last_correction.is_some()
        })
        .await?;
    ensure!(own_tags(&scene.aws, "ad-stripped").await? == OWN);
    ensure!(contents(&scene.aws, "ad-stripped").await? == before);
    scene.delete("orders").await?;
    ensure!(scene.aws.has_role("ad-stripped").await?);
    Ok(())
}

#[tokio::test]
async fn role_without_adoption_tag_is_fully_owned() -> Result<()> {
    let scene = stage().await?.scene("ad-whole").await?;
    let arn = make(&scene.aws, PATH, "ad-whole", &[]).await?;
    scene.account("orders").await?;
    request_adoption(&scene, "orders", &arn, named("ad-whole", "IRSA")).await?;
    scene.until_ready("orders").await?;
    untag(&scene.aws, "ad-whole", "lanyard.dev/adopted").await?;
    scene.request_reconcile("orders").await?;
    scene
        .until("orders", "fully owned", |object| {
            let role = object.status.as_ref().and_then(|status| status.role.as_ref());
            role.is_some_and(|role| !role.adopted) && drift(object).count == 0
        })
        .await?;
    ensure!(scene.aws.attached("ad-whole").await? == [REQUESTED]);
    ensure!(contents(&scene.aws, "ad-whole").await?.statements.is_empty());
    ensure!(scene.assume(&arn, "orders").await?.is_ok());
    scene.delete("orders").await?;
    ensure!(!scene.aws.has_role("ad-whole").await?);
    Ok(())
}

/// Creates a role that trusts EKS and an association that uses it, as another tool does. Returns their ARNs.
async fn create_associated_role(scene: &TestNamespace<'_>, role: &str) -> Result<(String, String)> {
    let arn = make(&scene.aws, PATH, role, &[]).await?;
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}]});
    let update = scene.aws.iam.update_assume_role_policy().role_name(role);
    update.policy_document(trust.to_string()).send().await?;
    let made = scene
        .aws
        .eks
        .create_pod_identity_association()
        .cluster_name("lanyard");
    let made = made
        .namespace(&scene.namespace)
        .service_account("orders")
        .role_arn(&arn)
        .tags("managed-by", "terraform")
        .send()
        .await?;
    let association = made.association.and_then(|made| made.association_arn);
    Ok((arn, association.context("an association")?))
}

#[tokio::test]
async fn foreign_association_is_adopted_and_released_with_role() -> Result<()> {
    let scene = stage().await?.scene("ad-assoc").await?;
    let (arn, association) = create_associated_role(&scene, "ad-assoc").await?;
    scene.account("orders").await?;

    request_adoption(&scene, "orders", &arn, named("ad-assoc", "PodIdentity")).await?;
    let object = scene
        .until_is("orders", "BindingReady", "False", "AssociationConflict")
        .await?;
    let message = lanyard_tests::condition(&object, "BindingReady")
        .context("BindingReady")?
        .message;
    let both = format!("lanyard.dev/adopt={arn},{association}");
    ensure!(
        message.contains("terraform") && message.contains(&both),
        "{message}"
    );
    ensure!(own_tags(&scene.aws, "ad-assoc").await? == OWN);

    request_adoption(
        &scene,
        "orders",
        &format!("{arn},{association}"),
        named("ad-assoc", "PodIdentity"),
    )
    .await?;
    scene.until_ready("orders").await?;
    let found = scene
        .aws
        .association("ad-assoc", "orders")
        .await?
        .context("an association")?;
    ensure!(found.association_arn.as_ref() == Some(&association));
    let tags = found.tags.unwrap_or_default();
    ensure!(OWN.iter().all(|key| tags.contains_key(*key)) && tags.contains_key("managed-by"));

    scene.delete("orders").await?;
    let left = scene
        .aws
        .association("ad-assoc", "orders")
        .await?
        .context("it stays")?;
    let tags = left.tags.unwrap_or_default();
    ensure!(
        tags.contains_key("lanyard.dev/retained") && !tags.contains_key("lanyard.dev/name"),
        "{tags:?}"
    );
    ensure!(left.role_arn.as_ref() == Some(&arn));
    ensure!(own_tags(&scene.aws, "ad-assoc").await? == ["lanyard.dev/retained"]);
    Ok(())
}
