//! The reads of single associations between two drift scans, least recently read first. Input: the associations to
//! describe. Output: requeues of drifted objects, and candidates for orphans. Reads EKS.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use lanyard_core::bulk::orphans::identity_in_tags;
use lanyard_core::bulk::{Judgement, Part, compare, recorded_association};
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::observed::Observed;

use super::cluster_lists::UnknownAssociation;
use super::term::Term;
use crate::identity::IdentityRef;
use crate::identity::key::ObjectKey;

/// Number of associations of steady objects before each unknown one.
const STEADY_PER_UNKNOWN: usize = 20;

/// One association to describe.
#[derive(Debug)]
pub(super) enum Task {
    /// The association of a steady object.
    Steady(IdentityRef),
    /// An association of a ServiceAccount without an object.
    Unknown(UnknownAssociation),
}

/// The interval between two calls, so that all tasks fit into `time`, with at most `per_second` calls per second.
fn call_interval(time: Duration, tasks: usize, per_second: u16) -> Duration {
    let minimum = Duration::from_secs(1) / u32::from(per_second.max(1));
    let even = time / u32::try_from(tasks).unwrap_or(u32::MAX).max(1);
    even.max(minimum)
}

/// The order of the calls. Unknown associations are interleaved, because at the end of thousands of calls they would
/// never be reached.
pub(super) fn tasks(steady: Vec<IdentityRef>, unknown: Vec<UnknownAssociation>) -> VecDeque<Task> {
    let mut tasks = VecDeque::new();
    let mut unknown = unknown.into_iter();
    for (count, object) in steady.into_iter().enumerate() {
        tasks.push_back(Task::Steady(object));
        if count % STEADY_PER_UNKNOWN == STEADY_PER_UNKNOWN - 1 {
            tasks.extend(unknown.next().map(Task::Unknown));
        }
    }
    tasks.extend(unknown.map(Task::Unknown));
    tasks
}

/// Performs the tasks one after the other until the deadline, the end of the term, or the last task.
pub(super) async fn describe_until(
    term: &Term<'_>,
    mut tasks: VecDeque<Task>,
    deadline: Instant,
    per_second: u16,
) {
    let mut next = Instant::now();
    let interval = call_interval(deadline.saturating_duration_since(next), tasks.len(), per_second);
    let metrics = &term.context.metrics.drift_scan;
    while let Some(task) = tasks.pop_front() {
        metrics.pending(tasks.len());
        if next >= deadline || !term.leads() {
            return;
        }
        match task {
            Task::Steady(object) => describe(term, &object).await,
            Task::Unknown(unknown) => identify(term, unknown).await,
        }
        // The interval includes the duration of the call. Otherwise the rate would stay below the limit.
        next = (next + interval).max(Instant::now());
        term.sleep_until(next.min(deadline)).await;
    }
}

async fn describe(term: &Term<'_>, object: &IdentityRef) {
    let (context, read_at) = (term.context, Instant::now());
    let checks = &context.objects;
    let stored = context.store.get(object);
    let Some(steady) = stored.and_then(|object| context.steady(&object)) else {
        return;
    };
    let Some(recorded) = recorded_association(&steady.decoded.status) else {
        return;
    };
    let read = context.engine.association_by_id(&recorded.id).await;
    let target = &steady.decoded.target;
    let key = ObjectKey::of(&target.uid);
    if checks.reconciled_since(key, read_at) {
        return;
    }
    let read = context.engine.trusted_association(&target.subject, read);
    // These errors pass by themselves. Other errors are reported by a reconcile.
    let transient = matches!(
        read.unreadable(),
        Some(ReadError::AwaitingConsistency | ReadError::Throttled)
    );
    let facts = Observed {
        association: read,
        ..Observed::unread()
    };
    match compare(Part::Association, &steady.known(), facts) {
        Judgement::InSync => checks.described(key, read_at),
        Judgement::Unknown if transient => {}
        Judgement::Unknown | Judgement::Drifted => {
            term.drifted(key, object.clone(), "association");
        }
    }
}

/// Reads the tags of an association without an object. The next scan reports it if it has Lanyard's tags and still has
/// no object.
async fn identify(term: &Term<'_>, UnknownAssociation { id, owner }: UnknownAssociation) {
    let context = term.context;
    let Fact::Present(association) = context.engine.association_by_id(&id).await else {
        return;
    };
    let tagged = identity_in_tags(&context.engine.cluster().identity, &association.tags);
    let object = IdentityRef::new(&owner.name).within(&owner.namespace);
    match tagged {
        None => term.orphans.foreign(id),
        // The object may have been created since the scan.
        Some(_) if context.store.get(&object).is_some() => {}
        Some(_) => term.orphans.add_candidate(id),
    }
}

#[cfg(test)]
mod tests {
    use lanyard_core::bulk::orphans::IdentityName;

    use super::*;

    #[test]
    fn unknown_associations_are_interleaved_with_steady() {
        let owner = || IdentityName {
            namespace: "shop".to_owned(),
            name: "orders".to_owned(),
        };
        let unknown = |id: usize| UnknownAssociation {
            id: id.to_string(),
            owner: owner(),
        };
        let steady = vec![IdentityRef::new("orders").within("shop"); 50];
        let tasks = tasks(steady, (0..3).map(unknown).collect());
        let positions: Vec<usize> = tasks
            .iter()
            .enumerate()
            .filter(|(_, task)| matches!(task, Task::Unknown(_)))
            .map(|(position, _)| position)
            .collect();
        assert_eq!((positions, tasks.len()), (vec![20, 41, 52], 53));
    }

    #[test]
    fn call_interval_is_even_within_the_rate_limit() {
        let (minutes, second) = (Duration::from_secs(600), Duration::from_secs(1));
        assert_eq!(call_interval(minutes, 600, 5), second);
        assert_eq!(call_interval(minutes, 100_000, 5), second / 5);
        assert_eq!(call_interval(minutes, 0, 5), minutes);
    }
}
