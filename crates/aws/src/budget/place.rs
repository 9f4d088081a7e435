//! The place of one call in the queue, which it keeps until AWS accepts it, and its backoff after throttling.
//! Plain arithmetic; no clock, no I/O.

use std::time::Duration;

use super::call_queue::{Kind, Lane};

/// Base of the backoff after the first throttling. The adaptive rate slows down all calls; the backoff is for
/// an operation that AWS limits more than others.
const FIRST: Duration = Duration::from_millis(100);
/// Maximum base of the backoff.
const LONGEST: Duration = Duration::from_secs(2);
/// Calls that were throttled together are spread over this number of steps.
const STEPS: u32 = 16;

/// A place in the queue.
#[derive(Debug)]
pub(crate) struct Place {
    pub kind: Kind,
    pub lane: Lane,
    pub number: u64,
    throttled: u32,
}

impl Place {
    pub(super) fn new(kind: Kind, lane: Lane, number: u64) -> Self {
        Self {
            kind,
            lane,
            number,
            throttled: 0,
        }
    }

    /// Records one more throttling, and returns the pause before the next attempt.
    pub(crate) fn backoff(&mut self) -> Duration {
        let whole = FIRST
            .saturating_mul(2_u32.saturating_pow(self.throttled))
            .min(LONGEST);
        self.throttled = self.throttled.saturating_add(1);
        let step = u32::try_from(self.number % u64::from(STEPS)).unwrap_or_default();
        whole / 2 + whole * step / (2 * STEPS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_its_maximum() {
        let mut place = Place::new(Kind::Write, Lane::Foreground, 0);
        let times: Vec<u128> = (0..7).map(|_| place.backoff().as_millis()).collect();
        assert_eq!(times, [50, 100, 200, 400, 800, 1000, 1000]);
    }

    #[test]
    fn calls_throttled_together_retry_at_different_times() {
        let back = |number| Place::new(Kind::Write, Lane::Foreground, number).backoff();
        let times: std::collections::BTreeSet<Duration> = (0..16).map(back).collect();
        assert_eq!(times.len(), 16);
        assert!(times.iter().all(|time| (FIRST / 2..FIRST).contains(time)));
    }
}
