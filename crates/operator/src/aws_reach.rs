//! The time for which AWS has not answered this operator: with two replicas, a healthy one on another node shall lead.
//! The outcome of each call in; the end of the operator out. No I/O.

use std::sync::Arc;
use std::time::Duration;

use lanyard_aws::{Class, Measured, Meter};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

/// The operator gives the lease up after this time without a response.
const LIMIT: Duration = Duration::from_secs(300);

/// Counts every call in another meter, and notes whether AWS answers.
#[derive(Clone)]
pub(crate) struct AwsReach {
    meter: Arc<dyn Meter>,
    /// The time of the first failed call since the last answer.
    failing_since: Arc<Mutex<Option<Instant>>>,
    /// The outcome of the call that exceeded the limit.
    exceeded: watch::Sender<Option<&'static str>>,
}

impl AwsReach {
    pub fn new(meter: Arc<dyn Meter>) -> Self {
        Self {
            meter,
            failing_since: Arc::default(),
            exceeded: watch::Sender::new(None),
        }
    }

    /// Waits until no call was answered for [`LIMIT`]. Returns the time in minutes and the last outcome.
    pub async fn lost(&self) -> (u64, &'static str) {
        let mut exceeded = self.exceeded.subscribe();
        match exceeded.wait_for(Option::is_some).await {
            Ok(outcome) => (LIMIT.as_secs() / 60, outcome.unwrap_or_default()),
            // `self` holds the sender.
            Err(_) => std::future::pending().await,
        }
    }

    fn note(&self, outcome: &'static str, now: Instant) {
        let mut failing_since = self.failing_since.lock();
        if outcome == Class::GateClosed.as_str() {
            return;
        }
        if !is_out_of_reach(outcome) {
            *failing_since = None;
            return;
        }
        let since = *failing_since.get_or_insert(now);
        if now - since >= LIMIT {
            self.exceeded.send_replace(Some(outcome));
        }
    }
}

/// True if a call did not reach AWS with valid credentials.
fn is_out_of_reach(outcome: &str) -> bool {
    [Class::Network, Class::TimedOut, Class::Credentials]
        .iter()
        .any(|class| class.as_str() == outcome)
}

impl Meter for AwsReach {
    fn call(&self, measured: &Measured) {
        self.meter.call(measured);
        self.note(measured.outcome, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn is_lost_after(outcomes: &[(u64, &'static str)]) -> bool {
        let (reach, start) = (AwsReach::new(Arc::new(())), Instant::now());
        for (seconds, outcome) in outcomes {
            reach.note(outcome, start + Duration::from_secs(*seconds));
        }
        reach.lost().now_or_never().is_some()
    }

    #[test]
    fn five_minutes_without_an_answer_end_the_term() {
        assert!(is_lost_after(&[
            (0, "network"),
            (150, "timed_out"),
            (300, "credentials")
        ]));
        assert!(!is_lost_after(&[(0, "network"), (299, "network")]));
    }

    #[test]
    fn any_answer_of_aws_starts_the_time_again() {
        for answer in ["ok", "throttled", "denied", "server"] {
            assert!(!is_lost_after(&[
                (0, "network"),
                (200, answer),
                (300, "network"),
                (400, "network")
            ]));
        }
        assert!(is_lost_after(&[
            (0, "network"),
            (200, "gate_closed"),
            (300, "network")
        ]));
    }
}
