//! The fields of associations, one call each: spread over the time between two sweeps, those that were read longest ago
//! first. What to describe in; looks asked for and orphans told out. Reads EKS, and drops each answer when it was judged.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use futures::channel::mpsc::UnboundedSender;
use lanyard_core::fact::Fact;
use lanyard_core::observed::Observed;
use lanyard_core::sweep::orphan::owner_here;
use lanyard_core::sweep::{Judgement, Part, judge, recorded};

use super::cluster::Stranger;
use crate::checks::Key;
use crate::context::{Context, Ref};

/// One association to describe.
#[derive(Debug)]
pub(super) enum Task {
    /// The one of an identity that rests.
    Ours(Ref),
    /// One of a ServiceAccount that no object has.
    Stranger(Stranger),
}

/// The time between two calls: all of them fit into the time there is, at most so many a second.
pub(super) fn pace(time: Duration, tasks: usize, per_second: u16) -> Duration {
    let least = Duration::from_secs(1) / u32::from(per_second.max(1));
    let spread = time / u32::try_from(tasks).unwrap_or(u32::MAX).max(1);
    spread.max(least)
}

/// Describes one after the other until the time has come, or all are done.
pub(super) async fn describe_until(
    context: &Context,
    wake: &UnboundedSender<Ref>,
    mut tasks: VecDeque<Task>,
    deadline: Instant,
    per_second: u16,
) {
    let every = pace(
        deadline.saturating_duration_since(Instant::now()),
        tasks.len(),
        per_second,
    );
    while let Some(task) = tasks.pop_front() {
        context.metrics.sweeps.pending(tasks.len());
        if Instant::now() >= deadline || !context.lease.is_open() {
            return;
        }
        match task {
            Task::Ours(object) => describe(context, wake, &object).await,
            Task::Stranger(stranger) => identify(context, stranger).await,
        }
        let left = deadline.saturating_duration_since(Instant::now());
        tokio::time::sleep(every.min(left)).await;
    }
}

async fn describe(context: &Context, wake: &UnboundedSender<Ref>, object: &Ref) {
    let (checks, read_at) = (&context.checks, Instant::now());
    let stored = context.store.get(object);
    let Some(resting) = stored.and_then(|object| context.resting(&object)) else {
        return;
    };
    let Some(known) = recorded(&resting.decoded.status) else {
        return;
    };
    let read = context.world.association_by_id(&known.id).await;
    let target = &resting.decoded.target;
    let key = Key::of(&target.uid);
    if checks.looked_since(key, read_at) {
        return;
    }
    let facts = Observed {
        association: context.world.trusted_association(&target.subject, read),
        ..Observed::nothing()
    };
    match judge(Part::Association, &resting.known(), facts) {
        Judgement::AsTold => checks.described(key, read_at),
        Judgement::Unsure => {}
        Judgement::Deviates => {
            tracing::debug!(%object, "an association was found otherwise than told");
            // Nobody listens any more only when the controller has ended.
            let _ = wake.unbounded_send(object.clone());
        }
    }
}

/// Finds out whether an association that nobody has an object for is one of ours. The next sweep tells, if it still is.
async fn identify(context: &Context, Stranger { id, owner }: Stranger) {
    let Fact::Present(found) = context.world.association_by_id(&id).await else {
        return;
    };
    let of_ours = owner_here(&context.world.cluster().identity, &found.tags);
    let object = Ref::new(&owner.name).within(&owner.namespace);
    match of_ours {
        None => context.sweeps.foreign(id),
        // It may have come meanwhile.
        Some(_) if context.store.get(&object).is_some() => {}
        Some(_) => context.sweeps.suspect(id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_spread_over_the_time_and_many_come_no_faster_than_they_may() {
        let (minutes, second) = (Duration::from_secs(600), Duration::from_secs(1));
        assert_eq!(pace(minutes, 600, 5), second);
        assert_eq!(pace(minutes, 100_000, 5), second / 5);
        assert_eq!(pace(minutes, 0, 5), minutes);
    }
}
