//! A token bucket: a rate in calls per second, and a burst of one second's worth of calls. Input: times, as
//! durations since a fixed start. Output: waiting times. No clock, no I/O.

use std::time::Duration;

/// Seconds of saved tokens. AWS refills its own buckets every second
/// (docs/dev/aws-behaviour.md#iam-consistency).
const BURST_SECONDS: f64 = 1.0;

/// Tolerance for a missing fraction of a token, because sums of fractions are not exact.
const TOLERANCE: f64 = 1e-6;

/// A token bucket. One token is one call.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: f64,
    tokens: f64,
    at: Duration,
}

impl Bucket {
    /// A full bucket at time zero. `rate`: calls per second, above zero.
    pub(super) fn full(rate: f64) -> Self {
        let mut bucket = Self {
            rate,
            tokens: 0.0,
            at: Duration::ZERO,
        };
        bucket.tokens = bucket.burst();
        bucket
    }

    /// The rate in calls per second.
    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    /// Sets the rate, and with it the burst.
    pub(super) fn set_rate(&mut self, rate: f64) {
        self.rate = rate;
        self.tokens = self.tokens.min(self.burst());
    }

    /// Advances the time, and returns the part of it in which the bucket was not full and therefore in use.
    pub(super) fn advance(&mut self, now: Duration) -> Duration {
        let passed = now.saturating_sub(self.at);
        self.at = self.at.max(now);
        let until_full = Duration::from_secs_f64((self.burst() - self.tokens).max(0.0) / self.rate);
        self.tokens = (self.tokens + passed.as_secs_f64() * self.rate).min(self.burst());
        passed.min(until_full)
    }

    /// The time until a token is available. Zero if one is available now.
    pub(super) fn ready_in(&self) -> Duration {
        let missing = 1.0 - self.tokens;
        if missing <= TOLERANCE {
            return Duration::ZERO;
        }
        Duration::from_secs_f64(missing / self.rate)
    }

    /// Takes a token.
    pub(super) fn take(&mut self) {
        self.tokens -= 1.0;
    }

    /// Returns a token that was not used.
    pub(super) fn refund(&mut self) {
        self.tokens = (self.tokens + 1.0).min(self.burst());
    }

    /// Drops the saved tokens.
    pub(super) fn drain(&mut self) {
        self.tokens = self.tokens.min(0.0);
    }

    /// The maximum number of tokens. At least one, because a slow bucket would never hold a whole token
    /// otherwise.
    fn burst(&self) -> f64 {
        (self.rate * BURST_SECONDS).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// The number of calls that pass at once.
    fn pass(bucket: &mut Bucket, seconds: f64) -> usize {
        bucket.advance(at(seconds));
        let mut count = 0;
        while bucket.ready_in().is_zero() {
            bucket.take();
            count += 1;
        }
        count
    }

    #[test]
    fn burst_passes_at_once_and_the_rest_at_the_rate() {
        let mut bucket = Bucket::full(10.0);
        assert_eq!(pass(&mut bucket, 0.0), 10);
        assert_eq!(bucket.ready_in(), at(0.1));
        assert_eq!(pass(&mut bucket, 0.1), 1);
        assert_eq!(pass(&mut bucket, 0.45), 3);
    }

    #[test]
    fn idle_bucket_saves_one_burst() {
        let mut bucket = Bucket::full(10.0);
        pass(&mut bucket, 0.0);
        assert_eq!(pass(&mut bucket, 60.0), 10);
    }

    #[test]
    fn bucket_below_one_call_per_second_lets_calls_pass() {
        let mut bucket = Bucket::full(0.5);
        assert_eq!(pass(&mut bucket, 0.0), 1);
        assert_eq!((pass(&mut bucket, 1.0), pass(&mut bucket, 2.0)), (0, 1));
    }

    #[test]
    fn advance_returns_only_the_time_in_use() {
        let mut bucket = Bucket::full(10.0);
        assert_eq!(bucket.advance(at(5.0)), Duration::ZERO);
        bucket.take();
        assert_eq!(bucket.advance(at(9.0)), at(0.1));
    }

    #[test]
    fn backward_time_step_adds_no_tokens() {
        let mut bucket = Bucket::full(10.0);
        pass(&mut bucket, 5.0);
        assert_eq!(pass(&mut bucket, 1.0), 0);
    }
}
