//! The arithmetic of the call budget: a token bucket whose rate is halved by throttling and grows back with time.
//! Moments in (as time since any fixed beginning), waits out; no clock, no I/O. Called by `budget` only.

use std::time::Duration;

/// AWS does not publish the rates of these APIs [F 1.4, 4.2]. The ceiling is what one busy cluster could ever want;
/// where an account allows less, throttling finds that out within seconds.
pub(super) const LIMITS: Limits = Limits {
    ceiling: 200.0,
    floor: 2.0,
    burst: 100.0,
    recovery: 2.0,
};

/// Answers to calls that were under way together complain about the same moment: they count once.
const SAME_COMPLAINT: Duration = Duration::from_secs(1);

/// Within what a bucket moves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Calls a second that are never exceeded for long.
    pub ceiling: f64,
    /// Calls a second below which throttling does not push.
    pub floor: f64,
    /// Calls that may go out at once after a quiet time.
    pub burst: f64,
    /// How much the rate grows back: calls a second, each second.
    pub recovery: f64,
}

/// A token bucket. Tokens below zero are calls that already wait.
#[derive(Debug)]
pub(super) struct Bucket {
    limits: Limits,
    rate: f64,
    tokens: f64,
    at: Duration,
    slowed_at: Option<Duration>,
}

impl Bucket {
    /// A full bucket at its highest rate, at time zero.
    pub(super) fn full(limits: Limits) -> Self {
        Self {
            limits,
            rate: limits.ceiling,
            tokens: limits.burst,
            at: Duration::ZERO,
            slowed_at: None,
        }
    }

    /// Takes one token and tells how long the call has to wait for it.
    pub(super) fn take(&mut self, now: Duration) -> Duration {
        self.advance(now);
        self.tokens -= 1.0;
        Duration::from_secs_f64((-self.tokens / self.rate).max(0.0))
    }

    /// Halves the rate and drops what was saved up.
    pub(super) fn throttled(&mut self, now: Duration) {
        self.advance(now);
        self.tokens = self.tokens.min(0.0);
        let same = self
            .slowed_at
            .is_some_and(|before| self.at.saturating_sub(before) < SAME_COMPLAINT);
        if !same {
            self.rate = (self.rate / 2.0).max(self.limits.floor);
            self.slowed_at = Some(self.at);
        }
    }

    /// Lets time pass: tokens come in at the rate there was, then the rate grows.
    fn advance(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.at = self.at.max(now);
        self.tokens = (self.tokens + passed * self.rate).min(self.limits.burst);
        self.rate = (self.rate + passed * self.limits.recovery).min(self.limits.ceiling);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Limits = Limits {
        ceiling: 10.0,
        floor: 1.0,
        burst: 2.0,
        recovery: 1.0,
    };

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn waits(bucket: &mut Bucket, now: f64, calls: usize) -> Vec<f64> {
        (0..calls)
            .map(|_| (bucket.take(at(now)).as_secs_f64() * 1000.0).round() / 1000.0)
            .collect()
    }

    #[test]
    fn a_burst_goes_out_at_once_and_the_rest_in_turn() {
        let mut bucket = Bucket::full(SMALL);
        assert_eq!(waits(&mut bucket, 0.0, 4), [0.0, 0.0, 0.1, 0.2]);
    }

    #[test]
    fn a_quiet_time_fills_the_bucket_up_to_the_burst_only() {
        let mut bucket = Bucket::full(SMALL);
        waits(&mut bucket, 0.0, 2);
        assert_eq!(waits(&mut bucket, 60.0, 3), [0.0, 0.0, 0.1]);
    }

    #[test]
    fn throttling_halves_the_rate_once_for_calls_of_the_same_moment() {
        let mut bucket = Bucket::full(SMALL);
        for _ in 0..5 {
            bucket.throttled(at(0.0));
        }
        assert_eq!(waits(&mut bucket, 0.0, 2), [0.2, 0.4]);
    }

    #[test]
    fn throttling_never_pushes_below_the_floor() {
        let mut bucket = Bucket::full(Limits {
            recovery: 0.0,
            ..SMALL
        });
        for second in 0..20 {
            bucket.throttled(at(f64::from(second)));
        }
        assert_eq!(waits(&mut bucket, 19.0, 1), [1.0]);
    }

    #[test]
    fn the_rate_grows_back_to_the_ceiling_and_not_beyond() {
        let mut bucket = Bucket::full(SMALL);
        bucket.throttled(at(0.0));
        waits(&mut bucket, 100.0, 2);
        assert_eq!(waits(&mut bucket, 100.0, 2), [0.1, 0.2]);
    }

    #[test]
    fn a_clock_that_steps_back_gives_nothing_for_free() {
        let mut bucket = Bucket::full(SMALL);
        waits(&mut bucket, 5.0, 2);
        assert_eq!(waits(&mut bucket, 1.0, 1), [0.1]);
    }
}
