//! The rollout of a class: the state of each identity, and the number of identities that may change their binding.
//! Input: statuses; output: counts and decisions. No I/O. The operator holds the rollout slots.

use std::fmt;
use std::time::Duration;

use crate::class::definition::RolloutPolicy;
use crate::model::condition::{Condition, ConditionStatus, ConditionType};
use crate::model::reason::Reason;
use crate::model::spec::Method;
use crate::model::status::Status;
use crate::model::timings::Timings;

/// Stages without an error in which an identity waits for its own users. They do not halt the rollout, so that one
/// tenant cannot block the others.
const AWAITING_USER: [Reason; 5] = [
    Reason::ApprovalRequired,
    Reason::Paused,
    Reason::NodesUnsupported,
    Reason::AssociationConflict,
    Reason::ManagedByAddOn,
];

/// The state of one identity in a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RolloutState {
    /// No change is requested, or the change is complete.
    Steady,
    /// The change waits for a rollout slot.
    Queued,
    /// The change is in progress.
    Running,
    /// A user must approve the change, or fix a problem of this identity alone. The rollout continues.
    AwaitingUser,
    /// The change has failed and cannot continue until a user acts.
    Failed,
}

impl RolloutState {
    /// The rollout state according to the status of an identity.
    #[must_use]
    pub fn of(status: &Status) -> Self {
        let is = |kind| {
            let condition = status.condition(kind);
            condition.filter(|condition| condition.status == ConditionStatus::True)
        };
        let queued =
            is(ConditionType::Transitioning).is_some_and(|condition| condition.reason == Reason::Queued);
        let not_permitted =
            |stalled: &Condition| matches!(stalled.reason, Reason::Suspended | Reason::ReadOnly);
        match (&status.transition, is(ConditionType::Stalled)) {
            (None, _) if queued => Self::Queued,
            (None, _) => Self::Steady,
            (Some(_), Some(stalled)) if not_permitted(stalled) => Self::AwaitingUser,
            (Some(transition), Some(_)) if AWAITING_USER.contains(&transition.stage) => Self::AwaitingUser,
            (Some(_), Some(_)) => Self::Failed,
            (Some(_), None) => Self::Running,
        }
    }
}

/// The counts of the identities of a class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IdentityCounts {
    /// All identities.
    pub total: usize,
    /// Identities that are ready.
    pub ready: usize,
    /// Identities with drift.
    pub drifted: usize,
    /// Identities whose pods get IRSA.
    pub irsa: usize,
    /// Identities whose pods get Pod Identity.
    pub pod_identity: usize,
    /// Identities that wait for a rollout slot or for a user.
    pub waiting: usize,
    /// Identities whose change is in progress.
    pub running: usize,
    /// Identities whose change has failed.
    pub failed: usize,
}

impl IdentityCounts {
    /// Adds one identity.
    pub fn add(&mut self, status: &Status) {
        let is_true = |kind| {
            let condition = status.condition(kind);
            condition.is_some_and(|condition| condition.status == ConditionStatus::True)
        };
        self.total += 1;
        self.ready += usize::from(is_true(ConditionType::Ready));
        self.drifted += usize::from(status.drift.count > 0);
        match status.active_binding().map(|active| active.binding.method()) {
            Some(Method::Irsa) => self.irsa += 1,
            Some(Method::PodIdentity) => self.pod_identity += 1,
            None => {}
        }
        match RolloutState::of(status) {
            RolloutState::Steady => {}
            RolloutState::Queued | RolloutState::AwaitingUser => self.waiting += 1,
            RolloutState::Running => self.running += 1,
            RolloutState::Failed => self.failed += 1,
        }
    }
}

/// The reason why no further identity starts to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Halt {
    /// The class pauses the rollout.
    Paused,
    /// The number of failures reached the limit of the class.
    Failures,
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Paused => {
                "the rollout of the method is paused: spec.transition.paused is true; set it to false to continue"
            }
            Self::Failures => {
                "the rollout of the method is halted: failed transitions reached spec.transition.pauseAfterFailures; fix or revert the failed identities (see status.transitions) to continue"
            }
        })
    }
}

impl RolloutPolicy {
    /// The number of further identities that may start, with `running` changes in progress and `failed` failures.
    #[must_use]
    pub fn free(&self, running: usize, failed: usize) -> usize {
        match self.halt(failed) {
            Some(Halt::Paused | Halt::Failures) => 0,
            None => limit(self.max_concurrent).saturating_sub(running + failed),
        }
    }

    /// The reason why no further identity may start. Returns `None` if the rollout is not halted.
    #[must_use]
    pub fn halt(&self, failed: usize) -> Option<Halt> {
        if self.paused {
            return Some(Halt::Paused);
        }
        (failed >= limit(self.pause_after_failures.max(1))).then_some(Halt::Failures)
    }
}

impl Timings {
    /// The same timings with the soak time and failure timeout of a rollout policy.
    #[must_use]
    pub fn with_rollout_policy(self, policy: Option<&RolloutPolicy>) -> Self {
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
    fn free_slots_respect_concurrency_and_failures() {
        let policy = RolloutPolicy::default();
        assert_eq!(
            (policy.free(0, 0), policy.free(3, 0), policy.free(9, 0)),
            (5, 2, 0)
        );
        assert_eq!((policy.free(0, 1), policy.halt(1)), (0, Some(Halt::Failures)));
        let patient = RolloutPolicy {
            pause_after_failures: 2,
            ..policy.clone()
        };
        assert_eq!((patient.free(1, 1), patient.free(0, 2)), (3, 0));
        let paused = RolloutPolicy {
            paused: true,
            ..policy
        };
        assert_eq!((paused.free(0, 0), paused.halt(0)), (0, Some(Halt::Paused)));
    }

    #[test]
    fn steady_identity_is_counted_by_method() {
        let (_, _, status) = applied(&spec(Method::Irsa));
        let mut counts = IdentityCounts::default();
        counts.add(&status);
        assert_eq!((counts.total, counts.irsa, counts.running), (1, 1, 0));
        assert_eq!(RolloutState::of(&status), RolloutState::Steady);
    }
}
