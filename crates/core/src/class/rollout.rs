//! The queue of a fleet: how the identities of a class stand, and whether another one may change its binding.
//! Statuses in, counts and a yes or no out; no I/O. Called by the operator, which holds the turns.

use std::fmt;
use std::time::Duration;

use super::RolloutPolicy;
use crate::model::condition::{ConditionStatus, ConditionType};
use crate::model::reason::Reason;
use crate::model::spec::Method;
use crate::model::status::Status;
use crate::model::timings::Timings;

/// Stages at which nothing went wrong and an identity waits for its own people: no tenant may hold up the others by one.
const ASKS: [Reason; 5] = [
    Reason::ApprovalRequired,
    Reason::Paused,
    Reason::NodesUnsupported,
    Reason::AssociationConflict,
    Reason::ManagedByAddOn,
];

/// How one identity stands to a change of its binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RolloutState {
    /// None is asked for, or it is over.
    Rests,
    /// It waits for its turn.
    Waits,
    /// It is under way.
    Runs,
    /// Somebody has to agree to it, or to mend what stands against it alone: others go on meanwhile.
    Asks,
    /// It is under way and goes no further before somebody acts.
    Failed,
}

impl RolloutState {
    /// How an identity stands, by what it says of itself.
    #[must_use]
    pub fn of(status: &Status) -> Self {
        let is = |kind| {
            let condition = status.condition(kind);
            condition.filter(|condition| condition.status == ConditionStatus::True)
        };
        let queued = is(ConditionType::Transitioning).is_some_and(|said| said.reason == Reason::Queued);
        match (&status.transition, is(ConditionType::Stalled)) {
            (None, _) if queued => Self::Waits,
            (None, _) => Self::Rests,
            (Some(transition), Some(_)) if ASKS.contains(&transition.stage) => Self::Asks,
            (Some(_), Some(_)) => Self::Failed,
            (Some(_), None) => Self::Runs,
        }
    }
}

/// The identities of a class, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FleetCounts {
    /// All of them.
    pub total: usize,
    /// Those that are ready.
    pub ready: usize,
    /// Those with drift that stands.
    pub drifted: usize,
    /// Those whose pods get IRSA.
    pub irsa: usize,
    /// Those whose pods get Pod Identity.
    pub pod_identity: usize,
    /// Those that wait for their turn to change, or for somebody to agree.
    pub waiting: usize,
    /// Those that change.
    pub running: usize,
    /// Those whose change goes no further.
    pub failed: usize,
}

impl FleetCounts {
    /// Counts one more.
    pub fn add(&mut self, status: &Status) {
        let holds = |kind| {
            let condition = status.condition(kind);
            condition.is_some_and(|condition| condition.status == ConditionStatus::True)
        };
        self.total += 1;
        self.ready += usize::from(holds(ConditionType::Ready));
        self.drifted += usize::from(status.drift.count > 0);
        match status.active_binding().map(|active| active.binding.method()) {
            Some(Method::Irsa) => self.irsa += 1,
            Some(Method::PodIdentity) => self.pod_identity += 1,
            None => {}
        }
        match RolloutState::of(status) {
            RolloutState::Rests => {}
            RolloutState::Waits | RolloutState::Asks => self.waiting += 1,
            RolloutState::Runs => self.running += 1,
            RolloutState::Failed => self.failed += 1,
        }
    }
}

/// Why nobody else begins, however few are under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Halt {
    /// The class says so.
    Paused,
    /// As many as the class allows have failed.
    Failures,
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Paused => {
                "its identities wait for another method, and none of them begins: spec.transition.paused is true"
            }
            Self::Failures => {
                "its identities wait for another method, and none of them begins before those whose change failed (see status.transitions and spec.transition.pauseAfterFailures) are mended or put back"
            }
        })
    }
}

impl RolloutPolicy {
    /// How many more may begin, while so many are under way and so many of these have failed.
    #[must_use]
    pub fn free(&self, running: usize, failed: usize) -> usize {
        match self.halt(failed) {
            Some(Halt::Paused | Halt::Failures) => 0,
            None => limit(self.max_concurrent).saturating_sub(running + failed),
        }
    }

    /// Why nobody else begins, when so many have failed.
    #[must_use]
    pub fn halt(&self, failed: usize) -> Option<Halt> {
        if self.paused {
            return Some(Halt::Paused);
        }
        (failed >= limit(self.pause_after_failures.max(1))).then_some(Halt::Failures)
    }
}

impl Timings {
    /// The same times with the soak and failure timeout of a class's rollout policy.
    #[must_use]
    pub fn paced_by(self, policy: Option<&RolloutPolicy>) -> Self {
        let Some(policy) = policy else { return self };
        Self {
            soak: Duration::from_secs(policy.soak.0.into()),
            fail_after: Duration::from_secs(policy.fail_after.0.into()),
            ..self
        }
    }
}

fn limit(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{applied, spec};

    #[test]
    fn no_more_begin_than_may_run_at_once_and_none_after_a_failure() {
        let queue = RolloutPolicy::default();
        assert_eq!((queue.free(0, 0), queue.free(3, 0), queue.free(9, 0)), (5, 2, 0));
        assert_eq!((queue.free(0, 1), queue.halt(1)), (0, Some(Halt::Failures)));
        let patient = RolloutPolicy {
            pause_after_failures: 2,
            ..queue.clone()
        };
        assert_eq!((patient.free(1, 1), patient.free(0, 2)), (3, 0));
        let paused = RolloutPolicy {
            paused: true,
            ..queue
        };
        assert_eq!((paused.free(0, 0), paused.halt(0)), (0, Some(Halt::Paused)));
    }

    #[test]
    fn an_identity_at_rest_counts_by_its_method() {
        let (_, _, status) = applied(&spec(Method::Irsa));
        let mut counts = FleetCounts::default();
        counts.add(&status);
        assert_eq!((counts.total, counts.irsa, counts.running), (1, 1, 0));
        assert_eq!(RolloutState::of(&status), RolloutState::Rests);
    }
}
