//! Proves that owned resources are deleted whatever happened to the spec, the status, the inventory and the role. Does I/O.

use anyhow::{Context, Result, ensure};
use kube::api::{Api, DeleteParams};
use kube::runtime::conditions::is_deleted;
use kube::runtime::wait::await_condition;
use lanyard_tests::{TestNamespace, with};
use serde_json::{Value, json};

use crate::resources::{begin_deletion, lose_status, nothing_left, patch_metadata, spec};
use crate::stage;

/// Creates an identity that is ready. Its role has the name of the namespace.
async fn ready(namespace: &str, method: &str) -> Result<TestNamespace<'static>> {
    let scene = stage().await?.scene(namespace).await?;
    scene.apply("orders", spec(namespace, method)).await?;
    scene.until_ready("orders").await?;
    Ok(scene)
}

async fn delete_without_remains(scene: &TestNamespace<'_>) -> Result<()> {
    scene.delete("orders").await?;
    ensure!(nothing_left(scene, "orders", &scene.namespace).await?);
    ensure!(scene.accounts().get_opt("orders").await?.is_none());
    Ok(())
}

/// A spec that the CRD accepts, because its rules cannot read a document, and that core rejects.
fn invalid(role: &str, method: &str) -> Value {
    let mut spec = spec(role, method);
    let policies = json!([{"name": "broken", "document": {"Version": "2012-10-17", "Statement": "none"}}]);
    if let Some(managed) = spec.pointer_mut("/role/managed").and_then(Value::as_object_mut) {
        managed.insert("inlinePolicies".to_owned(), policies);
    }
    spec
}

#[tokio::test]
async fn namespace_deletion_removes_everything() -> Result<()> {
    let scene = stage().await?.scene("whole").await?;
    for (name, method) in [("whole-a", "PodIdentity"), ("whole-b", "IRSA")] {
        scene.apply(name, spec(name, method)).await?;
        scene.until_ready(name).await?;
    }
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(scene.client.clone());
    let uid = namespaces.get("whole").await?.metadata.uid.context("uid")?;
    namespaces.delete("whole", &DeleteParams::default()).await?;
    let gone = await_condition(namespaces, "whole", is_deleted(&uid));
    tokio::time::timeout(std::time::Duration::from_secs(60), gone).await??;
    for name in ["whole-a", "whole-b"] {
        ensure!(nothing_left(&scene, name, name).await?, "{name} still exists");
    }
    Ok(())
}

#[tokio::test]
async fn lost_status_still_removes_everything() -> Result<()> {
    for (namespace, method) in [("lost-pi", "PodIdentity"), ("lost-irsa", "IRSA")] {
        let scene = ready(namespace, method).await?;
        lose_status(&scene, "orders").await?;
        delete_without_remains(&scene).await?;
    }
    Ok(())
}

/// Only the finalizer remains of what Lanyard wrote: names and tags lead to the rest.
#[tokio::test]
async fn lost_status_and_inventory_still_remove_everything() -> Result<()> {
    for (namespace, method) in [("bare-pi", "PodIdentity"), ("bare-irsa", "IRSA")] {
        let scene = ready(namespace, method).await?;
        // Deleted first: the operator would write the inventory again on a live object.
        let suspended = with(spec(namespace, method), json!({"suspend": true}));
        scene.apply("orders", suspended).await?;
        scene
            .until("orders", "suspended", |object| {
                object
                    .status
                    .as_ref()
                    .and_then(|status| status.observed_generation)
                    == object.metadata.generation
            })
            .await?;
        patch_metadata(
            &scene,
            "orders",
            json!({"annotations": {"lanyard.dev/inventory": null}}),
        )
        .await?;
        lose_status(&scene, "orders").await?;
        let hold = json!({"finalizers": ["lanyard.dev/workloadidentity", "example.com/hold"]});
        patch_metadata(&scene, "orders", hold).await?;
        scene.apply("orders", spec(namespace, method)).await?;
        begin_deletion(&scene, "orders").await?;
        let free = json!({"finalizers": ["lanyard.dev/workloadidentity"]});
        patch_metadata(&scene, "orders", free).await?;
        scene.until_gone("orders").await?;
        ensure!(nothing_left(&scene, "orders", namespace).await?);
    }
    Ok(())
}

#[tokio::test]
async fn invalid_spec_still_removes_everything() -> Result<()> {
    for (namespace, method) in [("invalid-pi", "PodIdentity"), ("invalid-irsa", "IRSA")] {
        let scene = ready(namespace, method).await?;
        scene.apply("orders", invalid(namespace, method)).await?;
        scene.until_is("orders", "Stalled", "True", "InvalidSpec").await?;
        delete_without_remains(&scene).await?;
    }
    Ok(())
}

/// Policies of both kinds and instance profiles, which AWS requires to be removed before a role can be deleted.
#[tokio::test]
async fn foreign_attachments_are_removed_with_role() -> Result<()> {
    let scene = ready("crowded", "PodIdentity").await?;
    let iam = &scene.aws.iam;
    let attach = iam.attach_role_policy().role_name("crowded");
    let admin = attach.policy_arn("arn:aws:iam::aws:policy/AdministratorAccess");
    admin.send().await?;
    let document =
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]});
    let inline = iam
        .put_role_policy()
        .role_name("crowded")
        .policy_name("AWSRevokeOlderSessions");
    inline.policy_document(document.to_string()).send().await?;
    iam.create_instance_profile()
        .instance_profile_name("crowded")
        .send()
        .await?;
    let profile = iam
        .add_role_to_instance_profile()
        .instance_profile_name("crowded");
    profile.role_name("crowded").send().await?;
    delete_without_remains(&scene).await
}

/// Another actor detached the policy, attached another one and deleted the binding, and then deleted the role itself.
#[tokio::test]
async fn missing_resources_do_not_block_deletion() -> Result<()> {
    let scene = ready("gone", "PodIdentity").await?;
    let iam = &scene.aws.iam;
    for id in scene.aws.associations("gone", "orders").await? {
        let unbind = scene.aws.eks.delete_pod_identity_association();
        unbind.cluster_name("lanyard").association_id(id).send().await?;
    }
    let detach = iam.detach_role_policy().role_name("gone");
    detach
        .policy_arn("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
        .send()
        .await?;
    iam.delete_role().role_name("gone").send().await?;
    scene
        .accounts()
        .delete("orders", &DeleteParams::default())
        .await?;
    delete_without_remains(&scene).await
}
