//! Proves Pod Identity: role, trust policy and association, and the credentials of pods. Does I/O.

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, PostParams};
use serde_json::json;

use crate::stage;

#[tokio::test]
async fn pod_created_after_ready_gets_association() -> Result<()> {
    let scene = stage().await?.scene("pi-works").await?;
    scene.account("carts").await?;
    let early = pod(&scene, "early").await?;
    scene
        .apply("carts", json!({"method": "PodIdentity", "role": {"managed": {}}}))
        .await?;
    let object = scene.until_ready("carts").await?;
    let status = object.status.context("a status")?;
    let id = status.bindings[0]
        .association
        .as_ref()
        .context("an association")?
        .id
        .clone();
    assert_eq!(scene.aws.associations("pi-works", "carts").await?, [id]);

    let late = pod(&scene, "late").await?;
    let uri = |pod: &Pod| {
        serde_json::to_string(pod)
            .unwrap()
            .contains("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    };
    assert!(uri(&late) && !uri(&early));
    let object = scene
        .until_is("carts", "PodsCurrent", "False", "PodsStale")
        .await?;
    assert_eq!(
        object
            .status
            .and_then(|status| status.pods)
            .map(|pods| pods.stale),
        Some(1),
        "only the pod from before the association is stale"
    );
    Ok(())
}

#[tokio::test]
async fn session_policy_and_target_role_are_set_on_association() -> Result<()> {
    let scene = stage().await?.scene("pi-fields").await?;
    let target = "arn:aws:iam::111122223333:role/theirs";
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]});
    let fields = json!({"targetRoleArn": target, "disableSessionTags": true, "sessionPolicy": policy});
    scene
        .apply(
            "carts",
            json!({"method": "PodIdentity", "podIdentity": fields, "role": {"managed": {}}}),
        )
        .await?;
    let object = scene.until_ready("carts").await?;
    let id = &scene.aws.associations("pi-fields", "carts").await?[0];
    let described = scene
        .aws
        .eks
        .describe_pod_identity_association()
        .cluster_name("lanyard")
        .association_id(id);
    let found = described.send().await?.association.context("an association")?;
    assert_eq!(found.target_role_arn(), Some(target));
    assert_eq!(found.disable_session_tags(), Some(true));
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(found.policy().context("a policy")?)?,
        policy
    );
    let trust = scene.aws.trust(&scene.role_of(&object)?).await?.to_string();
    assert!(
        trust.contains("aws:SourceArn") && !trust.contains("aws:RequestTag"),
        "without session tags: {trust}"
    );
    Ok(())
}

#[tokio::test]
async fn changed_session_policy_is_updated_in_place() -> Result<()> {
    let scene = stage().await?.scene("pi-update").await?;
    let with = |action: &str| {
        let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]});
        json!({"method": "PodIdentity", "role": {"managed": {}}, "podIdentity": {"disableSessionTags": true, "sessionPolicy": policy}})
    };
    scene.apply("carts", with("s3:GetObject")).await?;
    scene.until_ready("carts").await?;
    let before = scene.aws.associations("pi-update", "carts").await?;
    let mark = scene.stage.bed.gateway.ledger().mark();
    scene.apply("carts", with("s3:ListBucket")).await?;
    scene
        .stage
        .bed
        .gateway
        .ledger()
        .until(mark, |calls| {
            let updates = calls.of("UpdatePodIdentityAssociation");
            !updates.about("pi-update/carts").is_empty()
        })
        .await;
    scene.until_is("carts", "Ready", "True", "Bound").await?;
    assert_eq!(scene.aws.associations("pi-update", "carts").await?, before);
    Ok(())
}

async fn pod(scene: &lanyard_tests::TestNamespace<'_>, name: &str) -> Result<Pod> {
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": name},
        "spec": {"serviceAccountName": "carts", "containers": [{"name": "app", "image": "app"}]}
    }))?;
    let api: Api<Pod> = Api::namespaced(scene.client.clone(), &scene.namespace);
    Ok(api.create(&PostParams::default(), &pod).await?)
}
