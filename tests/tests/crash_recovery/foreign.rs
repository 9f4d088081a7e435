//! Resources that Lanyard does not own and must not change: a role in its path, an association and an annotated
//! ServiceAccount. Also cleans up between runs, as an administrator does. Input: a namespace. Writes to AWS and the API
//! server as another actor.

use anyhow::Result;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{DeleteParams, PostParams};
use lanyard_core::model::subject::TAG_RETAINED;
use lanyard_tests::TestNamespace;
use serde_json::json;

use crate::run::NAME;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}]}"#;
const THEIRS: &str = "theirs";
const PATH: &str = "/lanyard/us-east-1/lanyard/";
const POLICY: &str = "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess";

/// The ARN of the role that Lanyard does not own.
pub fn role() -> String {
    format!("arn:aws:iam::000000000000:role{PATH}{THEIRS}")
}

/// Creates the resources.
pub async fn create(scene: &TestNamespace<'_>) -> Result<()> {
    let iam = &scene.aws.iam;
    let tag = aws_sdk_iam::types::Tag::builder()
        .key("owner")
        .value("another owner")
        .build()?;
    let role = iam
        .create_role()
        .role_name(THEIRS)
        .path(PATH)
        .assume_role_policy_document(TRUST)
        .tags(tag);
    let arn = role.send().await?.role.map(|role| role.arn).unwrap_or_default();
    iam.attach_role_policy()
        .role_name(THEIRS)
        .policy_arn(POLICY)
        .send()
        .await?;
    let associate = scene
        .aws
        .eks
        .create_pod_identity_association()
        .cluster_name("lanyard");
    let associate = associate
        .namespace(&scene.namespace)
        .service_account(THEIRS)
        .role_arn(&arn);
    associate.send().await?;
    account(scene, THEIRS, json!({"eks.amazonaws.com/role-arn": arn})).await?;
    account(scene, NAME, json!({"example.com/owner": "another owner"})).await
}

async fn account(scene: &TestNamespace<'_>, name: &str, annotations: serde_json::Value) -> Result<()> {
    let account: ServiceAccount =
        serde_json::from_value(json!({"metadata": {"name": name, "annotations": annotations}}))?;
    scene.accounts().create(&PostParams::default(), &account).await?;
    Ok(())
}

/// Removes the resources.
pub async fn remove(scene: &TestNamespace<'_>) -> Result<()> {
    disassociate(scene, THEIRS).await?;
    delete_role(scene, THEIRS).await
}

/// Removes what a deletion keeps on purpose and marks by a tag: retained resources and the provider of the cluster.
pub async fn clean_up(scene: &TestNamespace<'_>) -> Result<()> {
    let roles = scene.aws.iam.list_roles().path_prefix("/lanyard/").send().await?;
    for role in roles.roles() {
        let tags = scene
            .aws
            .iam
            .list_role_tags()
            .role_name(role.role_name())
            .send()
            .await?;
        if tags.tags().iter().any(|tag| tag.key() == TAG_RETAINED) {
            disassociate(scene, NAME).await?;
            delete_role(scene, role.role_name()).await?;
        }
    }
    let providers = scene.aws.iam.list_open_id_connect_providers().send().await?;
    for provider in providers.open_id_connect_provider_list() {
        let delete = scene.aws.iam.delete_open_id_connect_provider();
        delete
            .set_open_id_connect_provider_arn(provider.arn.clone())
            .send()
            .await?;
    }
    Ok(())
}

/// Recreates the ServiceAccount as its owner does. A ServiceAccount that Lanyard is to create is deleted.
pub async fn recreate_account(scene: &TestNamespace<'_>, lanyard_creates: bool) -> Result<()> {
    if scene.accounts().get_opt(NAME).await?.is_some() {
        scene.accounts().delete(NAME, &DeleteParams::default()).await?;
    }
    match lanyard_creates {
        true => Ok(()),
        false => account(scene, NAME, json!({"example.com/owner": "another owner"})).await,
    }
}

async fn disassociate(scene: &TestNamespace<'_>, name: &str) -> Result<()> {
    for id in scene.aws.associations(&scene.namespace, name).await? {
        let delete = scene
            .aws
            .eks
            .delete_pod_identity_association()
            .cluster_name("lanyard");
        delete.association_id(id).send().await?;
    }
    Ok(())
}

async fn delete_role(scene: &TestNamespace<'_>, name: &str) -> Result<()> {
    let iam = &scene.aws.iam;
    for policy in scene.aws.attached(name).await? {
        iam.detach_role_policy()
            .role_name(name)
            .policy_arn(policy)
            .send()
            .await?;
    }
    for policy in iam
        .list_role_policies()
        .role_name(name)
        .send()
        .await?
        .policy_names()
    {
        iam.delete_role_policy()
            .role_name(name)
            .policy_name(policy)
            .send()
            .await?;
    }
    iam.delete_role().role_name(name).send().await?;
    Ok(())
}
