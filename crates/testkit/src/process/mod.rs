//! One child process of the test bed: started under the process reaper, with its output in a log file and a condition for its readiness.
//! Input: a command. Output: a running process, or an error that names the log and shows its end. Does I/O.

mod ports;
mod probe;
mod process_reaper;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

pub use ports::Port;
pub use probe::{Answer, get, request};
pub use process_reaper::ProcessReaper;

/// Interval at which a condition is checked.
const POLL: Duration = Duration::from_millis(40);
/// How much of a failed process's log an error shows.
const TAIL_LINES: usize = 15;

/// A running program that ends with its [`ProcessReaper`]'s owner, and when this is dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` in the keeper's group, with nothing on standard input and all output in `<logs>/<name>.log`.
    pub fn spawn(keeper: &ProcessReaper, logs: &Path, name: &str, mut command: Command) -> Result<Self> {
        let log = logs.join(format!("{name}.log"));
        let output = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        keeper.take(&mut command);
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .spawn()
            .with_context(|| format!("starting {name} ({program})"))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log,
        })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The file with everything the process printed.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// How it ended, if it has.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>> {
        self.child
            .try_wait()
            .with_context(|| format!("asking after {}", self.name))
    }

    /// Ends it at once and waits until it is gone.
    pub fn kill(&mut self) -> Result<()> {
        // Killing what has ended already is no failure.
        let _ = self.child.kill();
        self.child
            .wait()
            .with_context(|| format!("waiting for {} to end", self.name))?;
        Ok(())
    }

    /// Asks `check` until it answers `Some`. Fails when the process ends first, or after `limit`.
    pub async fn until<T>(
        &mut self,
        what: &str,
        limit: Duration,
        mut check: impl AsyncFnMut() -> Option<T>,
    ) -> Result<T> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.exited()? {
                return Err(self.failure(&format!("{} ended ({status}) before it was {what}", self.name)));
            }
            if let Some(value) = check().await {
                return Ok(value);
            }
            if begun.elapsed() > limit {
                return Err(self.failure(&format!(
                    "{} was not {what} after {} s",
                    self.name,
                    limit.as_secs()
                )));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// An error about this process: what is wrong, where its log is, and how the log ends.
    pub fn failure(&self, what: &str) -> anyhow::Error {
        anyhow!("{what}\n  log: {}\n{}", self.log.display(), tail(&self.log))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// The last lines of a file, indented; empty when it cannot be read.
pub fn tail(path: &Path) -> String {
    let text = fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    let from = lines.len().saturating_sub(TAIL_LINES);
    lines
        .into_iter()
        .skip(from)
        .map(|line| format!("    {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}
