//! The pace of one kind of call: a bucket whose rate is learned from what AWS throttles.
//! Answers in, a rate out; no clock, no I/O. Used by `turns` only.
//!
//! ```text
//!   rate    AWS throttles                     /  probes, ever faster
//!    |  ___________|         ________________/
//!    |             |  ______/   holds just below where throttling set in
//!    |             |_/  a little below
//! ```
//!
//! The curve is that of CUBIC [RFC 9438], which the adaptive mode of AWS's own SDKs uses too, with gentler constants: a
//! throttled call costs others in the account something as well.

use std::time::Duration;

use super::bucket::Bucket;

/// Calls a second below which throttling never pushes: AWS gives more to any account, and who is slower learns nothing.
const FLOOR: f64 = 1.0;
/// What is kept of the rate at which throttling set in: it sets in only above what AWS allows.
const PLATEAU: f64 = 0.95;
/// Where the climb back to the plateau begins.
const START: f64 = 0.9;
/// How steep the curve is for each call a second of the plateau, in calls a second for each second cubed: back at the
/// plateau after about 5 s, a tenth above it after another 5 s, three times as fast after 15.
const CURVE: f64 = 0.001;
/// From this plateau on, in calls a second, it gets no steeper: one call too many costs the same at any rate.
const STEEPEST: f64 = 10.0;
/// The deepest single cut.
const DEEPEST: f64 = 0.3;
/// Answers to calls that were under way together complain about the same moment: for so long they count once.
const SAME_MOMENT: Duration = Duration::from_secs(1);
/// And never for less than what it takes to send this many.
const SAMPLE: f64 = 4.0;
/// A complaint so many moments after a cut says that the cut was not enough.
const SOON: u32 = 3;

/// A learned rate and the bucket that keeps to it.
#[derive(Debug)]
pub(super) struct Pace {
    ceiling: f64,
    bucket: Bucket,
    cut: Option<Cut>,
    throttled: u64,
}

/// The last time that the rate was cut.
#[derive(Debug, Clone, Copy)]
struct Cut {
    /// The rate to come back to.
    plateau: f64,
    at: Duration,
    /// How long the rate has been what limits since then: what nobody uses is not probed.
    used: Duration,
    /// The calls that AWS took since then.
    passed: u32,
}

impl Pace {
    /// The ceiling's own pace: nothing is known against it yet.
    pub(super) fn new(ceiling: f64) -> Self {
        Self {
            ceiling,
            bucket: Bucket::full(ceiling),
            cut: None,
            throttled: 0,
        }
    }

    /// Calls a second, as learned.
    pub(super) fn rate(&self) -> f64 {
        self.bucket.rate()
    }

    /// How many calls AWS has throttled.
    pub(super) fn throttles(&self) -> u64 {
        self.throttled
    }

    /// Lets time pass.
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

    /// How long until a call may go; zero when one may go now.
    pub(super) fn ready_in(&self) -> Duration {
        self.bucket.ready_in()
    }

    /// A call goes.
    pub(super) fn take(&mut self) {
        self.bucket.take();
    }

    /// It did not go after all.
    pub(super) fn give_back(&mut self) {
        self.bucket.give_back();
    }

    /// AWS took a call.
    pub(super) fn passed(&mut self) {
        if let Some(cut) = &mut self.cut {
            cut.passed = cut.passed.saturating_add(1);
        }
    }

    /// AWS asked for fewer calls.
    pub(super) fn throttled(&mut self, now: Duration) {
        self.advance(now);
        self.throttled = self.throttled.saturating_add(1);
        self.bucket.drain();
        let rate = self.rate();
        let moment = SAME_MOMENT.max(Duration::from_secs_f64(SAMPLE / rate));
        let plateau = match &self.cut {
            Some(cut) if now.saturating_sub(cut.at) < moment => return,
            // AWS had nothing left all the while: what it took is all there is.
            Some(cut) if now.saturating_sub(cut.at) < moment * SOON => {
                let took = f64::from(cut.passed) / now.saturating_sub(cut.at).as_secs_f64();
                took.clamp(rate * DEEPEST, rate * PLATEAU)
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
        let curve = CURVE * self.plateau.min(STEEPEST);
        let back = (self.plateau * (1.0 - START) / curve).cbrt();
        self.plateau + curve * (self.used.as_secs_f64() - back).powi(3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// Uses the pace to the full from one second to another.
    fn use_up(pace: &mut Pace, from: u32, to: u32) {
        for tenth in from * 10..to * 10 {
            pace.advance(at(f64::from(tenth) / 10.0));
            while pace.ready_in().is_zero() {
                pace.take();
                pace.passed();
            }
        }
        pace.advance(at(f64::from(to)));
    }

    #[test]
    fn throttling_costs_a_little_and_is_approached_again_slowly() {
        let mut pace = Pace::new(10.0);
        use_up(&mut pace, 0, 1);
        pace.throttled(at(1.0));
        assert!((8.4..8.7).contains(&pace.rate()), "{}", pace.rate());
        use_up(&mut pace, 1, 5);
        assert!((9.3..9.5).contains(&pace.rate()), "{}", pace.rate());
        use_up(&mut pace, 5, 7);
        assert!((9.4..9.6).contains(&pace.rate()), "{}", pace.rate());
        use_up(&mut pace, 7, 12);
        assert!((pace.rate() - 10.0).abs() < 1e-9, "{}", pace.rate());
    }

    #[test]
    fn answers_of_the_same_moment_are_one_complaint() {
        let (mut once, mut often) = (Pace::new(50.0), Pace::new(50.0));
        once.throttled(at(0.0));
        for _ in 0..40 {
            often.throttled(at(0.5));
        }
        assert!((once.rate() - often.rate()).abs() < 1e-9);
        assert_eq!(often.throttles(), 40);
    }

    #[test]
    fn a_cut_that_was_not_enough_is_followed_by_one_to_what_aws_took() {
        let mut pace = Pace::new(100.0);
        pace.throttled(at(0.0));
        (0..20).for_each(|_| pace.passed());
        pace.throttled(at(1.0));
        assert!((20.0..26.0).contains(&pace.rate()), "{}", pace.rate());
    }

    #[test]
    fn throttling_never_pushes_below_the_floor() {
        let mut pace = Pace::new(100.0);
        (0..60).for_each(|second| pace.throttled(at(f64::from(second * 10))));
        assert!((FLOOR..FLOOR * 2.0).contains(&pace.rate()), "{}", pace.rate());
    }

    #[test]
    fn what_nobody_uses_is_not_probed() {
        let mut pace = Pace::new(100.0);
        pace.throttled(at(0.0));
        pace.advance(at(10.0));
        let rested = pace.rate();
        pace.advance(at(1000.0));
        assert!(
            pace.rate() < 95.0 && pace.rate() - rested < 1.0,
            "{}",
            pace.rate()
        );
    }

    #[test]
    fn a_ceiling_below_the_floor_holds() {
        let mut pace = Pace::new(0.5);
        pace.throttled(at(0.0));
        assert!(pace.rate() <= 0.5);
    }
}
