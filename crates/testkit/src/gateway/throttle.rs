//! A token bucket that refuses calls above a rate, as AWS's are refilled every moment and allow a burst.
//! Input: a call and the time. Output: whether it may pass. No I/O, no clock of its own.
//! Asked by `serve` before each call.

use std::time::Instant;

use super::call::Call;
use super::service::Service;

/// A rate that calls must keep to; what is above it is answered as AWS answers: `Throttling` or `ThrottlingException`.
#[derive(Clone, Debug)]
pub struct Throttle {
    rate: f64,
    burst: f64,
    service: Option<Service>,
    writes_only: bool,
}

impl Throttle {
    /// At most this many calls a second, with a burst of one second's worth.
    pub fn calls(per_second: f64) -> Self {
        Self {
            rate: per_second,
            burst: per_second.max(1.0),
            service: None,
            writes_only: false,
        }
    }

    /// At most this many writes a second; reads pass freely.
    pub fn writes(per_second: f64) -> Self {
        Self {
            writes_only: true,
            ..Self::calls(per_second)
        }
    }

    /// The number of calls that may come at once after a pause. At least 1.
    #[must_use]
    pub fn burst(self, calls: f64) -> Self {
        Self {
            burst: calls.max(1.0),
            ..self
        }
    }

    /// Only for calls to one service; else all of AWS's share the bucket.
    #[must_use]
    pub fn to(self, service: Service) -> Self {
        Self {
            service: Some(service),
            ..self
        }
    }

    fn concerns(&self, call: &Call) -> bool {
        let served = self
            .service
            .map_or(call.service.is_aws(), |service| service == call.service);
        served && (call.write || !self.writes_only)
    }
}

/// The buckets in force.
#[derive(Debug, Default)]
pub(crate) struct Buckets(Vec<Bucket>);

#[derive(Debug)]
struct Bucket {
    throttle: Throttle,
    tokens: f64,
    filled: Instant,
}

impl Buckets {
    pub fn of(throttles: Vec<Throttle>, now: Instant) -> Self {
        let full = |throttle: Throttle| Bucket {
            tokens: throttle.burst,
            filled: now,
            throttle,
        };
        Self(throttles.into_iter().map(full).collect())
    }

    /// Takes a token from each bucket that concerns the call; false, with nothing taken, when one of them is empty.
    pub fn admit(&mut self, call: &Call, now: Instant) -> bool {
        let mut concerned: Vec<&mut Bucket> = self
            .0
            .iter_mut()
            .filter(|bucket| bucket.throttle.concerns(call))
            .collect();
        concerned.iter_mut().for_each(|bucket| bucket.refill(now));
        let admitted = concerned.iter().all(|bucket| bucket.tokens >= 1.0);
        if admitted {
            concerned.iter_mut().for_each(|bucket| bucket.tokens -= 1.0);
        }
        admitted
    }
}

impl Bucket {
    fn refill(&mut self, now: Instant) {
        let earned = now.saturating_duration_since(self.filled).as_secs_f64() * self.throttle.rate;
        self.tokens = (self.tokens + earned).min(self.throttle.burst);
        self.filled = now;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn call(service: Service, write: bool) -> Call {
        Call {
            service,
            operation: "Any".into(),
            write,
            subjects: Vec::new(),
        }
    }

    #[test]
    fn burst_passes_then_rate_applies() {
        let start = Instant::now();
        let mut buckets = Buckets::of(vec![Throttle::calls(10.0).burst(2.0)], start);
        let write = call(Service::Iam, true);
        assert!(
            buckets.admit(&write, start) && buckets.admit(&write, start) && !buckets.admit(&write, start)
        );
        assert!(buckets.admit(&write, start + Duration::from_millis(110)));
        assert!(!buckets.admit(&write, start + Duration::from_millis(150)));
    }

    #[test]
    fn bucket_throttles_only_its_operations() {
        let start = Instant::now();
        let mut buckets = Buckets::of(vec![Throttle::writes(1.0).to(Service::Eks)], start);
        assert!(
            buckets.admit(&call(Service::Eks, true), start)
                && !buckets.admit(&call(Service::Eks, true), start)
        );
        assert!(
            buckets.admit(&call(Service::Eks, false), start)
                && buckets.admit(&call(Service::Iam, true), start)
        );
    }
}
