//! The generated files as values. No I/O.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Generated text by the file's path from the root of the workspace.
pub(super) type Generated = BTreeMap<PathBuf, String>;
