//! Key: what stands for an object among what is remembered of all, and when in a day its moment comes. A uid in; no I/O.

use std::time::Duration;

use crate::hash::hash;

/// What stands for an object here: its uid, hashed. Two of ten thousand share one once in some hundred thousand million
/// clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(u64);

impl Key {
    /// Whether the object's moment in each period lies in the last so much of it, at a time since any fixed beginning.
    /// Moments are spread evenly, and do not depend on when anything was started.
    #[must_use]
    pub fn had_its_moment(self, within: Duration, period: Duration, now: Duration) -> bool {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let period = millis(period).max(1);
        let since = (millis(now) % period + period - self.0 % period) % period;
        since < millis(within)
    }

    /// The key of a uid.
    #[must_use]
    pub fn of(uid: &str) -> Self {
        Self(hash(uid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybodys_moment_comes_once_in_each_period_whenever_the_process_began() {
        let day = Duration::from_secs(24 * 3600);
        let resync = Duration::from_secs(600);
        for uid in ["a", "b", "c"] {
            let key = Key::of(uid);
            for began in [0, 7, 1_800_000_123] {
                let at = |turn: u32| Duration::from_secs(began) + resync * turn;
                let turns = (0..144).filter(|turn| key.had_its_moment(resync, day, at(*turn)));
                assert_eq!(turns.count(), 1);
            }
        }
    }
}
