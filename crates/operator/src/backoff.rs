//! Delays: exponential backoff, and a deterministic spread so that periodic work does not happen all at once.
//! Pure: no state, clock or randomness.

use std::hash::Hash;
use std::time::Duration;

use crate::hash::hash;

/// The delay after the first failure.
const INITIAL: Duration = Duration::from_secs(1);

/// The maximum delay. A repair by a user or by AWS is noticed within this time.
const MAXIMUM: Duration = Duration::from_secs(300);

/// The delay after so many consecutive failures: one second, doubled each time, at most five minutes.
#[must_use]
pub fn delay(failures: u32) -> Duration {
    let factor = 2_u32.saturating_pow(failures.saturating_sub(1));
    INITIAL.saturating_mul(factor).min(MAXIMUM)
}

/// `time` made up to a tenth longer or shorter, always by the same amount for the same key.
#[must_use]
pub fn spread(time: Duration, key: &impl Hash) -> Duration {
    let thousandths = 900 + u32::try_from(hash(key) % 201).unwrap_or_default();
    time.saturating_mul(thousandths) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delay_doubles_up_to_five_minutes() {
        let seconds: Vec<u64> = [0, 1, 2, 3, 8, 9, 10, u32::MAX]
            .map(|n| delay(n).as_secs())
            .to_vec();
        assert_eq!(seconds, [1, 1, 2, 4, 128, 256, 300, 300]);
    }

    #[test]
    fn spread_is_within_a_tenth_and_deterministic() {
        let whole = Duration::from_secs(600);
        let times: Vec<Duration> = (0..200).map(|uid| spread(whole, &uid)).collect();
        let (least, most) = (Duration::from_secs(540), Duration::from_secs(660));
        assert!(times.iter().all(|time| (least..=most).contains(time)));
        assert!(times.iter().any(|time| *time < Duration::from_secs(560)));
        assert!(times.iter().any(|time| *time > Duration::from_secs(640)));
        assert_eq!(spread(whole, &"a"), spread(whole, &"a"));
    }
}
