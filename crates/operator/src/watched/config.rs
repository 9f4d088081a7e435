//! The configuration that all watches share. No I/O.

use std::time::Duration;

use kube_runtime::watcher;
use lanyard_engine::PAGE;

/// The API server ends a watch after this time, and the operator resumes it at the last version, without a list. A watch
/// whose connection is dead is noticed 5 s later (`WATCH_IDLE_TIMEOUT_MARGIN` of kube-runtime): its watches use HTTP/1.1,
/// which has no pings.
pub const WATCH_TIMEOUT: Duration = Duration::from_secs(45);

/// The watcher configuration: all objects, listed in pages.
#[must_use]
pub fn paged() -> watcher::Config {
    let seconds = u32::try_from(WATCH_TIMEOUT.as_secs()).unwrap_or(u32::MAX);
    watcher::Config::default().page_size(PAGE).timeout(seconds)
}
