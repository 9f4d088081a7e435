//! The place of one running test bed: its tools, data, logs and process reaper.
//! Input: the cache and the tools. Output: directories and started processes. Does I/O.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result};

use crate::cache::Cache;
use crate::process::{Port, Process, ProcessReaper};
use crate::tools::Tools;

/// Everything that a part of a test bed needs to start.
#[derive(Debug)]
pub(crate) struct Site {
    pub cache: Cache,
    pub tools: Tools,
    /// Gone when the test bed ends, however it ends.
    pub data: PathBuf,
    /// Kept when something fails.
    pub logs: PathBuf,
    keeper: ProcessReaper,
    state: State,
}

/// How far a test bed is.
#[derive(Debug, PartialEq, Eq)]
enum State {
    Starting,
    Started,
    Ended,
}

impl Site {
    pub(crate) fn new(cache: Cache, tools: Tools) -> Result<Self> {
        let data = tempfile::Builder::new()
            .prefix("lanyard-bed-")
            .tempdir()
            .context("making the data directory")?
            .keep();
        let logs = cache.new_log_dir()?;
        let keeper = ProcessReaper::start(&data)?;
        Ok(Self {
            cache,
            tools,
            data,
            logs,
            keeper,
            state: State::Starting,
        })
    }

    /// A directory of its own for one part.
    pub(crate) fn dir(&self, name: &str) -> Result<PathBuf> {
        let dir = self.data.join(name);
        fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
        Ok(dir)
    }

    /// A port that nothing else uses.
    pub(crate) fn port(&self) -> Result<Port> {
        Port::claim(&self.cache)
    }

    /// A command that inherits nothing: no proxy, certificate or credential variable of the caller reaches it.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", &self.data)
            .env("TMPDIR", &self.data)
            .current_dir(&self.data);
        command.envs(env::var_os("PATH").map(|path| ("PATH", path)));
        command
    }

    /// Starts a process that ends with this test bed.
    pub(crate) fn spawn(&self, name: &str, command: Command) -> Result<Process> {
        Process::spawn(&self.keeper, &self.logs, name, command)
    }

    /// From now on an end is no failure, and the logs go with it.
    pub(crate) fn started(&mut self) {
        self.state = State::Started;
    }

    /// Ends every process and removes the data; the logs too, unless they are needed to explain a failure.
    pub(crate) fn end(&mut self, keep_logs: bool) -> Result<()> {
        self.state = State::Ended;
        self.keeper.end()?;
        if keep_logs {
            return Ok(());
        }
        fs::remove_dir_all(&self.logs).with_context(|| format!("removing {}", self.logs.display()))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if self.state == State::Ended {
            return;
        }
        if thread::panicking() {
            eprintln!("the test bed's logs are in {}", self.logs.display());
        }
        let _ = self.end(self.state == State::Starting || thread::panicking());
    }
}
