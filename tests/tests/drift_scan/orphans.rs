//! Proves that resources whose object does not exist are reported once and never changed. Does I/O.

use anyhow::{Context, Result, ensure};
use aws_sdk_iam::types::Tag;
use lanyard_tests::TestNamespace;
use serde_json::json;

use crate::{fleet, scans_pass, spec, stage, until_checked, until_metric};

#[tokio::test]
async fn orphan_is_reported_once_and_never_removed() -> Result<()> {
    let stage = stage("resync=2s,read-consistency=1s").await?;
    let scene = stage.scene("shop").await?;
    fleet(&scene, 2).await?;
    until_checked(&stage, 0, 2).await?;
    let role = create_orphans(&scene).await?;

    until_metric(&stage, 0, r#"lanyard_orphans{resource="Role"}"#, 1).await?;
    until_metric(&stage, 0, r#"lanyard_orphans{resource="Association"}"#, 1).await?;
    let mark = stage.bed.gateway.ledger().mark();
    scans_pass(&stage, 3).await?;
    let calls = stage.bed.gateway.ledger().since(mark).by("lanyard");
    ensure!(calls.deeds().is_empty(), "{calls}");
    ensure!(scene.aws.has_role("left-behind").await?);
    for name in ["gone", "theirs"] {
        ensure!(scene.aws.associations("shop", name).await?.len() == 1, "{name}");
    }
    let reported = stage.log()?.matches("orphan: it carries").count();
    ensure!(reported == 2, "expected one line each, found {reported}");

    // An object that requests the association owns it: it is no longer an orphan.
    let mut wanted = spec("PodIdentity", "takes orders");
    wanted["role"] = json!({"existing": {"arn": role}});
    scene.apply("gone", wanted).await?;
    until_metric(&stage, 0, r#"lanyard_orphans{resource="Association"}"#, 0).await?;
    until_metric(&stage, 0, r#"lanyard_orphans{resource="Role"}"#, 0).await?;
    stage.bed.stop().await
}

/// Creates a role and an association with the tags of an object that does not exist, and an association of another tool.
/// Returns the ARN of the role.
async fn create_orphans(scene: &TestNamespace<'_>) -> Result<String> {
    let ours = scene.role_of(&scene.identities().get("orders-00").await?)?;
    let (iam, eks) = (&scene.aws.iam, &scene.aws.eks);
    let tags = [
        (
            "lanyard.dev/cluster",
            "arn:aws:eks:us-east-1:000000000000:cluster/lanyard",
        ),
        ("lanyard.dev/namespace", "shop"),
        ("lanyard.dev/name", "gone"),
    ];
    let tag = |(key, value): (&str, &str)| Tag::builder().key(key).value(value).build();
    let of_role = tags.into_iter().map(tag).collect::<Result<Vec<_>, _>>()?;
    let trust = scene.aws.trust(&ours).await?;
    let create = iam.create_role().role_name("left-behind").set_tags(Some(of_role));
    let made = create
        .assume_role_policy_document(trust.to_string())
        .send()
        .await?;
    let role = made.role.context("a role")?.arn;
    let associate = |account: &str| {
        let create = eks.create_pod_identity_association().cluster_name("lanyard");
        create.namespace("shop").service_account(account).role_arn(&role)
    };
    let tagged = tags
        .into_iter()
        .fold(associate("gone"), |create, (key, value)| create.tags(key, value));
    tagged.send().await?;
    associate("theirs").send().await?;
    Ok(role)
}
