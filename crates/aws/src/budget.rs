//! The call budget of one service: every call takes a permit first, and throttling slows all of them down.
//! Permits out, throttling in; sleeps, but talks to nobody. Shared by all clones of [`Aws`](crate::Aws); the
//! arithmetic is in [`bucket`].

mod bucket;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use self::bucket::{Bucket, LIMITS};

/// A token bucket that many callers share.
pub(crate) struct Budget {
    began: Instant,
    bucket: Mutex<Bucket>,
}

impl Budget {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            bucket: Mutex::new(Bucket::full(LIMITS)),
        }
    }

    /// Waits for the caller's turn, first come first served, and tells how long that took.
    pub(crate) async fn permit(&self) -> Duration {
        let wait = self.bucket().take(self.began.elapsed());
        if !wait.is_zero() {
            sleep(wait).await;
        }
        wait
    }

    /// AWS asked for fewer calls.
    pub(crate) fn throttled(&self) {
        self.bucket().throttled(self.began.elapsed());
    }

    /// A panic elsewhere leaves the numbers as they were, and those are always usable.
    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
