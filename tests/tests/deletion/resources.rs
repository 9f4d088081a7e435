//! Helpers of this suite: the resources of one identity in AWS and in the cluster. Input: a namespace and names. Output:
//! facts. Does I/O.

use anyhow::{Context, Result};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject};
use lanyard_api::WorkloadIdentity;
use lanyard_tests::TestNamespace;
use serde_json::{Value, json};

/// A spec with a role of this name.
pub fn spec(role: &str, method: &str) -> Value {
    json!({"method": method, "serviceAccount": {"create": true}, "role": {"managed": {
        "name": role, "policyArns": ["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"]}}})
}

/// Returns `true` if nothing of an identity remains in AWS.
pub async fn nothing_left(scene: &TestNamespace<'_>, name: &str, role: &str) -> Result<bool> {
    let role = scene.aws.has_role(role).await?;
    let associations = scene.aws.associations(&scene.namespace, name).await?;
    Ok(!role && associations.is_empty())
}

/// The tag keys of an identity's only association.
pub async fn association_tags(scene: &TestNamespace<'_>, name: &str) -> Result<Vec<String>> {
    let ids = scene.aws.associations(&scene.namespace, name).await?;
    let id = ids.first().context("no association")?;
    let described = scene.aws.eks.describe_pod_identity_association();
    let answer = described
        .cluster_name("lanyard")
        .association_id(id)
        .send()
        .await?;
    let association = answer.association().context("no association")?;
    let mut keys: Vec<String> = association
        .tags()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.clone())
        .collect();
    keys.sort();
    Ok(keys)
}

/// The notes of all events with this reason.
pub async fn event_notes(scene: &TestNamespace<'_>, reason: &str) -> Result<Vec<String>> {
    let events: Api<k8s_openapi::api::events::v1::Event> =
        Api::namespaced(scene.client.clone(), &scene.namespace);
    let list = events.list(&ListParams::default()).await?;
    let of_reason = list
        .items
        .into_iter()
        .filter(|event| event.reason.as_deref() == Some(reason));
    Ok(of_reason.filter_map(|event| event.note).collect())
}

/// Deletes an object without waiting for the end of the deletion.
pub async fn begin_deletion(scene: &TestNamespace<'_>, name: &str) -> Result<()> {
    scene.identities().delete(name, &DeleteParams::default()).await?;
    Ok(())
}

/// Ignores the error of a reconcile request for an object that the operator has just released by itself.
pub fn ignore_not_found(error: anyhow::Error) -> Result<()> {
    match error.downcast_ref::<kube::Error>() {
        Some(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        _ => Err(error),
    }
}

/// Removes the status of an object, as a backup without status does.
pub async fn lose_status(scene: &TestNamespace<'_>, name: &str) -> Result<()> {
    let resource = ApiResource::erase::<WorkloadIdentity>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(scene.client.clone(), &scene.namespace, &resource);
    let nothing = Patch::Merge(json!({"status": null}));
    api.patch_status(name, &PatchParams::default(), &nothing).await?;
    Ok(())
}

/// Changes an object's metadata.
pub async fn patch_metadata(scene: &TestNamespace<'_>, name: &str, metadata: Value) -> Result<()> {
    let patch = Patch::Merge(json!({ "metadata": metadata }));
    scene
        .identities()
        .patch_metadata(name, &PatchParams::default(), &patch)
        .await?;
    Ok(())
}
