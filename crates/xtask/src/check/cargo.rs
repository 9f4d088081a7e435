//! The parts that cargo itself judges: format, lints, documentation, each crate alone, and tests without a control plane.
//! The work tree in, findings out. Runs cargo, always with `--locked`. Called by `check`; `test` uses its commands.

use std::env;
use std::ffi::OsString;
use std::process::Command;

use anyhow::Result;

use super::checkout::{Checkout, Needs};
use super::child::{self, Ended};
use super::counts::Counts;
use super::finding::Finding;
use super::live::Live;

/// What is shipped, in which one crate must not live on the features that another asks for; with each set of its own.
const SHIPPED: [(&str, &[&str]); 7] = [
    ("lanyard-core", &[]),
    ("lanyard-api", &[]),
    ("lanyard-aws", &[]),
    ("lanyard-aws", &["--features", "events"]),
    ("lanyard-engine", &[]),
    ("lanyard-operator", &[]),
    ("lanyard-operator", &["--features", "events"]),
];

/// How libtest names a test that may never end.
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
    // Nobody reads them without: these crates are not published, so a link to a private item leads somewhere.
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
    // A failed test says what was wrong in its error's own words; fifty frames of the runtime would bury them.
    command.env("RUST_LIB_BACKTRACE", "0");
    command
}

/// Cargo at the root of the work tree, as if a person had called it there.
pub(crate) fn cargo(checkout: &Checkout, arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.current_dir(&checkout.root).args(arguments);
    // `cargo run` sets these for the xtask; a build script that looks at one would run again.
    for (name, _) in env::vars_os() {
        let ours = name.to_string_lossy();
        if ours.starts_with("CARGO_PKG_") || ours.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command.env("CARGO_TERM_COLOR", colour());
    command
}

/// What tools whose output goes through a pipe are told about colours.
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
