//! The rate of one kind of call: a token bucket whose rate is learned from throttling. Input: the results of
//! calls. Output: a rate. No clock, no I/O.
//!
//! ```text
//!   rate    AWS throttles                     /  probes, increasingly faster
//!    |  ___________|         ________________/
//!    |             |  ______/   plateau just below the throttled rate
//!    |             |_/  start below the plateau
//! ```
//!
//! The curve is CUBIC (RFC 9438), which the adaptive retry mode of the AWS SDKs uses too, with smaller
//! constants, because throttling also affects other users of the account.

use std::time::Duration;

use super::bucket::Bucket;

/// Lowest rate after throttling, in calls per second. AWS allows more to every account, and a slower rate
/// learns nothing.
const FLOOR: f64 = 1.0;
/// Plateau relative to the throttled rate. Throttling starts only above the rate that AWS allows.
const PLATEAU: f64 = 0.95;
/// Start of the curve, relative to the plateau.
const START: f64 = 0.9;
/// Steepness of the curve per call per second of the plateau, in calls per second per cubic second. It reaches
/// the plateau after about 5 s, a tenth above it after another 5 s, and three times the plateau after 15 s.
const CURVE: f64 = 0.001;
/// Plateau in calls per second above which the curve gets no steeper, because one excess call costs the same at
/// any rate.
const MAX_SLOPE_RATE: f64 = 10.0;
/// Lowest factor of a single cut.
const MAX_CUT: f64 = 0.3;
/// Window in which throttled calls count as one event, because they were in flight together.
const WINDOW: Duration = Duration::from_secs(1);
/// Minimum window, in calls at the current rate.
const MIN_WINDOW_CALLS: f64 = 4.0;
/// Throttling within this number of windows after a cut means that the cut was too small.
const EARLY_WINDOWS: u32 = 3;

/// A learned rate and the token bucket that enforces it.
#[derive(Debug)]
pub(super) struct AdaptiveRate {
    ceiling: f64,
    bucket: Bucket,
    cut: Option<Cut>,
    throttled: u64,
}

/// The last reduction of the rate.
#[derive(Debug, Clone, Copy)]
struct Cut {
    /// The rate to return to.
    plateau: f64,
    at: Duration,
    /// Time since the cut in which the rate was the limit. An unused rate is not increased.
    used: Duration,
    /// Calls that AWS accepted since the cut.
    passed: u32,
}

impl AdaptiveRate {
    /// Starts at the ceiling, because no throttling is known yet.
    pub(super) fn new(ceiling: f64) -> Self {
        Self {
            ceiling,
            bucket: Bucket::full(ceiling),
            cut: None,
            throttled: 0,
        }
    }

    /// The rate after the time in use: below the plateau, then near it, then above it.
    pub(super) fn rate(&self) -> f64 {
        self.bucket.rate()
    }

    /// The number of throttled calls.
    pub(super) fn throttles(&self) -> u64 {
        self.throttled
    }

    /// Advances the time.
    pub(super) fn advance(&mut self, now: Duration) {
        let used = self.bucket.advance(now);
        let Some(cut) = &mut self.cut else { return };
        cut.used += used;
        let rate = cut.rate().min(self.ceiling);
        self.bucket.set_rate(rate);
        if rate >= self.ceiling {
            self.cut = None;
        }
    }

    /// The time until a call may be sent. Zero if one may be sent now.
    pub(super) fn ready_in(&self) -> Duration {
        self.bucket.ready_in()
    }

    /// Takes a slot for a call.
    pub(super) fn take(&mut self) {
        self.bucket.take();
    }

    /// Returns a slot whose call was not sent.
    pub(super) fn refund(&mut self) {
        self.bucket.refund();
    }

    /// Records a call that AWS accepted.
    pub(super) fn passed(&mut self) {
        if let Some(cut) = &mut self.cut {
            cut.passed = cut.passed.saturating_add(1);
        }
    }

