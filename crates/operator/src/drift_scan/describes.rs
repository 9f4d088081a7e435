//! The fields of associations, one call each: spread over the time between two sweeps, those that were read longest ago
//! first. What to describe in; looks asked for and orphans told out. Reads EKS, and drops each answer when it was judged.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use lanyard_core::bulk::orphans::identity_here;
use lanyard_core::bulk::{Judgement, Part, judge, recorded};
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::observed::Observed;

use super::Term;
use super::cluster::UnknownAssociation;
use crate::checks::Key;
use crate::context::{Context, IdentityRef};

/// So many of ours come before each stranger.
const BETWEEN: usize = 20;

/// One association to describe.
#[derive(Debug)]
pub(super) enum Task {
    /// The one of an identity that rests.
    Ours(IdentityRef),
    /// One of a ServiceAccount that no object has.
    UnknownAssociation(UnknownAssociation),
}

/// The time between two calls: all of them fit into the time there is, at most so many a second.
pub(super) fn pace(time: Duration, tasks: usize, per_second: u16) -> Duration {
    let least = Duration::from_secs(1) / u32::from(per_second.max(1));
    let spread = time / u32::try_from(tasks).unwrap_or(u32::MAX).max(1);
    spread.max(least)
}

/// All that there is to describe. Strangers come once in a while: with thousands of our own they would never come last.
pub(super) fn tasks(ours: Vec<IdentityRef>, strangers: Vec<UnknownAssociation>) -> VecDeque<Task> {
    let (mut tasks, mut strangers) = (VecDeque::new(), strangers.into_iter());
    for (count, object) in ours.into_iter().enumerate() {
        tasks.push_back(Task::Ours(object));
        if count % BETWEEN == BETWEEN - 1 {
            tasks.extend(strangers.next().map(Task::UnknownAssociation));
        }
    }
    tasks.extend(strangers.map(Task::UnknownAssociation));
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
            Task::UnknownAssociation(stranger) => identify(term.context, stranger).await,
        }
        // The calls' own time counts: else there would be fewer a second than there may be.
        next = (next + every).max(Instant::now());
        term.sleep_until(next.min(deadline)).await;
    }
}

async fn describe(term: &Term<'_>, object: &IdentityRef) {
    let (context, read_at) = (term.context, Instant::now());
    let checks = &context.checks;
    let stored = context.store.get(object);
    let Some(steady) = stored.and_then(|object| context.steady(&object)) else {
        return;
    };
    let Some(known) = recorded(&steady.decoded.status) else {
        return;
    };
    let read = context.engine.association_by_id(&known.id).await;
    let target = &steady.decoded.target;
    let key = Key::of(&target.uid);
    if checks.looked_since(key, read_at) {
        return;
    }
    let read = context.engine.trusted_association(&target.subject, read);
    // What is only late is asked for again. Of what cannot be read, a look says so.
    let late = matches!(
        read.unreadable(),
        Some(ReadError::Settling | ReadError::Throttled)
    );
    let facts = Observed {
        association: read,
        ..Observed::unread()
    };
    match judge(Part::Association, &steady.known(), facts) {
        Judgement::InSync => checks.described(key, read_at),
        Judgement::Unknown if late => {}
        Judgement::Unknown | Judgement::Drifted => {
            term.drifted(key, object.clone(), "association");
        }
    }
}

/// Finds out whether an association that nobody has an object for is one of ours. The next sweep tells, if it still is.
async fn identify(context: &Context, UnknownAssociation { id, owner }: UnknownAssociation) {
    let Fact::Present(found) = context.engine.association_by_id(&id).await else {
        return;
    };
    let of_ours = identity_here(&context.engine.cluster().identity, &found.tags);
    let object = IdentityRef::new(&owner.name).within(&owner.namespace);
    match of_ours {
        None => context.sweeps.foreign(id),
        // It may have come meanwhile.
        Some(_) if context.store.get(&object).is_some() => {}
        Some(_) => context.sweeps.suspect(id),
    }
}

#[cfg(test)]
mod tests {
    use lanyard_core::bulk::orphans::IdentityName;

    use super::*;

    #[test]
    fn strangers_have_their_turn_among_thousands_of_ours() {
        let owner = || IdentityName {
            namespace: "shop".to_owned(),
            name: "orders".to_owned(),
        };
        let stranger = |id: usize| UnknownAssociation {
            id: id.to_string(),
            owner: owner(),
        };
        let ours = vec![IdentityRef::new("orders").within("shop"); 50];
        let tasks = tasks(ours, (0..3).map(stranger).collect());
        let at: Vec<usize> = tasks
            .iter()
            .enumerate()
            .filter(|(_, task)| matches!(task, Task::UnknownAssociation(_)))
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
