//! The requeues of drifted objects, a few at a time. Input: references from drift scans. Output: the same references,
//! delayed. No I/O except timers.
//!
//! All objects may drift at once, for example after a tool tags every role, or after a release that changes status
//! messages. An object that a user creates at that time must not wait behind ten thousand background reconciles.

use std::time::Duration;

use futures::StreamExt;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender};

use crate::identity::triggers::Priority;
use crate::identity::{Context, IdentityRef};

/// The limit of the wait for a requested reconcile to start. The object may have been deleted since the request.
const START_TIMEOUT: Duration = Duration::from_secs(5);

/// The sender of background requeues.
#[derive(Debug, Clone)]
pub(super) struct BackgroundRequeues(pub UnboundedSender<IdentityRef>);

impl BackgroundRequeues {
    /// Requests a reconcile of an object with background priority.
    pub fn requeue(&self, object: IdentityRef) {
        // Fails only after the end of the controller.
        let _ = self.0.unbounded_send(object);
    }
}

/// Forwards requeues to the controller, so that at most half as many background reconciles as workers wait to start.
pub(super) async fn forward_requeues(
    context: &Context,
    mut requeues: UnboundedReceiver<IdentityRef>,
    controller: &UnboundedSender<IdentityRef>,
    workers: u16,
) {
    let limit = usize::from(workers / 2).max(1);
    while let Some(object) = requeues.next().await {
        let below_limit = async {
            while context.objects.background_triggers() >= limit {
                context.objects.background_trigger_taken().await;
            }
        };
        // After the timeout, the requeue is forwarded despite the limit.
        let _ = tokio::time::timeout(START_TIMEOUT, below_limit).await;
        if context.lease.is_open() && context.trigger(&object, Priority::Background) {
            // Fails only after the end of the controller.
            let _ = controller.unbounded_send(object);
        }
    }
}
