//! The watch of namespaces, which classes select by their labels.
//! Input: the context. Output: the class index, and references on the requeue channel. Reads from the API server.

use std::sync::Arc;

use futures::StreamExt;
use futures::channel::mpsc::UnboundedSender;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::Api;
use kube::core::PartialObjectMeta;

use super::requeue::requeue_affected;
use crate::identity::{Context, IdentityRef};
use crate::watched::{paged, watched};

/// Watches namespaces until it is dropped.
pub(super) async fn watch_namespaces(context: Arc<Context>, requeue: UnboundedSender<IdentityRef>) {
    let api: Api<PartialObjectMeta<Namespace>> = Api::all(context.engine.kube().clone());
    let mut events = watched(api, paged(), "namespaces", &context.watch_health).boxed();
    while let Some(event) = events.next().await {
        let affected = context.classes.apply(|index| index.apply_namespace(&event));
        requeue_affected(&context, &requeue, &affected);
    }
}
