//! The configuration that all watches share. No I/O.

use std::time::Duration;

use kube_runtime::watcher;

/// Page size of list calls. It bounds the memory that listing a large cluster takes.
const PAGE_SIZE: u32 = 500;

/// The API server ends a watch after this time, and the operator resumes it at the last version, without a list. A watch
/// whose connection is dead is noticed 5 s later (`WATCH_IDLE_TIMEOUT_MARGIN` of kube-runtime): its watches use HTTP/1.1,
/// which has no pings.
pub const WATCH_TIMEOUT: Duration = Duration::from_secs(45);

/// Page size of lists of objects that tenants write: each can be as large as the API server allows (1.5 MB).
const SMALL_PAGE_SIZE: u32 = 100;

/// The watcher configuration: all objects, listed in pages.
#[must_use]
pub fn paged() -> watcher::Config {
    pages_of(PAGE_SIZE)
}

/// The watcher configuration for objects that tenants write.
#[must_use]
pub fn paged_small() -> watcher::Config {
    pages_of(SMALL_PAGE_SIZE)
}

fn pages_of(size: u32) -> watcher::Config {
    let seconds = u32::try_from(WATCH_TIMEOUT.as_secs()).unwrap_or(u32::MAX);
    watcher::Config::default().page_size(size).timeout(seconds)
}
