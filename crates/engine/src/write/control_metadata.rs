//! Writes of the finalizer and the inventory annotation of a WorkloadIdentity, each in one patch.
//! Input: an object and an inventory. Output: the new resourceVersion. Does I/O: writes to the API server. The release
//! command uses [`release_object`] without an [`Engine`].

use kube::api::{Api, Patch, PatchParams};
use kube::core::{ObjectMeta, PartialObjectMeta};
use lanyard_api::{ANNOTATION_INVENTORY, FIELD_MANAGER, FINALIZER, WorkloadIdentity};
use lanyard_core::model::inventory::Inventory;
use serde_json::json;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::guarded_client::GuardedClient;
use crate::target::Target;

impl Engine {
    /// Writes the finalizer and the inventory in one patch, before any other resource is changed.
    pub(crate) async fn take_custody(
        &self,
        target: &Target,
        inventory: &Inventory,
    ) -> Result<(), EngineError> {
        let version = patch(self.guarded(), &target.metadata(), Some(inventory)).await?;
        target.wrote(version);
        Ok(())
    }

    /// Removes the finalizer and the inventory. A missing object counts as success.
    pub(crate) async fn release_object(&self, target: &Target) -> Result<(), EngineError> {
        if let Some(version) = ignore_not_found(patch(self.guarded(), &target.metadata(), None).await)? {
            target.wrote(version);
        }
        Ok(())
    }
}

/// Removes the finalizer and the inventory of an object without an engine. A missing object counts as success.
///
/// # Errors
///
/// Returns an error if the patch is rejected, times out, or the write gate is closed.
pub async fn release_object(guarded: GuardedClient<'_>, object: &ObjectMeta) -> Result<(), EngineError> {
    ignore_not_found(patch(guarded, object, None).await).map(drop)
}

/// Sets the finalizer and the inventory of an object, or removes both, and returns the new resourceVersion. The
/// uid and the resourceVersion protect a recreated object, and finalizers that other controllers added
/// meanwhile.
async fn patch(
    guarded: GuardedClient<'_>,
    object: &ObjectMeta,
    inventory: Option<&Inventory>,
) -> Result<Option<String>, EngineError> {
    let existing = object.finalizers.iter().flatten().map(String::as_str);
    let mut finalizers: Vec<&str> = existing.filter(|known| *known != FINALIZER).collect();
    finalizers.extend(inventory.map(|_| FINALIZER));
    let patch = Patch::Merge(json!({
        "metadata": {
            "uid": object.uid,
            "resourceVersion": object.resource_version,
            "finalizers": finalizers,
            "annotations": { ANNOTATION_INVENTORY: inventory.map(Inventory::to_text) },
        }
    }));
    let namespace = object.namespace.as_deref().unwrap_or_default();
    let name = object.name.as_deref().unwrap_or_default();
    let api: Api<PartialObjectMeta<WorkloadIdentity>> = Api::namespaced(guarded.kube.clone(), namespace);
    let params = PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let call = api.patch_metadata(name, &params, &patch);
    let what = format!("workloadidentities.lanyard.dev {namespace}/{name}");
    let patched = guarded.write("patch", &what, call).await?;
    Ok(patched.metadata.resource_version)
}

fn ignore_not_found<T>(result: Result<T, EngineError>) -> Result<Option<T>, EngineError> {
    match result {
        Err(error) if error.status() == Some(404) => Ok(None),
        result => result.map(Some),
    }
}
