//! Applies classes as a platform team does. Input: a spec. Output: a class in the cluster. Does I/O.

use anyhow::Result;
use kube::Client;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::ApiResource;
use lanyard_api::WorkloadIdentityClass;
use lanyard_api::class::ANNOTATION_DEFAULT_CLASS;
use serde_json::{Value, json};

/// Applies a class.
///
/// # Errors
/// Returns an error if the API server refuses it.
pub async fn put_class(client: &Client, name: &str, is_default: bool, spec: Value) -> Result<()> {
    let resource = ApiResource::erase::<WorkloadIdentityClass>(&());
    let mut object = DynamicObject::new(name, &resource);
    object.metadata.annotations =
        is_default.then(|| [(ANNOTATION_DEFAULT_CLASS.to_owned(), "true".to_owned())].into());
    object.data = json!({"spec": spec});
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    let params = PatchParams::apply("platform").force();
    api.patch(name, &params, &Patch::Apply(&object)).await?;
    Ok(())
}
