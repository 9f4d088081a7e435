//! The read of one WorkloadIdentity from the API server: the store can be older than the object by the length of a watch
//! timeout. An object of the store in; the stored object out. One GET.

use kube::api::Api;
use kube::{Resource, ResourceExt};
use lanyard_engine::EngineError;
use lanyard_engine::raw::RawIdentity;

use super::context::Context;

/// Reads the object as the API server stores it now. Returns `None` if it was deleted, or deleted and created again: the
/// watch reports the new object.
///
/// # Errors
/// Returns an error if the API server refuses the request or does not answer in time.
pub(super) async fn read_live(
    object: &RawIdentity,
    context: &Context,
) -> Result<Option<RawIdentity>, EngineError> {
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let api: Api<RawIdentity> = Api::namespaced(context.engine.kube().clone(), &namespace);
    let what = format!("workloadidentities.lanyard.dev {namespace}/{name}");
    let live = context.engine.read("get", &what, api.get_opt(&name)).await?;
    let mut live = live.filter(|live| live.meta().uid == object.meta().uid);
    // As in the store, so that both decode alike.
    live.iter_mut().for_each(RawIdentity::bound);
    Ok(live)
}

/// Logs that an object could not be read.
pub(super) fn log_unread(object: &RawIdentity, error: &EngineError) {
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    tracing::warn!(namespace, name, %error, "the object could not be read; the reconcile is repeated");
}
