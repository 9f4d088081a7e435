//! Letting an object go while AWS cannot even say which cluster this is: its finalizer and custody are taken off, and
//! nothing else is touched. Metadata in; one patch to the API server. Called by `lanyard release`.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, Patch, PatchParams};
use kube::core::PartialObjectMeta;
use lanyard_api::{ANNOTATION_CUSTODY, FINALIZER, WorkloadIdentity};
use serde_json::json;

use crate::call::{self, MayWrite};
use crate::error::EngineError;

/// Takes our marks off an object. One that is gone meanwhile is done with. `limit`: the longest that the patch may take.
///
/// # Errors
/// When the patch is refused, does not get through in time, or may not be sent.
pub async fn let_go(
    kube: &kube::Client,
    limit: Duration,
    may_write: &MayWrite,
    metadata: &ObjectMeta,
) -> Result<(), EngineError> {
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let name = metadata.name.as_deref().unwrap_or_default();
    let others = metadata.finalizers.iter().flatten();
    let finalizers: Vec<&String> = others.filter(|known| *known != FINALIZER).collect();
    let body = json!({"metadata": {
        // Neither an object that was created again under the name nor somebody else's finalizer is hit.
        "uid": metadata.uid,
        "resourceVersion": metadata.resource_version,
        "finalizers": finalizers,
        "annotations": { ANNOTATION_CUSTODY: null },
    }});
    let api: Api<PartialObjectMeta<WorkloadIdentity>> = Api::namespaced(kube.clone(), namespace);
    let (params, patch) = (PatchParams::default(), Patch::Merge(&body));
    let request = api.patch_metadata(name, &params, &patch);
    let what = format!("workloadidentities.lanyard.dev {namespace}/{name}");
    match call::write(may_write, limit, "patch", &what, request).await {
        Err(error) if error.status() == Some(404) => Ok(()),
        patched => patched.map(drop),
    }
}
