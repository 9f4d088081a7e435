//! Installs the tools of the test bed before the first suite, where the progress is visible. Does I/O.

use anyhow::Result;
use lanyard_testkit::cache::Cache;
use lanyard_testkit::tools::{Evaluator, Tools};

/// Installs the tools that are missing in the cache.
///
/// # Errors
/// Returns an error if a tool cannot be downloaded or built.
pub(super) fn test_bed() -> Result<()> {
    let cache = Cache::open()?;
    Tools::install(&cache, true)?;
    Tools::install_helm(&cache)?;
    Evaluator::install_all(&cache)
}
