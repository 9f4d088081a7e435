//! The key of an object in the operator's memory, derived from its uid. No I/O.

use std::time::Duration;

use crate::hash::hash;
use lanyard_engine::raw::RawIdentity;

/// The key of an object: the 16 bytes of its uid, or a hash of a uid that is no UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ObjectKey([u64; 2]);

impl ObjectKey {
    /// The key of `uid`.
    #[must_use]
    pub fn of(uid: &str) -> Self {
        match uuid_bits(uid) {
            Some(bits) => Self([high_half(bits), high_half(bits << 64)]),
            None => Self([hash(uid), hash(&(uid, uid))]),
        }
    }

    /// The key of `object`. Returns `None` if it has no uid, which the API server always sets.
    #[must_use]
    pub fn of_object(object: &RawIdentity) -> Option<Self> {
        kube::Resource::meta(object).uid.as_deref().map(Self::of)
    }

    /// True if the object's slot in each `period` lies within the last `window` before `now`, a time since any fixed epoch.
    ///
    /// Slots are spread evenly over the period and do not depend on the start of the process.
    #[must_use]
    pub fn slot_is_within(self, window: Duration, period: Duration, now: Duration) -> bool {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let period = millis(period).max(1);
        let elapsed = (millis(now) % period + period - hash(&self) % period) % period;
        elapsed < millis(window)
    }
}

fn uuid_bits(uid: &str) -> Option<u128> {
    let digits: String = uid.chars().filter(|digit| *digit != '-').collect();
    (digits.len() == 32)
        .then(|| u128::from_str_radix(&digits, 16).ok())
        .flatten()
}

fn high_half(bits: u128) -> u64 {
    u64::try_from(bits >> 64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_different_uids_differ() {
        let uids = [
            "0b5ee1c6-7f0c-4f5c-9a55-3a1a2a8a0001",
            "0b5ee1c6-7f0c-4f5c-9a55-3a1a2a8a0002",
            "1b5ee1c6-7f0c-4f5c-9a55-3a1a2a8a0001",
            "orders",
            "users",
        ];
        let keys: std::collections::HashSet<_> = uids.into_iter().map(ObjectKey::of).collect();
        assert_eq!(keys.len(), uids.len());
        assert_eq!(
            ObjectKey::of("00000000-0000-0001-0000-000000000002"),
            ObjectKey([1, 2])
        );
    }

    #[test]
    fn slot_comes_once_per_period_for_any_start() {
        let day = Duration::from_secs(24 * 3600);
        let resync = Duration::from_secs(600);
        for uid in ["a", "b", "c"] {
            let key = ObjectKey::of(uid);
            for start in [0, 7, 1_800_000_123] {
                let at = |turn: u32| Duration::from_secs(start) + resync * turn;
                let slots = (0..144).filter(|turn| key.slot_is_within(resync, day, at(*turn)));
                assert_eq!(slots.count(), 1);
            }
        }
    }
}
