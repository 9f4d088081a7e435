//! The fields of associations, one call each: spread over the time between two sweeps, those that were read longest ago
//! first. What to describe in; looks asked for and orphans told out. Reads EKS, and drops each answer when it was judged.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use lanyard_core::fact::{Fact, Why};
use lanyard_core::observed::Observed;
use lanyard_core::sweep::orphan::owner_here;
use lanyard_core::sweep::{Judgement, Part, judge, recorded};

use super::Term;
use super::cluster::Stranger;
use crate::checks::Key;
use crate::context::{Context, Ref};

/// So many of ours come before each stranger.
const BETWEEN: usize = 20;

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

/// All that there is to describe. Strangers come once in a while: with thousands of our own they would never come last.
pub(super) fn tasks(ours: Vec<Ref>, strangers: Vec<Stranger>) -> VecDeque<Task> {
    let (mut tasks, mut strangers) = (VecDeque::new(), strangers.into_iter());
    for (count, object) in ours.into_iter().enumerate() {
        tasks.push_back(Task::Ours(object));
        if count % BETWEEN == BETWEEN - 1 {
            tasks.extend(strangers.next().map(Task::Stranger));
        }
    }
    tasks.extend(strangers.map(Task::Stranger));
    tasks
}

/// Describes one after the other until the time has come, the term is over, or all are done.
pub(super) async fn describe_until(
    term: &Term<'_>,
    mut tasks: VecDeque<Task>,
    deadline: Instant,
    per_second: u16,
) {
    let mut next = Instant::now();
    let every = pace(deadline.saturating_duration_since(next), tasks.len(), per_second);
    let pending = &term.context.metrics.sweeps;
    while let Some(task) = tasks.pop_front() {
        pending.pending(tasks.len());
        if next >= deadline || !term.leads() {
            return;
        }
        match task {
            Task::Ours(object) => describe(term, &object).await,
            Task::Stranger(stranger) => identify(term.context, stranger).await,
        }
        // The calls' own time counts: else there would be fewer a second than there may be.
        next = (next + every).max(Instant::now());
        term.sleep_until(next.min(deadline)).await;
    }
}

async fn describe(term: &Term<'_>, object: &Ref) {
    let (context, read_at) = (term.context, Instant::now());
    let checks = &context.checks;
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
    let read = context.world.trusted_association(&target.subject, read);
    // What is only late is asked for again. Of what cannot be read, a look says so.
    let late = matches!(read.unreadable(), Some(Why::Settling | Why::Throttled));
    let facts = Observed {
        association: read,
        ..Observed::nothing()
    };
    match judge(Part::Association, &resting.known(), facts) {
        Judgement::AsTold => checks.described(key, read_at),
        Judgement::Unsure if late => {}
        Judgement::Unsure | Judgement::Deviates => {
            term.deviates(key, object.clone(), "association");
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
    use lanyard_core::sweep::orphan::Owner;

    use super::*;

    #[test]
    fn strangers_have_their_turn_among_thousands_of_ours() {
        let owner = || Owner {
            namespace: "shop".to_owned(),
            name: "orders".to_owned(),
        };
        let stranger = |id: usize| Stranger {
            id: id.to_string(),
            owner: owner(),
        };
        let ours = vec![Ref::new("orders").within("shop"); 50];
        let tasks = tasks(ours, (0..3).map(stranger).collect());
        let at: Vec<usize> = tasks
            .iter()
            .enumerate()
            .filter(|(_, task)| matches!(task, Task::Stranger(_)))
            .map(|(at, _)| at)
            .collect();
        assert_eq!((at, tasks.len()), (vec![20, 41, 52], 53));
    }

    #[test]
    fn few_are_spread_over_the_time_and_many_come_no_faster_than_they_may() {
        let (minutes, second) = (Duration::from_secs(600), Duration::from_secs(1));
        assert_eq!(pace(minutes, 600, 5), second);
        assert_eq!(pace(minutes, 100_000, 5), second / 5);
        assert_eq!(pace(minutes, 0, 5), minutes);
    }
}
