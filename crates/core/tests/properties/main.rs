//! Properties of the pipeline: whatever was asked for, found, lost or unreadable, the next pass does the right thing.
//! Scenes come out of generators, a model of the operator runs them on a model of the world, and what must always hold
//! is asserted on the steps and on the world they leave. No I/O.

#![cfg(test)]

mod adoptions;
mod atoms;
mod blinds;
mod edits;
mod model;
mod scenes;
mod specs;
mod world;

mod adopting;
mod converging;
mod deleting;
mod foreign;
mod frozen;
mod handing;
mod interleavings;
mod ordering;
mod reporting;
mod shares;
mod stopping;
mod sweeping;
mod telling;
mod transition;
mod unreadable;

/// How many random scenes each property is tried on unless `PROPTEST_CASES` asks for more: as many as take seconds.
const CASES: u32 = 64;

/// As proptest's own settings, without a file of failures beside the code: what they find becomes a test of its own.
fn cases() -> proptest::test_runner::Config {
    let asked = proptest::test_runner::Config::default();
    proptest::test_runner::Config {
        cases: if std::env::var_os("PROPTEST_CASES").is_some() {
            asked.cases
        } else {
            CASES
        },
        failure_persistence: None,
        max_shrink_iters: 4096,
        ..asked
    }
}