    /// Records a call that AWS throttled.
    pub(super) fn throttled(&mut self, now: Duration) {
        self.advance(now);
        self.throttled = self.throttled.saturating_add(1);
        self.bucket.drain();
        let rate = self.rate();
        let window = WINDOW.max(Duration::from_secs_f64(MIN_WINDOW_CALLS / rate));
        let plateau = match &self.cut {
            Some(cut) if now.saturating_sub(cut.at) < window => return,
            // The limit was exhausted since the cut, so the accepted calls are all that AWS allows.
            Some(cut) if now.saturating_sub(cut.at) < window * EARLY_WINDOWS => {
                let accepted = f64::from(cut.passed) / now.saturating_sub(cut.at).as_secs_f64();
                accepted.clamp(rate * MAX_CUT, rate * PLATEAU)
            }
            Some(_) | None => rate * PLATEAU,
        };
        let cut = Cut {
            plateau: plateau.max((FLOOR / START).min(self.ceiling)),
            at: now,
            used: Duration::ZERO,
            passed: 0,
        };
        self.bucket.set_rate(cut.rate().min(self.ceiling));
        self.cut = Some(cut);
    }
}

impl Cut {
    /// The rate after so much time: a little below the plateau, then near it, then beyond.
    fn rate(&self) -> f64 {
        let curve = CURVE * self.plateau.min(MAX_SLOPE_RATE);
        let climb_time = (self.plateau * (1.0 - START) / curve).cbrt();
        self.plateau + curve * (self.used.as_secs_f64() - climb_time).powi(3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// Uses the full rate from one second to another.
    fn use_up(rate: &mut AdaptiveRate, from: u32, to: u32) {
        for tenth in from * 10..to * 10 {
            rate.advance(at(f64::from(tenth) / 10.0));
            while rate.ready_in().is_zero() {
                rate.take();
                rate.passed();
            }
        }
        rate.advance(at(f64::from(to)));
    }

    #[test]
    fn rate_drops_and_returns_slowly_to_the_plateau() {
        let mut rate = AdaptiveRate::new(10.0);
        use_up(&mut rate, 0, 1);
        rate.throttled(at(1.0));
        assert!((8.4..8.7).contains(&rate.rate()), "{}", rate.rate());
        use_up(&mut rate, 1, 5);
        assert!((9.3..9.5).contains(&rate.rate()), "{}", rate.rate());
        use_up(&mut rate, 5, 7);
        assert!((9.4..9.6).contains(&rate.rate()), "{}", rate.rate());
        use_up(&mut rate, 7, 12);
        assert!((rate.rate() - 10.0).abs() < 1e-9, "{}", rate.rate());
    }

    #[test]
    fn throttling_within_one_window_counts_once() {
        let mut once = AdaptiveRate::new(50.0);
        let mut often = AdaptiveRate::new(50.0);
        once.throttled(at(0.0));
        for _ in 0..40 {
            often.throttled(at(0.5));
        }
        assert!((once.rate() - often.rate()).abs() < 1e-9);
        assert_eq!(often.throttles(), 40);
    }

    #[test]
    fn early_throttling_cuts_to_the_accepted_rate() {
        let mut rate = AdaptiveRate::new(100.0);
        rate.throttled(at(0.0));
        (0..20).for_each(|_| rate.passed());
        rate.throttled(at(1.0));
        assert!((20.0..26.0).contains(&rate.rate()), "{}", rate.rate());
    }

    #[test]
    fn rate_stays_above_the_floor() {
        let mut rate = AdaptiveRate::new(100.0);
        (0..60).for_each(|second| rate.throttled(at(f64::from(second * 10))));
        assert!((FLOOR..FLOOR * 2.0).contains(&rate.rate()), "{}", rate.rate());
    }

    #[test]
    fn unused_rate_is_not_increased() {
        let mut rate = AdaptiveRate::new(100.0);
        rate.throttled(at(0.0));
        rate.advance(at(10.0));
        let before = rate.rate();
        rate.advance(at(1000.0));
        assert!(
            rate.rate() < 95.0 && rate.rate() - before < 1.0,
            "{}",
            rate.rate()
        );
    }

    #[test]
    fn ceiling_below_the_floor_is_kept() {
        let mut rate = AdaptiveRate::new(0.5);
        rate.throttled(at(0.0));
        assert!(rate.rate() <= 0.5);
    }
}
