//! `cargo xtask check`: all checks that need no control plane. A failed part does not stop the others.
//! Input: the work tree. Output: one line for each part, and the full output of each failure. Reads files, runs cargo.

pub(crate) mod cargo;
pub(crate) mod checkout;
pub(crate) mod child;
pub(crate) mod counts;
mod deny;
mod edges;
mod finding;
mod hygiene;
mod links;
mod live;
mod modules;
mod sources;
mod words;

use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};

use self::checkout::Checkout;
use self::counts::Counts;
use self::finding::{Finding, Grade};
use self::live::Live;

/// Checks the work tree without a control plane, in two minutes once everything is built
///
/// Every part runs, and each failure is shown in full.
/// The first run builds all dependencies and installs cargo-deny into the cache outside the
/// work tree: about a quarter of an hour, with progress.
#[derive(Args)]
pub(crate) struct CheckArgs {
    /// Only these parts
    #[arg(value_name = "PART", value_parser = PossibleValuesParser::new(PARTS.map(|part| part.value())))]
    parts: Vec<String>,
}

/// One part of the check.
struct Part {
    name: &'static str,
    about: &'static str,
    judge: fn(&Checkout, &Live) -> Result<Finding>,
}

impl Part {
    const fn new(
        name: &'static str,
        about: &'static str,
        judge: fn(&Checkout, &Live) -> Result<Finding>,
    ) -> Self {
        Self { name, about, judge }
    }

    fn value(&self) -> PossibleValue {
        PossibleValue::new(self.name).help(self.about)
    }
}

/// Quick parts come first, so that small mistakes are reported at once.
const PARTS: [Part; 14] = [
    Part::new("format", "cargo fmt", cargo::format),
    Part::new(
        "generated",
        "CRDs, samples and docs match their sources",
        generated,
    ),
    Part::new("edges", "allowed dependencies between crates", edges::judge),
    Part::new(
        "modules",
        "no circle among the modules of a crate",
        modules::judge,
    ),
    Part::new(
        "words",
        "strings, comments and docs use the field's terms",
        words::judge,
    ),
    Part::new("sources", "length and header of every Rust file", sources::judge),
    Part::new("links", "links and anchors in Markdown", links::judge),
    Part::new(
        "hygiene",
        "no paths of one machine, no package mirrors, no skipped tests",
        hygiene::judge,
    ),
    Part::new("clippy", "lints, with every warning an error", cargo::clippy),
    Part::new("docs", "rustdoc, with every warning an error", cargo::docs),
    Part::new(
        "alone",
        "each shipped crate builds with its own features only",
        cargo::alone,
    ),
    Part::new("tests", "tests that need no control plane", cargo::tests),
    Part::new(
        "dependencies",
        "cargo-deny: bans, licences, sources",
        deny::dependencies,
    ),
    Part::new(
        "advisories",
        "cargo-deny: known vulnerabilities; reported, never a failure",
        deny::advisories,
    ),
];

/// The result of all parts.
pub(crate) struct Summary {
    judged: usize,
    failed: Vec<&'static str>,
    /// The tests that ran.
    pub(crate) counts: Counts,
}

impl Summary {
    /// Returns an error if a part failed.
    pub(crate) fn conclude(&self) -> Result<()> {
        if !self.failed.is_empty() {
            bail!(
                "{} of {} parts failed: {}",
                self.failed.len(),
                self.judged,
                self.failed.join(", ")
            );
        }
        Ok(())
    }
}

/// Runs the requested parts, by default all.
///
/// # Errors
/// Returns an error if a part fails or the work tree cannot be read.
pub(crate) fn run(args: &CheckArgs) -> Result<()> {
    let begun = Instant::now();
    let summary = judge(&Checkout::open()?, &args.parts);
    summary.conclude()?;
    println!("Nothing failed. It took {:.0} s.", begun.elapsed().as_secs_f32());
    Ok(())
}

/// Runs all parts.
pub(crate) fn everything(checkout: &Checkout) -> Summary {
    judge(checkout, &[])
}

fn judge(checkout: &Checkout, only: &[String]) -> Summary {
    let mut summary = Summary {
        judged: 0,
        failed: Vec::new(),
        counts: Counts::default(),
    };
    let wanted = |part: &&Part| only.is_empty() || only.iter().any(|name| name == part.name);
    for part in PARTS.iter().filter(wanted) {
        let live = Live::begin(part.name);
        let finding = (part.judge)(checkout, &live).unwrap_or_else(|error| Finding::failed(&error));
        live.end(&finding);
        summary.judged += 1;
        summary.counts += finding.counts;
        if finding.grade == Grade::Bad {
            summary.failed.push(part.name);
        }
    }
    summary
}

fn generated(_checkout: &Checkout, _live: &Live) -> Result<Finding> {
    let stale = crate::codegen::stale()?;
    if stale.is_empty() {
        return Ok(Finding::good(""));
    }
    Ok(Finding::bad(
        "run `cargo xtask codegen` and commit the result",
        stale,
    ))
}
