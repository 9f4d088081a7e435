//! A token bucket: so many calls a second, and one second's worth at once after a rest.
//! Moments in (as time since any fixed beginning), waits out; no clock, no I/O. Used by `pace` and `turns`.

use std::time::Duration;

/// What may be saved up: AWS refills its own buckets every second (docs/dev/aws-behaviour.md#iam-consistency).
const SAVED: f64 = 1.0;

/// A token that is so nearly there counts as there: sums of fractions never come out even.
const NEARLY: f64 = 1e-6;

/// A token bucket. One token is one call.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: f64,
    tokens: f64,
    at: Duration,
}

impl Bucket {
    /// A full bucket at time zero. `rate`: calls a second, above zero.
    pub(super) fn full(rate: f64) -> Self {
        let mut bucket = Self {
            rate,
            tokens: 0.0,
            at: Duration::ZERO,
        };
        bucket.tokens = bucket.burst();
        bucket
    }

    /// Calls a second.
    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    /// Changes the rate, and with it what may be saved up.
    pub(super) fn set_rate(&mut self, rate: f64) {
        self.rate = rate;
        self.tokens = self.tokens.min(self.burst());
    }

    /// Lets time pass, and tells for how much of it the bucket was not full: for so long it was being used.
    pub(super) fn advance(&mut self, now: Duration) -> Duration {
        let passed = now.saturating_sub(self.at);
        self.at = self.at.max(now);
        let until_full = Duration::from_secs_f64((self.burst() - self.tokens).max(0.0) / self.rate);
        self.tokens = (self.tokens + passed.as_secs_f64() * self.rate).min(self.burst());
        passed.min(until_full)
    }

    /// How long until there is a token, as things stand; zero when there is one.
    pub(super) fn ready_in(&self) -> Duration {
        let missing = 1.0 - self.tokens;
        if missing <= NEARLY {
            return Duration::ZERO;
        }
        Duration::from_secs_f64(missing / self.rate)
    }

    /// Takes a token.
    pub(super) fn take(&mut self) {
        self.tokens -= 1.0;
    }

    /// Puts a token back that was taken for nothing.
    pub(super) fn give_back(&mut self) {
        self.tokens = (self.tokens + 1.0).min(self.burst());
    }

    /// Forgets what was saved up.
    pub(super) fn drain(&mut self) {
        self.tokens = self.tokens.min(0.0);
    }

    /// At least one call can be saved up, or a slow bucket would never have a whole token.
    fn burst(&self) -> f64 {
        (self.rate * SAVED).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// How many calls pass at once at a moment.
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
    fn one_seconds_worth_passes_at_once_and_the_rest_in_turn() {
        let mut bucket = Bucket::full(10.0);
        assert_eq!(pass(&mut bucket, 0.0), 10);
        assert_eq!(bucket.ready_in(), at(0.1));
        assert_eq!(pass(&mut bucket, 0.1), 1);
        assert_eq!(pass(&mut bucket, 0.45), 3);
    }

    #[test]
    fn a_rest_saves_up_one_seconds_worth_and_no_more() {
        let mut bucket = Bucket::full(10.0);
        pass(&mut bucket, 0.0);
        assert_eq!(pass(&mut bucket, 60.0), 10);
    }

    #[test]
    fn a_bucket_slower_than_one_call_a_second_still_lets_calls_through() {
        let mut bucket = Bucket::full(0.5);
        assert_eq!(pass(&mut bucket, 0.0), 1);
        assert_eq!((pass(&mut bucket, 1.0), pass(&mut bucket, 2.0)), (0, 1));
    }

    #[test]
    fn only_the_time_in_which_it_was_not_full_is_told() {
        let mut bucket = Bucket::full(10.0);
        assert_eq!(bucket.advance(at(5.0)), Duration::ZERO);
        bucket.take();
        assert_eq!(bucket.advance(at(9.0)), at(0.1));
    }

    #[test]
    fn a_clock_that_steps_back_gives_nothing_for_free() {
        let mut bucket = Bucket::full(10.0);
        pass(&mut bucket, 5.0);
        assert_eq!(pass(&mut bucket, 1.0), 0);
    }
}
