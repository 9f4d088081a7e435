//! Backoff: how long an object that keeps failing is left alone, and how times are spread so that not everything
//! happens at once. Failures and successes in, delays out; no I/O, no clock, no randomness. Called by the controller.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;

use crate::hash::hash;
use crate::identity::IdentityRef;

/// After the first failure.
const FIRST: Duration = Duration::from_secs(1);

/// However often it failed: something that AWS or a person repairs is seen again within this time.
const LONGEST: Duration = Duration::from_secs(300);

/// The failures of each object in a row.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: Mutex<HashMap<IdentityRef, u32>>,
    size: Gauge,
}

impl Backoff {
    /// Nothing has failed yet. `size` will show how many objects are in backoff.
    #[must_use]
    pub fn new(size: Gauge) -> Self {
        Self {
            failures: Mutex::default(),
            size,
        }
    }

    /// The object failed once more in a row: how long to leave it alone.
    pub fn next(&self, object: &IdentityRef) -> Duration {
        let mut failures = self.failures();
        let count = failures.entry(object.clone()).or_insert(0);
        *count = count.saturating_add(1);
        let count = *count;
        self.show(&failures);
        spread(delay(count), &(object, count))
    }

    /// The object did well, or is no more.
    pub fn reset(&self, object: &IdentityRef) {
        let mut failures = self.failures();
        if failures.remove(object).is_some() {
            self.show(&failures);
        }
    }

    fn show(&self, failures: &HashMap<IdentityRef, u32>) {
        self.size.set(i64::try_from(failures.len()).unwrap_or(i64::MAX));
    }

    /// A panic elsewhere leaves the numbers as they were, and those are always usable.
    fn failures(&self) -> MutexGuard<'_, HashMap<IdentityRef, u32>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long to wait after so many failures in a row: one second, doubled each time, at most five minutes.
#[must_use]
pub fn delay(failures: u32) -> Duration {
    let factor = 2_u32.saturating_pow(failures.saturating_sub(1));
    FIRST.saturating_mul(factor).min(LONGEST)
}

/// A time made up to a tenth longer or shorter, always the same for the same key.
#[must_use]
pub fn spread(time: Duration, key: &impl Hash) -> Duration {
    let thousandths = 900 + u32::try_from(hash(key) % 201).unwrap_or_default();
    time.saturating_mul(thousandths) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_up_to_five_minutes() {
        let seconds: Vec<u64> = [0, 1, 2, 3, 8, 9, 10, u32::MAX]
            .map(|n| delay(n).as_secs())
            .to_vec();
        assert_eq!(seconds, [1, 1, 2, 4, 128, 256, 300, 300]);
    }

    #[test]
    fn a_success_forgets_all_failures() {
        let size = Gauge::default();
        let backoff = Backoff::new(size.clone());
        let (a, b) = (
            IdentityRef::new("a").within("shop"),
            IdentityRef::new("b").within("shop"),
        );
        let first = backoff.next(&a);
        assert!(backoff.next(&a) > first);
        backoff.next(&b);
        assert_eq!(size.get(), 2);
        backoff.reset(&a);
        backoff.reset(&a);
        assert_eq!(size.get(), 1);
        assert_eq!(backoff.next(&a), first);
    }

    #[test]
    fn times_are_spread_by_a_tenth_and_stay_the_same_for_one_object() {
        let whole = Duration::from_secs(600);
        let spread_out: Vec<Duration> = (0..200).map(|uid| spread(whole, &uid)).collect();
        let (least, most) = (Duration::from_secs(540), Duration::from_secs(660));
        assert!(spread_out.iter().all(|time| (least..=most).contains(time)));
        assert!(spread_out.iter().any(|time| *time < Duration::from_secs(560)));
        assert!(spread_out.iter().any(|time| *time > Duration::from_secs(640)));
        assert_eq!(spread(whole, &"a"), spread(whole, &"a"));
    }
}
