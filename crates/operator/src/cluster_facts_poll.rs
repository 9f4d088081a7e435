//! The poll of the facts about the cluster that objects wait for: one task reads them, and wakes the objects when one turns
//! good. The engine's cache in; references on the requeue channel out. Reads from AWS and the API server.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::mpsc::UnboundedSender;
use lanyard_core::reconcile::gate::WriteGate;

use crate::identity::key::ObjectKey;
use crate::identity::reference::reference_of;
use crate::identity::{Context, IdentityRef};

/// The interval between two reads while a fact is bad and an object waits.
const INTERVAL: Duration = Duration::from_secs(15);

/// The number of wake-ups after a fact has turned good. A reconcile that read it before may end after the first one.
const ROUNDS: u8 = 2;

/// Polls until it is dropped, while this operator is the leader.
pub(crate) async fn run(context: Arc<Context>, requeue: UnboundedSender<IdentityRef>) {
    let (mut known, mut rounds) = (0, 0_u8);
    loop {
        tokio::time::sleep(INTERVAL).await;
        if context.gate(false) == WriteGate::Closed || context.objects.waiting().is_empty() {
            continue;
        }
        let recoveries = context.engine.reread_bad_cluster_facts().await;
        if recoveries != known {
            (known, rounds) = (recoveries, ROUNDS);
        }
        if rounds > 0 {
            rounds -= 1;
            wake_waiting(&context, &requeue);
        }
    }
}

fn wake_waiting(context: &Context, requeue: &UnboundedSender<IdentityRef>) {
    let waiting: HashSet<ObjectKey> = context.objects.waiting().into_iter().collect();
    tracing::info!(
        objects = waiting.len(),
        "a fact about the cluster that objects wait for has turned good"
    );
    for object in context.store.state() {
        if ObjectKey::of_object(&object).is_some_and(|key| waiting.contains(&key)) {
            context.requeue_now(requeue, reference_of(&object));
        }
    }
}
