//! Writes the status of an object of either kind by server-side apply.
//! Input: the object's metadata and its new status. Output: the object as the API server returns it. Writes to the API
//! server.

use std::fmt::Debug;

use kube::Resource;
use kube::api::{Api, Patch, PatchParams};
use lanyard_api::FIELD_MANAGER;
use lanyard_engine::{Engine, EngineError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Applies a status. `metadata` holds the name, the uid and, if the write must not overwrite another one, the
/// resourceVersion.
///
/// # Errors
/// Returns an error if the API server refuses the patch, or if the patch does not end in time or may not be sent.
pub(crate) async fn patch_status<K>(
    engine: &Engine,
    api: &Api<K>,
    name: &str,
    metadata: &Value,
    status: &impl Serialize,
) -> Result<K, EngineError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let body = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": metadata,
        "status": status,
    });
    let namespace = metadata.get("namespace").and_then(Value::as_str);
    let object = namespace.map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"));
    let object = format!("{}.{}/status {object}", K::plural(&()), K::group(&()));
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let patch = Patch::Apply(&body);
    engine
        .write("patch", &object, api.patch_status(name, &params, &patch))
        .await
}
