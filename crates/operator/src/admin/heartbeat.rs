//! The heartbeat of the task that renews the lease. Its turns in; whether it stands still out. No I/O.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// The task turns at least every few seconds, also while the API server does not answer.
const LIMIT: Duration = Duration::from_secs(60);

/// The time of the last turn. All clones share it.
#[derive(Debug, Clone)]
pub struct Heartbeat(Arc<Mutex<Instant>>);

impl Default for Heartbeat {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }
}

impl Heartbeat {
    /// The task turned.
    pub fn beat(&self) {
        *self.0.lock() = Instant::now();
    }

    /// The time since the last turn, if the task stands still.
    #[must_use]
    pub fn silence(&self) -> Option<Duration> {
        let silence = self.0.lock().elapsed();
        (silence > LIMIT).then_some(silence)
    }
}
