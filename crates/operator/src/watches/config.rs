//! The configuration that all watches share. No I/O.

use kube_runtime::watcher;

/// Page size of list calls. It bounds the memory that listing a large cluster takes.
const PAGE_SIZE: u32 = 500;

/// The watcher configuration: all objects, listed in pages.
#[must_use]
pub fn paged() -> watcher::Config {
    watcher::Config::default().page_size(PAGE_SIZE)
}
