//! State of a running test bed, as files in the cache for the other commands.
//! Input: the cache. Output: a lock that is held while it runs, its process id, its state, its log. Does I/O.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use lanyard_testkit::cache::{self, Cache};
use lanyard_testkit::process;
use serde::{Deserialize, Serialize};

/// Facts about a running test bed.
#[derive(Serialize, Deserialize)]
pub struct State {
    /// Variables for a shell to export.
    pub env: BTreeMap<String, String>,
    /// Where kubectl is.
    pub bin: PathBuf,
    pub cluster_arn: String,
    pub issuer: String,
    pub localstack: Option<String>,
    pub logs: PathBuf,
}

/// The directory in the cache where the holder and the other commands meet.
pub struct Place {
    cache: Cache,
    dir: PathBuf,
}

impl Place {
    pub fn open(cache: Cache) -> Result<Self> {
        let dir = cache.dir("testbed")?;
        Ok(Self { cache, dir })
    }

    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Returns true if a holder runs. The kernel releases its lock when it ends.
    pub fn is_held(&self) -> Result<bool> {
        Ok(cache::try_lock(&self.lock_path())?.is_none())
    }

    /// Becomes the holder, for as long as the returned file is open.
    pub fn take(&self) -> Result<File> {
        let Some(lock) = cache::try_lock(&self.lock_path())? else {
            bail!("another test bed is being held");
        };
        fs::write(self.dir.join("holder.pid"), std::process::id().to_string())?;
        Ok(lock)
    }

    /// The process id of the holder.
    pub fn holder(&self) -> Result<i32> {
        let text =
            fs::read_to_string(self.dir.join("holder.pid")).context("who holds the test bed is not known")?;
        Ok(text.trim().parse()?)
    }

    pub fn read(&self) -> Result<State> {
        Ok(serde_json::from_slice(&fs::read(self.state_path())?)?)
    }

    /// Whole or not at all: the others read it while it is being written.
    pub fn write(&self, state: &State) -> Result<()> {
        let partial = self.dir.join("state.partial");
        fs::write(&partial, serde_json::to_vec_pretty(state)?)?;
        Ok(fs::rename(partial, self.state_path())?)
    }

    /// Forgets a test bed that is gone.
    pub fn clear(&self) -> Result<()> {
        match fs::remove_file(self.state_path()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// The log file of the holder.
    pub fn log_path(&self) -> PathBuf {
        self.dir.join("holder.log")
    }

    pub fn log_tail(&self) -> String {
        process::tail(&self.log_path())
    }

    fn lock_path(&self) -> PathBuf {
        self.dir.join("holder.lock")
    }

    fn state_path(&self) -> PathBuf {
        self.dir.join("state.json")
    }
}
