//! Requeues the identities that a change of a class or a namespace affects.
//! Input: the change and the store of identities. Output: references on the requeue channel. No I/O.

use futures::channel::mpsc::UnboundedSender;

use crate::class_state::Affected;
use crate::identity::{Context, IdentityRef};

/// Requeues the affected identities.
pub(super) fn requeue_affected(
    context: &Context,
    requeue: &UnboundedSender<IdentityRef>,
    affected: &Affected,
) {
    if *affected == Affected::None {
        return;
    }
    let cluster = &context.engine.cluster().identity;
    for identity in context.store.state() {
        if affected.includes(&identity, cluster) {
            context.requeue_now(requeue, IdentityRef::from_obj(&*identity));
        }
    }
}
