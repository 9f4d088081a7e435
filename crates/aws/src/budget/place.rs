//! The place of one call in its line, which it keeps until AWS takes it, and how long it stands back when throttled.
//! Pure arithmetic; no clock, no I/O. Used by `budget` and, for what it holds, by `call`.

use std::time::Duration;

use super::call_queue::{Kind, Lane};

/// How long a call stands back after it was throttled for the first time. The rate slows all calls down; this is for
/// the one whose operation AWS limits more than the others.
const FIRST: Duration = Duration::from_millis(100);
/// The longest that it stands back.
const LONGEST: Duration = Duration::from_secs(2);
/// Calls that were throttled together come back spread over so many steps.
const STEPS: u32 = 16;

/// A place in a line.
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

    /// The call was throttled once more: how long it stands back before it waits for another turn.
    pub(crate) fn stand_back(&mut self) -> Duration {
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
    fn a_call_stands_back_ever_longer_up_to_two_seconds() {
        let mut place = Place::new(Kind::Write, Lane::Foreground, 0);
        let times: Vec<u128> = (0..7).map(|_| place.stand_back().as_millis()).collect();
        assert_eq!(times, [50, 100, 200, 400, 800, 1000, 1000]);
    }

    #[test]
    fn calls_that_were_throttled_together_come_back_apart() {
        let back = |number| Place::new(Kind::Write, Lane::Foreground, number).stand_back();
        let times: std::collections::BTreeSet<Duration> = (0..16).map(back).collect();
        assert_eq!(times.len(), 16);
        assert!(times.iter().all(|time| (FIRST / 2..FIRST).contains(time)));
    }
}
