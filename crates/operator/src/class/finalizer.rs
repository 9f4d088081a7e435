//! The finalizer that keeps a class while identities follow it.
//! Input: the metadata of a class, and whether it is in use. Output: the finalizer, added or removed. Writes to the API
//! server, through a guarded client: `release` has no engine.

use kube::api::{Api, Patch, PatchParams};
use kube::core::{ObjectMeta, PartialObjectMeta};
use lanyard_api::class::FINALIZER_CLASS;
use lanyard_api::{FIELD_MANAGER, WorkloadIdentityClass};
use lanyard_engine::{EngineError, GuardedClient};
use serde_json::json;

/// Adds the finalizer to a class that is in use, and removes it from one that is not. A class that was deleted
/// meanwhile counts as done.
///
/// # Errors
/// Returns an error if the API server refuses the patch, or if the patch does not end in time or may not be sent.
pub(crate) async fn set_finalizer(
    guarded: GuardedClient<'_>,
    class: &ObjectMeta,
    in_use: bool,
) -> Result<(), EngineError> {
    let mut finalizers = class.finalizers.clone().unwrap_or_default();
    let is_held = finalizers.iter().any(|known| known == FINALIZER_CLASS);
    // The API server refuses new finalizers on an object that is being deleted.
    if is_held == in_use || (in_use && class.deletion_timestamp.is_some()) {
        return Ok(());
    }
    finalizers.retain(|known| known != FINALIZER_CLASS);
    finalizers.extend(in_use.then(|| FINALIZER_CLASS.to_owned()));
    let patch = Patch::Merge(json!({"metadata": {
        "uid": class.uid,
        "resourceVersion": class.resource_version,
        "finalizers": finalizers,
    }}));
    let name = class.name.as_deref().unwrap_or_default();
    let api: Api<PartialObjectMeta<WorkloadIdentityClass>> = Api::all(guarded.kube.clone());
    let params = PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let call = api.patch_metadata(name, &params, &patch);
    let object = format!("workloadidentityclasses.lanyard.dev {name}");
    match guarded.write("patch", &object, call).await {
        Err(error) if error.status() == Some(404) => Ok(()),
        result => result.map(drop),
    }
}
