//! Timeout and pause of every wait in the suites. No I/O.

use std::time::Duration;

/// Timeout of every wait. It is much longer than any wait usually takes, since the speed of machines differs.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two polls.
pub const POLL: Duration = Duration::from_millis(50);
