//! Judges the crates of others by `.deny.toml`: bans, licences and sources, and (reported only) known vulnerabilities.
//! The work tree in, findings out. Runs cargo-deny, which it installs into the cache on first use.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use lanyard_testkit::cache::{self, Cache};

use super::cargo::cargo;
use super::checkout::Checkout;
use super::child::{self, Ended};
use super::finding::Finding;
use super::live::Live;

const VERSION: &str = "0.20.2";

/// A build that is made in a third of the time and still judges in seconds.
const QUICK_BUILD: [(&str, &str); 3] = [
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
];

/// The message of cargo-deny when it cannot fetch the advisory database.
const NO_DATABASE: &str = "failed to fetch advisory database";

pub(super) fn dependencies(checkout: &Checkout, live: &Live) -> Result<Finding> {
    let ended = deny(checkout, live, &["bans", "licenses", "sources"])?;
    if ended.success {
        return Ok(Finding::good(""));
    }
    Ok(Finding::bad(
        "fix it, or add an exception with its reason to .deny.toml",
        ended.output,
    ))
}

/// An advisory of tonight must not stop the work of tomorrow, and not every machine reaches the database.
pub(super) fn advisories(checkout: &Checkout, live: &Live) -> Result<Finding> {
    let ended = deny(checkout, live, &["advisories"])?;
    if ended.success {
        return Ok(Finding::good(""));
    }
    if ended.output.contains(NO_DATABASE) {
        return Ok(Finding::notice(
            "not judged: the advisory database cannot be reached from this machine",
            "",
        ));
    }
    Ok(Finding::notice("see to these soon", ended.output))
}

fn deny(checkout: &Checkout, live: &Live, checks: &[&str]) -> Result<Ended> {
    let mut command = Command::new(installed(checkout, live)?);
    command
        .current_dir(&checkout.root)
        .args([
            "--locked",
            "--config",
            ".deny.toml",
            "check",
            "--hide-inclusion-graph",
        ])
        .args(checks);
    child::run(command, |line| live.at(line))
}

/// The program, built when it is not there; of several processes one builds and the others wait.
fn installed(checkout: &Checkout, live: &Live) -> Result<PathBuf> {
    let dir = Cache::open()?.dir("tools")?.join(format!("cargo-deny-{VERSION}"));
    let program = dir.join("bin/cargo-deny");
    if program.is_file() {
        return Ok(program);
    }
    live.say(&format!("Installing cargo-deny {VERSION}, once: about 4 min."));
    let _lock = cache::lock(&dir.with_added_extension("lock"))?;
    if !program.is_file() {
        let mut command = cargo(
            checkout,
            &[
                "install",
                "cargo-deny",
                "--locked",
                "--version",
                VERSION,
                "--root",
            ],
        );
        command.arg(&dir).envs(QUICK_BUILD);
        let ended = child::run(command, |line| live.at(line))?;
        if !ended.success {
            bail!("cargo install failed\n{}", ended.output);
        }
    }
    program
        .is_file()
        .then_some(program)
        .context("cargo install left no cargo-deny")
}
