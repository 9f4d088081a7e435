//! One thing to install: its target and how to make it. No I/O of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

/// Makes something at the first path, logging to the second.
pub(super) type Recipe = Box<dyn Fn(&Path, &Path) -> Result<()> + Send>;

/// One thing to install: it is there when `target` is.
pub(super) struct Part {
    /// Name and version for the display.
    pub label: String,
    /// About how long it takes on two cores with nothing cached.
    pub usual: Duration,
    /// The directory of this version, where locks, logs and half-made things are kept too.
    pub dir: PathBuf,
    /// Exists when the part is installed.
    pub target: PathBuf,
    /// Checks that the recipe's requirements (Go, Python) are installed. The error says how to install them.
    pub check: fn() -> Result<()>,
    /// Makes the target elsewhere; it is renamed when complete.
    pub make: Recipe,
}
