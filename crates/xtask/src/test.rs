//! `cargo xtask test`: everything that `check` judges, then the suites on a real API server and the AWS emulators.
//! The work tree in; cargo's own lines and one line of totals out. Does I/O: installs tools on first use, runs cargo.
//! Called by the dispatcher in `main`; CI runs nothing else.

use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;
use lanyard_testkit::cache::Cache;
use lanyard_testkit::tools::Tools;

mod suites;

use crate::check;
use crate::check::cargo::{cargo_test, colour};
use crate::check::checkout::{Checkout, Needs};
use crate::check::child;
use crate::check::counts::Counts;

/// Runs every test: `check`, then the suites on a real API server and the AWS emulators
///
/// On a bare machine this first builds the test bed's tools: about ten minutes, with progress.
/// Nothing is skipped: what cannot run is a failure. The last line counts the tests.
///
///   cargo xtask test                  everything, as in CI
///   cargo xtask test deleting         only the tests with this in their name, without `check`
///   cargo xtask test --all            everything, and what is otherwise a sample in full
///   cargo xtask test --all create::   the operator killed at every write of the creating scenarios
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct TestArgs {
    /// Only the tests with this in their name, without `check`
    filter: Option<String>,

    /// Try in full what is otherwise tried at a sample, for about half an hour
    ///
    /// The suite `killed` stops the operator, loses an answer or serves stale reads at every write of every
    /// scenario instead of at one of each. It says after each scenario how many writes it struck.
    #[arg(long)]
    all: bool,
}

/// Tells the suites to try everything. Whoever runs one of them without this command sets it by hand.
const ALL: &str = "LANYARD_TEST_ALL";

/// Runs all tests, or those with the given text in their name.
///
/// # Errors
/// When a test or a part of `check` failed, when nothing ran, or when a tool is missing.
pub(crate) fn run(args: &TestArgs) -> Result<()> {
    let checkout = Checkout::open()?;
    match &args.filter {
        Some(filter) => filtered(&checkout, filter, args.all),
        None => everything(&checkout, args.all),
    }
}

fn everything(checkout: &Checkout, all: bool) -> Result<()> {
    let begun = Instant::now();
    let judged = check::everything(checkout);
    let mut counts = judged.counts;
    let suites = on_test_bed(checkout, &mut counts, all);

    println!("\n{counts}");
    let failures: Vec<String> = [judged.conclude().err(), suites.err()]
        .into_iter()
        .flatten()
        .map(|error| format!("{error:#}"))
        .collect();
    if !failures.is_empty() {
        bail!("{}", failures.join("\n"));
    }
    println!("Nothing failed. It took {:.0} s.", begun.elapsed().as_secs_f32());
    Ok(())
}

fn on_test_bed(checkout: &Checkout, counts: &mut Counts, all: bool) -> Result<()> {
    let names: Vec<&str> = checkout.integration_tests(Needs::TestBed).into_iter().collect();
    println!("\nSuites on the test bed: {}", names.join(", "));
    install()?;
    suites::run(checkout, &names, counts, |command| in_full(command, all))
}

/// The tests with a text in their name, wherever they are; their lines are shown as they come.
fn filtered(checkout: &Checkout, filter: &str, all: bool) -> Result<()> {
    install()?;
    let mut command = cargo_test(checkout, &["--lib", "--bins", "--tests", filter]);
    command.args(["--", "--color", colour()]);
    in_full(&mut command, all);
    let mut ran = Counts::default();
    let ended = child::run(command, |line| {
        println!("{line}");
        ran.read(line);
    })?;
    println!("\n{ran}");
    if ran.failed > 0 {
        bail!("{} tests failed", ran.failed);
    }
    if !ended.success {
        bail!("the tests did not run to their end");
    }
    if ran.ran() == 0 {
        bail!("no test ran: none has this name");
    }
    Ok(())
}

/// Here, where its progress can be seen, and not in the first test that needs it.
fn install() -> Result<()> {
    Tools::install(&Cache::open()?, true).map(drop)
}

fn in_full(command: &mut Command, all: bool) {
    if all {
        command.env(ALL, "1");
    }
}
