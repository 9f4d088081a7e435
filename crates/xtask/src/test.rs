//! `cargo xtask test`: all parts of `check`, then the suites on a real API server and the AWS emulators.
//! Inputs: the work tree. Outputs: cargo's lines and one line of totals. Installs the test bed's tools on first use
//! and runs cargo.

use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;

mod explore;
mod filtered;
mod install;
mod sample;
mod suites;

use crate::check;
use crate::check::checkout::{Checkout, Needs};
use crate::check::counts::Counts;

use self::sample::Sample;

/// Runs every test: `check`, then the suites on a real API server and the AWS emulators
///
/// The first run on a machine builds the test bed's tools, which takes about ten minutes and
/// shows its progress. No test is skipped: a part that cannot run is a failure. The last line
/// counts the tests.
///
///   cargo xtask test                  everything, as in CI
///   cargo xtask test deletion         only the tests with this text in their name, without `check`;
///                                     the test bed is installed only if one of them needs it
///   cargo xtask test --all            everything, with every sample in full
///   cargo xtask test --all create::   crash recovery at every write of the `create` scenarios
///   cargo xtask test --explore 10     property tests with random seeds for ten minutes
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct TestArgs {
    /// Only the tests with this text in their name, without `check`
    filter: Option<String>,

    /// Run in full the tests that otherwise run on a sample, which takes about half an hour
    ///
    /// The suite `crash_recovery` stops the operator, drops an answer or serves stale reads at every write of every
    /// scenario instead of at one of each. It prints the number of writes after each scenario.
    #[arg(long)]
    all: bool,

    /// Run only the property tests, with a new random seed each round, for this many minutes
    ///
    /// Each round prints its seed. A failure prints the command that replays it.
    #[arg(long, value_name = "MINUTES", conflicts_with = "all", value_parser = clap::value_parser!(u32).range(1..))]
    explore: Option<u32>,
}

/// Runs all tests, those with the given text in their name, or the property tests with random seeds.
///
/// # Errors
/// Returns an error if a test or a part of `check` fails, if no test runs, or if a tool is missing.
pub(crate) fn run(args: &TestArgs) -> Result<()> {
    let checkout = Checkout::open()?;
    let sample = Sample::new(args.all);
    match (args.explore, &args.filter) {
        (Some(minutes), filter) => explore::run(&checkout, minutes, filter.as_deref()),
        (None, Some(filter)) => filtered::run(&checkout, filter, sample),
        (None, None) => everything(&checkout, sample),
    }
}

fn everything(checkout: &Checkout, sample: Sample) -> Result<()> {
    let begun = Instant::now();
    let judged = check::everything(checkout);
    let mut counts = judged.counts;
    let suites = on_test_bed(checkout, &mut counts, sample);

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

fn on_test_bed(checkout: &Checkout, counts: &mut Counts, sample: Sample) -> Result<()> {
    let names: Vec<&str> = checkout.integration_tests(Needs::TestBed).into_iter().collect();
    println!("\nSuites on the test bed: {}", names.join(", "));
    install::test_bed()?;
    suites::run(checkout, &names, counts, sample)
}
