//! Counts the followers of every class when identities change, and triggers the reconcile of the changed classes.
//! Input: the store of identities and its change notifications. Output: a stream of classes to reconcile. No I/O.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt};
use kube_runtime::reflector::ObjectRef;
use lanyard_core::reconcile::gate::WriteGate;

use crate::identity::{Context, IdentityRef};
use lanyard_engine::raw::RawClass;

/// The minimum time between two counts, so that a rollout of many identities causes few counts.
const INTERVAL: Duration = Duration::from_secs(1);
/// A count takes at most this fraction of the time: one part in 20.
const SHARE: u32 = 20;

/// The classes to reconcile. One count serves all classes: it decodes every identity.
pub(super) fn followers_changed(context: Arc<Context>) -> impl Stream<Item = ObjectRef<RawClass>> + Send {
    futures::stream::unfold(None, move |pause: Option<Duration>| {
        let context = Arc::clone(&context);
        async move {
            wait(&context, pause).await;
            let began = Instant::now();
            let classes = count(&context);
            Some((futures::stream::iter(classes), Some(pause_after(began.elapsed()))))
        }
    })
    .flatten()
}

/// Waits for the next change of an identity. `pause`: the time to wait before that; `None` before the first count.
async fn wait(context: &Context, pause: Option<Duration>) {
    if let Some(pause) = pause {
        tokio::time::sleep(pause).await;
        context.classes.changed().await;
        return;
    }
    context.classes.known().await;
    // A count of an incomplete store would release the finalizers of classes that are in use.
    context.classes.all_listed().await;
}

fn pause_after(elapsed: Duration) -> Duration {
    INTERVAL.max(elapsed * SHARE)
}

/// Counts the followers of every class. A replica that is not the leader does not count: it must not write.
fn count(context: &Context) -> Vec<ObjectRef<RawClass>> {
    if context.gate(false) == WriteGate::Closed {
        return Vec::new();
    }
    let cluster = &context.engine.cluster().identity;
    let identities = context.store.state();
    let identities = identities.iter().filter_map(|identity| identity.decode(cluster));
    let due = context.classes.count(identities, |(namespace, name)| {
        let identity = context.store.get(&IdentityRef::new(name).within(namespace))?;
        identity.decode(cluster)
    });
    due.iter().map(|name| ObjectRef::new(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pause_after_a_long_count_keeps_its_share_of_the_time() {
        assert_eq!(pause_after(Duration::from_millis(5)), INTERVAL);
        assert_eq!(pause_after(Duration::from_millis(200)), Duration::from_secs(4));
    }
}
