//! The reconcile of one class: requeues the next identities of its rollout, and writes its finalizer and its status.
//! Input: a class from the store and the counts of its followers. Output: writes to the API server, and references on
//! the requeue channel.

use std::sync::Arc;

use futures::channel::mpsc::UnboundedSender;
use jiff::Timestamp;
use kube::api::Api;
use kube::{Resource, ResourceExt};
use kube_runtime::controller::Action;
use lanyard_api::class::WorkloadIdentityClassStatus;
use lanyard_core::reconcile::gate::WriteGate;
use lanyard_engine::EngineError;
use serde_json::json;

use super::finalizer::set_finalizer;
use super::status::class_status;
use crate::identity::{Context, IdentityRef};
use crate::status_patch::patch_status;
use lanyard_engine::raw::RawClass;

/// The input of every class reconcile.
pub(super) struct ClassContext {
    /// The context of the operator.
    pub context: Arc<Context>,
    /// The identities to reconcile.
    pub requeue: UnboundedSender<IdentityRef>,
}

/// Reconciles one class.
///
/// # Errors
/// Returns an error if the API server refuses a write, or if a write does not end in time or may not be sent.
pub(super) async fn reconcile(
    class: Arc<RawClass>,
    shared: Arc<ClassContext>,
) -> Result<Action, EngineError> {
    let context = &*shared.context;
    let (listed, gate) = (class.listed(), context.gate(false));
    let Some(rollout) = context
        .classes
        .rollout(&listed)
        .filter(|_| gate != WriteGate::Closed)
    else {
        // The next leader term and the next count trigger a reconcile.
        return Ok(Action::await_change());
    };
    for (namespace, name) in rollout.next {
        // The send fails only after the identity controller has ended.
        let _ = shared
            .requeue
            .unbounded_send(IdentityRef::new(&name).within(&namespace));
    }
    if gate == WriteGate::Open {
        let in_use = rollout.counts.total > 0 || (class.is_held() && is_followed(context, &listed.name));
        set_finalizer(context.engine.guarded(), class.meta(), in_use).await?;
    }
    let before = class.decode_status();
    let status = class_status(
        &listed,
        class.meta().generation,
        &before,
        &rollout.counts,
        Timestamp::now(),
    );
    if status != before {
        write_status(context, &class, &status).await?;
    }
    Ok(Action::await_change())
}

/// Returns true if an identity in the store follows the class. Checked before the finalizer is removed, because the
/// last count can be older than the store.
fn is_followed(context: &Context, class: &str) -> bool {
    let identities = context.store.state();
    identities
        .iter()
        .any(|identity| identity.class().as_deref() == Some(class))
}

/// Writes the status. A class that was deleted meanwhile needs none.
async fn write_status(
    context: &Context,
    class: &RawClass,
    status: &WorkloadIdentityClassStatus,
) -> Result<(), EngineError> {
    let api: Api<RawClass> = Api::all(context.engine.kube().clone());
    let name = class.name_any();
    let metadata = json!({"name": name, "uid": class.meta().uid});
    match patch_status(&context.engine, &api, &name, &metadata, status).await {
        Err(error) if error.status() == Some(404) => Ok(()),
        result => result.map(drop),
    }
}
