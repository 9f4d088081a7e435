//! `cargo xtask test FILTER`: the tests with a text in their name, wherever they are. Inputs: the work tree and the text.
//! Outputs: cargo's lines as they come and a line of totals. Builds all test binaries, asks each for its matching tests,
//! installs the test bed only if one of these needs it, and runs them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use cargo_metadata::{Artifact, Message, TargetKind};

use super::install;
use super::sample::Sample;
use super::suites::TESTS_AT_ONCE;
use crate::check::cargo::{cargo_test, colour};
use crate::check::checkout::{Checkout, Needs};
use crate::check::child;
use crate::check::counts::Counts;

/// One test binary.
struct Binary {
    target: Target,
    executable: PathBuf,
}

/// A test binary as cargo's arguments select it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Lib,
    Bins,
    Test(String),
}

impl Target {
    fn of(artifact: &Artifact) -> Self {
        let kinds = &artifact.target.kind;
        match kinds {
            _ if kinds.contains(&TargetKind::Test) => Self::Test(artifact.target.name.clone()),
            _ if kinds.contains(&TargetKind::Bin) => Self::Bins,
            _ => Self::Lib,
        }
    }

    fn arguments(&self) -> Vec<&str> {
        match self {
            Self::Lib => vec!["--lib"],
            Self::Bins => vec!["--bins"],
            Self::Test(name) => vec!["--test", name],
        }
    }
}

/// Runs the tests with this text in their name.
///
/// # Errors
/// Returns an error if the tests do not compile, if none matches, or if one fails.
pub(super) fn run(checkout: &Checkout, filter: &str, sample: Sample) -> Result<()> {
    let targets = matching(&build(checkout)?, filter)?;
    if targets.is_empty() {
        bail!("no test has `{filter}` in its name");
    }
    if needs_test_bed(checkout, &targets) {
        install::test_bed()?;
    }
    let arguments: Vec<&str> = targets
        .iter()
        .flat_map(Target::arguments)
        .chain([filter])
        .collect();
    let mut command = cargo_test(checkout, &arguments);
    command.args(["--", "--color", colour(), "--test-threads", TESTS_AT_ONCE]);
    sample.set(&mut command);
    let mut counts = Counts::default();
    let ended = child::run(command, |line| {
        println!("{line}");
        counts.read(line);
    })?;
    println!("\n{counts}");
    if counts.failed > 0 {
        bail!("{} tests failed", counts.failed);
    }
    if !ended.success {
        bail!("the tests did not run to their end");
    }
    Ok(())
}

/// Builds every test binary of the workspace.
fn build(checkout: &Checkout) -> Result<Vec<Binary>> {
    let mut command = cargo_test(checkout, &["--lib", "--bins", "--tests", "--no-run"]);
    command.arg("--message-format=json-render-diagnostics");
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("starting cargo")?;
    if !output.status.success() {
        bail!("the tests do not compile");
    }
    let mut binaries = Vec::new();
    for message in Message::parse_stream(output.stdout.as_slice()) {
        let Message::CompilerArtifact(artifact) = message? else {
            continue;
        };
        if let Some(executable) = artifact.executable.as_ref().filter(|_| artifact.profile.test) {
            binaries.push(Binary {
                target: Target::of(&artifact),
                executable: executable.clone().into_std_path_buf(),
            });
        }
    }
    Ok(binaries)
}

/// The targets that have a matching test.
fn matching(binaries: &[Binary], filter: &str) -> Result<BTreeSet<Target>> {
    let mut targets = BTreeSet::new();
    for binary in binaries {
        let listed = Command::new(&binary.executable)
            .args(["--list", "--format", "terse", filter])
            .output()
            .with_context(|| format!("listing the tests of {}", binary.executable.display()))?;
        let names = String::from_utf8_lossy(&listed.stdout);
        if names.lines().any(|line| line.ends_with(": test")) {
            targets.insert(binary.target.clone());
        }
    }
    Ok(targets)
}

fn needs_test_bed(checkout: &Checkout, targets: &BTreeSet<Target>) -> bool {
    let suites = checkout.integration_tests(Needs::TestBed);
    targets
        .iter()
        .any(|target| matches!(target, Target::Test(name) if suites.contains(name.as_str())))
}
