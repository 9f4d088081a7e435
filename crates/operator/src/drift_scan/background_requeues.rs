//! Wakes: the looks at what sweeps found, a few at a time. References in, the same in turn out. No I/O but waiting.
//!
//! Everything may deviate at once: a tool that tags every role, a release that words its statuses anew. Whoever creates an
//! object meanwhile is not to stand in line behind ten thousand looks that nobody waits for.

use std::time::Duration;

use futures::StreamExt;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender};

use crate::identity::triggers::Priority;
use crate::identity::{Context, IdentityRef};

/// One that was asked for and does not begin within this time holds nobody up: it may be gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where looks at what sweeps found are asked for.
#[derive(Debug, Clone)]
pub(super) struct BackgroundRequeues(pub UnboundedSender<IdentityRef>);

impl BackgroundRequeues {
    /// Asks for a look at an object in its turn.
    pub fn look(&self, object: IdentityRef) {
        // Nobody listens any more only when the controller has ended.
        let _ = self.0.unbounded_send(object);
    }
}

/// Passes on what was found, so that never more than half of the workers' number wait for their look.
pub(super) async fn in_turn(
    context: &Context,
    mut found: UnboundedReceiver<IdentityRef>,
    drifted: &UnboundedSender<IdentityRef>,
    workers: u16,
) {
    let at_once = usize::from(workers / 2).max(1);
    while let Some(object) = found.next().await {
        let begun = async {
            while context.objects.background_triggers() >= at_once {
                context.objects.background_trigger_taken().await;
            }
        };
        // Whether it came to that or not.
        let _ = tokio::time::timeout(PATIENCE, begun).await;
        if context.lease.is_open() && context.trigger(&object, Priority::Background) {
            // As above.
            let _ = drifted.unbounded_send(object);
        }
    }
}
