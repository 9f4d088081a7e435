//! Hold: the finalizer that keeps a class while identities follow it.
//! A class and whether it is used in, the finalizer put on or taken off; writes to the API server. Called by those who
//! count what follows a class, and by `release`, which has no world to write through.

use kube::api::{Api, Patch, PatchParams};
use kube::core::{ObjectMeta, PartialObjectMeta};
use lanyard_api::WorkloadIdentityClass;
use lanyard_api::class::FINALIZER_CLASS;
use lanyard_engine::{EngineError, GuardedClient};
use serde_json::json;

/// Holds a class while it is used, and lets it go when it is not. One that is gone meanwhile is done with.
///
/// # Errors
/// When the patch is refused, does not get through in time, or may not be sent.
pub(crate) async fn hold(
    guarded: GuardedClient<'_>,
    class: &ObjectMeta,
    used: bool,
) -> Result<(), EngineError> {
    let mut finalizers = class.finalizers.clone().unwrap_or_default();
    let is_held = finalizers.iter().any(|known| known == FINALIZER_CLASS);
    // The API server takes no new finalizer on what is being deleted.
    if is_held == used || (used && class.deletion_timestamp.is_some()) {
        return Ok(());
    }
    finalizers.retain(|known| known != FINALIZER_CLASS);
    finalizers.extend(used.then(|| FINALIZER_CLASS.to_owned()));
    let patch = Patch::Merge(json!({"metadata": {
        "uid": class.uid,
        "resourceVersion": class.resource_version,
        "finalizers": finalizers,
    }}));
    let name = class.name.as_deref().unwrap_or_default();
    let api: Api<PartialObjectMeta<WorkloadIdentityClass>> = Api::all(guarded.kube.clone());
    let params = PatchParams::default();
    let call = api.patch_metadata(name, &params, &patch);
    let what = format!("workloadidentityclasses.lanyard.dev {name}");
    match guarded.write("patch", &what, call).await {
        Err(error) if error.status() == Some(404) => Ok(()),
        result => result.map(drop),
    }
}
