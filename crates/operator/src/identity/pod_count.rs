//! The pod count in the status: compares `status.pods` with the pod index and writes the difference without an AWS call.
//! A decoded object in; a status patch out, or a trigger if the patch was refused. Writes to the API server.

use futures::channel::mpsc::UnboundedSender;
use lanyard_core::reconcile::summary::recount;

use super::context::Context;
use super::publish::write_unless_changed;
use super::reference::IdentityRef;
use lanyard_engine::raw::Decoded;

/// Writes the pod count of `decoded` if the status differs from the pod index, or requeues the object if that fails.
pub async fn recount_pods(context: &Context, decoded: &Decoded, requeue: &UnboundedSender<IdentityRef>) {
    let (namespace, name) = (&decoded.target.subject.namespace, &decoded.target.subject.name);
    let pods = context.counted_pods(&decoded.target.subject);
    let Some(pods) = pods.present() else { return };
    if let Some(status) = recount(&decoded.status, pods, context.clock.now().timestamp)
        && !write_unless_changed(decoded, &status, context).await
    {
        // The receiver is gone only after the controller has ended.
        let _ = requeue.unbounded_send(IdentityRef::new(name.as_str()).within(namespace.as_str()));
    }
}
