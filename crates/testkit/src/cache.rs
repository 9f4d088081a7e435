//! Where the test bed keeps what outlives a run: installed tools, logs, port claims, the state of a bed left running.
//! Input: the environment (`LANYARD_CACHE`, `XDG_CACHE_HOME`, `HOME`). Output: paths, made on demand. Touches only the file system.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The number of log directories that are kept; a new one removes the oldest.
const KEPT_LOGS: usize = 20;

/// The cache directory, outside the work tree and shared by all checkouts on the machine.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// `LANYARD_CACHE`, else `lanyard` under `XDG_CACHE_HOME`, else `~/.cache/lanyard`.
    pub fn open() -> Result<Self> {
        let given = |name| {
            env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let root = given("LANYARD_CACHE")
            .or_else(|| given("XDG_CACHE_HOME").map(|dir| dir.join("lanyard")))
            .or_else(|| given("HOME").map(|dir| dir.join(".cache/lanyard")))
            .context("no place for the tool cache: set LANYARD_CACHE to a directory")?;
        let root = std::path::absolute(&root).context("resolving the cache directory")?;
        Ok(Self { root })
    }

    /// A named directory in the cache, made if it is not there.
    pub fn dir(&self, name: &str) -> Result<PathBuf> {
        let dir = self.root.join(name);
        fs::create_dir_all(&dir).with_context(|| {
            format!(
                "cannot write to the cache {}; LANYARD_CACHE moves it",
                dir.display()
            )
        })?;
        Ok(dir)
    }

    /// A fresh directory for the logs of one run.
    pub fn new_log_dir(&self) -> Result<PathBuf> {
        let logs = self.dir("logs")?;
        prune(&logs)?;
        let dir = tempfile::Builder::new().prefix("bed-").tempdir_in(&logs)?;
        Ok(dir.keep())
    }
}

/// Takes the lock `path` for as long as the returned file is open, waiting for its holder. The kernel lets go of it
/// when the process ends, however it ends.
pub fn lock(path: &Path) -> Result<File> {
    let file = lock_file(path)?;
    file.lock()
        .with_context(|| format!("locking {}", path.display()))?;
    Ok(file)
}

/// Like [`lock`], but `None` at once when another process has it.
pub fn try_lock(path: &Path) -> Result<Option<File>> {
    let file = lock_file(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("locking {}", path.display()))
        }
    }
}

fn lock_file(path: &Path) -> Result<File> {
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .with_context(|| format!("opening the lock {}", path.display()))
}

fn prune(logs: &Path) -> Result<()> {
    let mut dirs: Vec<_> = fs::read_dir(logs)?
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.metadata().ok()?.modified().ok()?, entry.path()))
        })
        .collect();
    dirs.sort();
    let surplus = (dirs.len() + 1).saturating_sub(KEPT_LOGS);
    for (_, dir) in dirs.into_iter().take(surplus) {
        // Another run may be pruning the same directory.
        let _ = fs::remove_dir_all(dir);
    }
    Ok(())
}
