//! `cargo xtask check`: everything that can be judged without a control plane, part after part, whatever fails.
//! The work tree in; one line for each part out, and what failed in full. Does I/O: reads the tree, runs cargo.
//! Called by the dispatcher in `main`, and by `test` before its suites.

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

/// Judges the work tree: all that needs no control plane, in two minutes once everything is built
///
/// Every part runs, whatever fails before it, and what failed is shown in full.
/// The first run builds all dependencies and installs cargo-deny into the cache outside the
/// work tree: about a quarter of an hour, with progress.
#[derive(Args)]
pub(crate) struct CheckArgs {
    /// Only these parts
    #[arg(value_name = "PART", value_parser = PossibleValuesParser::new(PARTS.map(|part| part.value())))]
    parts: Vec<String>,
}

/// One thing to judge.
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

/// What is quick first, so that small mistakes are seen at once.
const PARTS: [Part; 14] = [
    Part::new("format", "cargo fmt", cargo::format),
    Part::new(
        "generated",
        "CRD, samples and docs are as their sources say",
        generated,
    ),
    Part::new("edges", "which crate may use what", edges::judge),
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
        "no machine's paths, no package mirrors, no skipped tests",
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
        "cargo-deny: known vulnerabilities; only told, never a failure",
        deny::advisories,
    ),
];

/// What all parts together came to.
pub(crate) struct Summary {
    judged: usize,
    failed: Vec<&'static str>,
    /// The tests that ran.
    pub(crate) counts: Counts,
}

impl Summary {
    /// An error when a part failed.
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

/// Judges the parts that were asked for, by default all.
///
/// # Errors
/// When a part failed, or when this is no work tree.
pub(crate) fn run(args: &CheckArgs) -> Result<()> {
    let begun = Instant::now();
    let summary = judge(&Checkout::open()?, &args.parts);
    summary.conclude()?;
    println!("Nothing failed. It took {:.0} s.", begun.elapsed().as_secs_f32());
    Ok(())
}

/// Judges all parts.
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
