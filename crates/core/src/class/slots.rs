//! Rollout slots of one class: how many of its identities may change their binding at the same time.
//! Input: the counts of the class's identities, and requests for a slot. Output: granted slots. No I/O.

use std::collections::BTreeSet;

use super::{IdentityCounts, RolloutPolicy};

/// The rollout slots of one class. `K` identifies an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolloutSlots<K> {
    running: usize,
    failed: usize,
    /// Identities that hold a slot and do not report a transition yet.
    granted: BTreeSet<K>,
}

impl<K> Default for RolloutSlots<K> {
    fn default() -> Self {
        Self {
            running: 0,
            failed: 0,
            granted: BTreeSet::new(),
        }
    }
}

impl<K: Ord> RolloutSlots<K> {
    /// Takes over new counts. A granted slot stays granted while `is_pending` returns true: its identity has not
    /// started.
    pub fn observe(&mut self, counts: &IdentityCounts, is_pending: impl FnMut(&K) -> bool) {
        self.running = counts.running;
        self.failed = counts.failed;
        self.granted.retain(is_pending);
    }

    /// Grants a slot if one is free. An identity that holds a slot keeps it.
    pub fn grant(&mut self, identity: K, policy: &RolloutPolicy) -> bool {
        if !self.granted.contains(&identity) && self.free(policy) == 0 {
            return false;
        }
        self.granted.insert(identity);
        true
    }

    /// The number of free slots.
    #[must_use]
    pub fn free(&self, policy: &RolloutPolicy) -> usize {
        policy.free(self.running + self.granted.len(), self.failed)
    }

    /// Returns true if a granted slot is not used yet.
    #[must_use]
    pub fn is_any_pending(&self) -> bool {
        !self.granted.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(running: usize, failed: usize) -> IdentityCounts {
        IdentityCounts {
            running,
            failed,
            ..IdentityCounts::default()
        }
    }

    fn policy(max_concurrent: u32) -> RolloutPolicy {
        RolloutPolicy {
            max_concurrent,
            ..RolloutPolicy::default()
        }
    }

    #[test]
    fn slot_beyond_max_concurrent_is_refused() {
        let (mut slots, policy) = (RolloutSlots::default(), policy(2));
        slots.observe(&counts(1, 0), |_| true);
        assert!(slots.grant("a", &policy));
        assert!(!slots.grant("b", &policy));
        assert!(slots.grant("a", &policy), "a slot is granted once");
        assert_eq!((slots.free(&policy), slots.is_any_pending()), (0, true));
    }

    #[test]
    fn granted_slot_is_held_until_its_identity_starts() {
        let (mut slots, policy) = (RolloutSlots::default(), policy(2));
        assert!(slots.grant("a", &policy));
        slots.observe(&counts(0, 0), |_| true);
        assert_eq!(slots.free(&policy), 1);
        slots.observe(&counts(1, 0), |_| false);
        assert_eq!((slots.free(&policy), slots.is_any_pending()), (1, false));
        slots.observe(&counts(0, 0), |_| false);
        assert_eq!(slots.free(&policy), 2);
    }

    #[test]
    fn failures_up_to_the_limit_leave_no_free_slot() {
        let mut slots = RolloutSlots::<&str>::default();
        slots.observe(&counts(0, 1), |_| true);
        assert_eq!(slots.free(&policy(5)), 0);
        let tolerant = RolloutPolicy {
            pause_after_failures: 2,
            ..policy(5)
        };
        assert_eq!(slots.free(&tolerant), 4, "a failed identity occupies its slot");
    }
}
