//! `cargo xtask test --explore MINUTES`: property tests on inputs that were never tried. Inputs: the time to spend and an
//! optional filter. Outputs: the seed of each round, and on a failure the command that replays it. Runs cargo.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

use crate::check::cargo::{cargo_test, colour};
use crate::check::checkout::Checkout;
use crate::check::child;
use crate::check::counts::Counts;

/// The integration tests that consist of properties.
const PROPERTIES: [&str; 5] = ["properties", "guardrails", "trust_membership", "meaning", "trust"];

/// The seed of proptest. `.cargo/config.toml` fixes it for `cargo xtask test`, so that a red run stays red.
const SEED: &str = "PROPTEST_RNG_SEED";

/// Inputs per property in one round: several times those of `cargo xtask test`.
const CASES: &str = "512";

/// Runs rounds of all properties, each with a new seed, until the time is over or one fails.
///
/// # Errors
/// Returns an error with the replay command if a property fails.
pub(super) fn run(checkout: &Checkout, minutes: u32, filter: Option<&str>) -> Result<()> {
    let time = Duration::from_secs(u64::from(minutes) * 60);
    let begun = Instant::now();
    let bar = progress(time);
    let mut rounds = 0_u32;
    while rounds == 0 || begun.elapsed() < time {
        let seed = RandomState::new().hash_one(rounds);
        bar.suspend(|| println!("round {}: {SEED}={seed}", rounds + 1));
        round(checkout, seed, filter, &bar, begun)?;
        rounds += 1;
    }
    bar.finish_and_clear();
    println!(
        "Nothing failed in {rounds} rounds. It took {:.0} s.",
        begun.elapsed().as_secs_f32()
    );
    Ok(())
}

fn round(
    checkout: &Checkout,
    seed: u64,
    filter: Option<&str>,
    bar: &ProgressBar,
    begun: Instant,
) -> Result<()> {
    let mut counts = Counts::default();
    let ended = child::run(command(checkout, seed, filter), |line| {
        bar.set_position(begun.elapsed().as_secs());
        bar.set_message(console::strip_ansi_codes(line.trim()).into_owned());
        counts.read(line);
    })?;
    if ended.success && counts.ran() == 0 {
        bail!("no property has `{}` in its name", filter.unwrap_or_default());
    }
    if ended.success {
        return Ok(());
    }
    bar.finish_and_clear();
    println!("{}", ended.output.trim_end());
    let tests: Vec<String> = PROPERTIES.iter().map(|name| format!("--test {name}")).collect();
    bail!(
        "a property failed. Replay it with:\n  {SEED}={seed} PROPTEST_CASES={CASES} cargo test --workspace {} {}",
        tests.join(" "),
        filter.unwrap_or_default()
    );
}

fn command(checkout: &Checkout, seed: u64, filter: Option<&str>) -> Command {
    let targets: Vec<&str> = PROPERTIES
        .iter()
        .flat_map(|name| ["--test", name])
        .chain(filter)
        .collect();
    let mut command = cargo_test(checkout, &targets);
    command.args(["--", "--color", colour()]);
    command.env(SEED, seed.to_string()).env("PROPTEST_CASES", CASES);
    command
}

fn progress(time: Duration) -> ProgressBar {
    let bar = ProgressBar::new(time.as_secs());
    if let Ok(style) = ProgressStyle::with_template("{bar:20} {elapsed}    {wide_msg:.dim}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}
