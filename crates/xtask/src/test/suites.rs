//! The suites on the test bed: compiled together, then run several at once, since each spends its time waiting for
//! what it brings up. The names of the suites in; the lines of each, whole and in turn, and the counts out.
//! Runs cargo.

use std::process::Command;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

use super::sample::Sample;
use crate::check::cargo::{cargo_test, colour};
use crate::check::checkout::Checkout;
use crate::check::child::{self, Ended};
use crate::check::counts::Counts;

/// Suites that run side by side: each brings up an API server and emulators, and waits more than it computes.
const AT_ONCE: usize = 2;

/// Tests of one suite that run side by side. They wait for conditions most of the time: with as many as there are
/// processors, the suite `operator` took twice as long, at a load below one. Each test of `aws_events` starts a test bed.
pub(super) const TESTS_AT_ONCE: &str = "6";

/// The suites that take longest begin first, so that none of them is left over at the end.
const LONG: [&str; 4] = ["transitions", "crash_recovery", "faults", "leader_election"];

/// One suite that has run.
struct Ran {
    name: String,
    took: Duration,
    ended: Result<Ended>,
}

/// Runs these suites, several at once.
pub(super) fn run(checkout: &Checkout, names: &[&str], counts: &mut Counts, sample: Sample) -> Result<()> {
    compile(checkout, names)?;
    let bar = progress(names.len());
    let commands = in_order(names).into_iter().rev().map(|name| {
        let mut command = cargo_test(checkout, &["--test", name]);
        command.args(["--", "--color", colour(), "--test-threads", TESTS_AT_ONCE]);
        sample.set(&mut command);
        (name.to_owned(), command)
    });
    let waiting = Arc::new(Mutex::new(commands.collect::<Vec<_>>()));
    let (done, ran) = mpsc::channel();
    for _ in 0..AT_ONCE {
        let (waiting, done, bar) = (Arc::clone(&waiting), done.clone(), bar.clone());
        thread::spawn(move || work(&waiting, &done, &bar));
    }
    drop(done);
    let broken: Vec<String> = ran.iter().filter_map(|ran| report(&ran, &bar, counts)).collect();
    bar.finish_and_clear();
    if !broken.is_empty() {
        bail!("these suites failed: {}", broken.join(", "));
    }
    Ok(())
}

/// Everything is built before anything runs: a compiler beside a test bed makes both slow.
fn compile(checkout: &Checkout, names: &[&str]) -> Result<()> {
    let targets: Vec<&str> = names.iter().flat_map(|name| ["--test", name]).collect();
    let mut command = cargo_test(checkout, &targets);
    command.arg("--no-run");
    if !child::run(command, |line| println!("{line}"))?.success {
        bail!("the suites do not compile");
    }
    Ok(())
}

fn in_order<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let place = |name: &&str| LONG.iter().position(|long| long == name).unwrap_or(LONG.len());
    let mut ordered = names.to_vec();
    ordered.sort_by_key(place);
    ordered
}

fn progress(suites: usize) -> ProgressBar {
    let bar = ProgressBar::new(suites.try_into().unwrap_or_default());
    if let Ok(style) =
        ProgressStyle::with_template("{bar:20} {pos}/{len} suites {elapsed:>6}    {wide_msg:.dim}")
    {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

fn work(waiting: &Mutex<Vec<(String, Command)>>, done: &Sender<Ran>, bar: &ProgressBar) {
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
    while let Some((name, command)) = next() {
        let begun = Instant::now();
        let ended = child::run(command, |line| {
            bar.set_message(format!("{name}: {}", console::strip_ansi_codes(line.trim())));
        });
        let took = begun.elapsed();
        if done.send(Ran { name, took, ended }).is_err() {
            return;
        }
    }
}

/// Shows the lines of a suite and counts its tests; its name, if it failed.
fn report(ran: &Ran, bar: &ProgressBar, counts: &mut Counts) -> Option<String> {
    let mut own = Counts::default();
    let (output, success) = match &ran.ended {
        Ok(ended) => (ended.output.clone(), ended.success),
        Err(error) => (format!("{error:#}"), false),
    };
    output.lines().for_each(|line| own.read(line));
    *counts += own;
    let took = ran.took.as_secs_f32();
    bar.suspend(|| println!("{}\n{}: {own}, {took:.0} s", output.trim_end(), ran.name));
    bar.inc(1);
    let well = success && own.failed == 0 && own.ran() > 0;
    (!well).then(|| ran.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_suites_begin_first() {
        let names = ["admission", "crash_recovery", "operator", "rbac", "transitions"];
        let wanted = ["transitions", "crash_recovery", "admission", "operator", "rbac"];
        assert_eq!(in_order(&names), wanted);
    }
}
