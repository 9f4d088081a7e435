//! Installs what is missing, one part after the other, each once however many processes ask.
//! Input: parts (a target, and how to make it). Output: targets that exist, or one sentence on what is missing. Does I/O.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::part::Part;
use super::progress::Progress;
use crate::cache;
use crate::process::tail;

/// Makes every part that is not there.
pub(super) fn missing(parts: &[Part]) -> Result<()> {
    let missing: Vec<_> = parts.iter().filter(|part| !part.target.exists()).collect();
    // Missing requirements are reported before minutes are spent on building.
    missing.iter().try_for_each(|part| (part.check)())?;
    let mut progress = Progress::new(&missing);
    for part in missing {
        progress.begin(part);
        install(part, &progress).with_context(|| format!("installing {}", part.label))?;
        progress.end(part);
    }
    Ok(())
}

fn install(part: &Part, progress: &Progress) -> Result<()> {
    let work = part.dir.join("work");
    let name = part.target.file_name().context("a target without a name")?;
    let path = |suffix: &str| work.join(name).with_added_extension(suffix);
    fs::create_dir_all(&work)?;
    part.target.parent().map_or(Ok(()), fs::create_dir_all)?;
    let _lock = lock(&path("lock"), progress)?;
    if part.target.exists() {
        return Ok(());
    }
    let (partial, log) = (path("partial"), path("log"));
    remove(&partial)?;
    remove(&log)?;
    (part.make)(&partial, &log)?;
    fs::rename(&partial, &part.target).with_context(|| format!("moving to {}", part.target.display()))
}

fn lock(path: &Path, progress: &Progress) -> Result<File> {
    if let Some(file) = cache::try_lock(path)? {
        return Ok(file);
    }
    progress.say("another process is at it, waiting");
    cache::lock(path)
}

/// Remains of an interrupted installation.
fn remove(left: &Path) -> Result<()> {
    match fs::symlink_metadata(left) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(left)?,
        Ok(_) => fs::remove_file(left)?,
        Err(_) => {}
    }
    Ok(())
}

/// Runs a command to its end with its output added to `log`. The error shows how the log ends.
pub(super) fn run(command: &mut Command, log: &Path) -> Result<()> {
    let output = File::options().create(true).append(true).open(log)?;
    let status = command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .status()?;
    if !status.success() {
        let program = command.get_program().to_string_lossy();
        bail!(
            "{program} failed ({status})\n  log: {}\n{}",
            log.display(),
            tail(log)
        );
    }
    Ok(())
}

/// A short name for the content that a directory is made from, so that other content gets another directory.
pub(super) fn digest(contents: &[&str]) -> String {
    let mut hash = Sha256::new();
    for content in contents {
        hash.update(content.as_bytes());
        hash.update([0]);
    }
    hex::encode(hash.finalize()).chars().take(10).collect()
}
