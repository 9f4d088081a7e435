//! The parts that cargo runs: format, lints, documentation, each crate alone, and tests without a control plane.
//! Input: the work tree. Output: findings. Runs cargo, always with `--locked`.

use std::env;
use std::ffi::OsString;
use std::process::Command;

use anyhow::Result;

use super::checkout::{Checkout, Needs};
use super::child::{self, Ended};
use super::counts::Counts;
use super::finding::Finding;
use super::live::Live;

/// The shipped crates with each of their feature sets. None may depend on features that another crate enables.
const SHIPPED: [(&str, &[&str]); 8] = [
    ("lanyard-iam-policy", &[]),
    ("lanyard-core", &[]),
    ("lanyard-api", &[]),
    ("lanyard-aws", &[]),
    ("lanyard-aws", &["--features", "events"]),
    ("lanyard-engine", &[]),
    ("lanyard-operator", &[]),
    ("lanyard-operator", &["--features", "events"]),
];

/// The words of libtest for a test that may hang.
const STUCK: &str = "has been running for over 60 seconds";

pub(super) fn format(checkout: &Checkout, live: &Live) -> Result<Finding> {
    let arguments = ["fmt", "--all", "--check", "--", "--color", colour()];
    let ended = child::run(cargo(checkout, &arguments), |line| live.at(line))?;
    Ok(graded(ended, "run `cargo fmt --all`"))
}

pub(super) fn clippy(checkout: &Checkout, live: &Live) -> Result<Finding> {
    let arguments = [
        "clippy",
        "--locked",
        "--keep-going",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    let ended = child::run(cargo(checkout, &arguments), |line| live.at(line))?;
    Ok(graded(ended, ""))
}

pub(super) fn docs(checkout: &Checkout, live: &Live) -> Result<Finding> {
    // With private items: the comments inside are read more than those outside.
    let arguments = [
        "doc",
        "--locked",
        "--keep-going",
        "--workspace",
        "--no-deps",
        "--document-private-items",
    ];
    let mut command = cargo(checkout, &arguments);
    // The crates are not published: their documentation is built with private items, so these links resolve.
    command.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private-intra-doc-links");
    let ended = child::run(command, |line| live.at(line))?;
    Ok(graded(ended, ""))
}

pub(super) fn alone(checkout: &Checkout, live: &Live) -> Result<Finding> {
    let mut failures = String::new();
    for (package, features) in SHIPPED {
        let mut command = cargo(checkout, &["check", "--locked", "--package", package]);
        command.args(features);
        let ended = child::run(command, |line| live.at(line))?;
        if !ended.success {
            failures.push_str(&ended.output);
        }
    }
    if failures.is_empty() {
        return Ok(Finding::good(format!("{} builds", SHIPPED.len())));
    }
    Ok(Finding::bad("", failures))
}

pub(super) fn tests(checkout: &Checkout, live: &Live) -> Result<Finding> {
    let mut counts = Counts::default();
    let mut failures = String::new();
    let mut code = vec!["--lib", "--bins"];
    code.extend(
        checkout
            .integration_tests(Needs::Nothing)
            .iter()
            .flat_map(|name| ["--test", name]),
    );
    for targets in [&code[..], &["--doc"]] {
        let ended = child::run(cargo_test(checkout, targets), |line| {
            live.at(line);
            counts.read(line);
            if line.ends_with(STUCK) {
                live.say(line);
            }
        })?;
        if !ended.success {
            failures.push_str(&ended.output);
        }
    }
    if failures.is_empty() {
        return Ok(Finding::good(counts.to_string()).with_counts(counts));
    }
    Ok(Finding::bad(counts.to_string(), failures).with_counts(counts))
}

/// `cargo test` of these targets in the whole workspace: naming packages instead would choose other features and build
/// every dependency once more.
pub(crate) fn cargo_test(checkout: &Checkout, targets: &[&str]) -> Command {
    let mut command = cargo(checkout, &["test", "--locked", "--workspace", "--no-fail-fast"]);
    command.args(targets);
    // The error of a failed test is enough: fifty frames of the runtime would hide it.
    command.env("RUST_LIB_BACKTRACE", "0");
    command
}

/// Cargo at the root of the work tree, as if called in a shell.
pub(crate) fn cargo(checkout: &Checkout, arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.current_dir(&checkout.root).args(arguments);
    // `cargo run` sets these for the xtask; a build script that reads one would run again.
    for (name, _) in env::vars_os() {
        let ours = name.to_string_lossy();
        if ours.starts_with("CARGO_PKG_") || ours.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command.env("CARGO_TERM_COLOR", colour());
    command
}

/// The colour setting for tools whose output goes through a pipe.
pub(crate) fn colour() -> &'static str {
    if console::colors_enabled() {
        "always"
    } else {
        "never"
    }
}

fn graded(ended: Ended, advice: &str) -> Finding {
    if ended.success {
        return Finding::good("");
    }
    Finding::bad(advice, ended.output)
}
