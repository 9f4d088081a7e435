//! The clock: the only place where the identity controller reads the system time. No other I/O.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

/// One moment on both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// The monotonic time, for delays.
    pub instant: Instant,
    /// The wall-clock time, for statuses and events.
    pub timestamp: Timestamp,
}

/// A source of the current time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Now + Send + Sync>);

impl Clock {
    /// The clock of the system.
    #[must_use]
    pub fn system() -> Self {
        Self::new(|| Now {
            instant: Instant::now(),
            timestamp: Timestamp::now(),
        })
    }

    /// A clock that `read` answers for, as tests need it.
    pub fn new(read: impl Fn() -> Now + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The current time.
    #[must_use]
    pub fn now(&self) -> Now {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}
