//! Ends every child when its owner ends, even by SIGKILL: two small processes wait on pipes that the kernel closes with
//! the owner. A test binary cannot re-execute itself, hence `cat` and `sh`. Does I/O.
//! ```text
//!   owner --pipe--> cat                  leads the process group that all children join
//!         --pipe--> sh (another group)   at end of file: kills that group, removes the data directory
//! ```
//! A parent-death signal would not do: it fires when the spawning thread ends, and test threads do. A child that the
//! owner is just forking holds the pipes' far ends until it execs, by which time it is in the group: none slips through.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// `$1` is the group, `$2` the data directory. A second `rm` for what a dying process wrote during the first.
const SCRIPT: &str =
    r#"trap '' HUP INT TERM; read -r _; kill -s KILL -- "-$1"; rm -rf -- "$2" || rm -rf -- "$2""#;

/// The owner's end of the pipes. Dropping it ends every child, as the owner's death does.
#[derive(Debug)]
pub struct ProcessReaper {
    leader: Child,
    reaper: Child,
    group: i32,
}

impl ProcessReaper {
    /// Starts the two processes. `data` is removed when the owner ends.
    pub fn start(data: &Path) -> Result<Self> {
        let leader = waiting(&mut Command::new("cat"))?;
        let group = i32::try_from(leader.id()).context("a process id out of range")?;
        let reaper = waiting(
            Command::new("sh")
                .args(["-c", SCRIPT, "lanyard-keeper"])
                .arg(group.to_string())
                .arg(data),
        )?;
        Ok(Self {
            leader,
            reaper,
            group,
        })
    }

    /// Adds a command that is about to be started to the process group.
    pub fn take(&self, command: &mut Command) {
        command.process_group(self.group);
    }

    /// Ends every child and waits until the data directory is gone.
    pub fn end(&mut self) -> Result<()> {
        drop(self.reaper.stdin.take());
        self.reaper.wait().context("waiting for the keeper")?;
        drop(self.leader.stdin.take());
        self.leader.wait().context("waiting for the keeper's group")?;
        Ok(())
    }
}

impl Drop for ProcessReaper {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// Started in a group of its own, so that Ctrl-C in a terminal reaches only the owner. It holds none of the owner's
/// outputs, or a pipe behind the owner would never see its end.
fn waiting(command: &mut Command) -> Result<Child> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .context("starting the keeper of the test bed's processes (needs `sh` and `cat`)")
}
