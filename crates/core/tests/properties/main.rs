//! Properties of the reconcile pipeline: for any spec, observed state, lost record and unreadable fact, the next reconcile is
//! correct. Generators create setups, a model of the operator runs them in a fake world, and the properties check the steps
//! and the resulting world. No I/O.

#![cfg(test)]

mod adoption_setups;
mod fake_world;
mod operator_model;
mod out_of_band_edits;
mod plan_effects;
mod setups;
mod specs;
mod unreadable_facts;

mod adoption;
mod audit;
mod convergence;
mod deletion;
mod drift_scan;
mod failed_steps;
mod foreign_resources;
mod frozen;
mod interleavings;
mod interruptions;
mod report_policy;
mod role_handover;
mod shared_trust;
mod step_order;
mod summary;
mod transition;
mod unreadable_reads;

/// The number of random cases of each property, unless `PROPTEST_CASES` sets another one. It keeps the run short.
const CASES: u32 = 64;

/// The settings of proptest without a file of failures beside the code: each failure becomes a test of its own.
fn cases() -> proptest::test_runner::Config {
    let defaults = proptest::test_runner::Config::default();
    proptest::test_runner::Config {
        cases: if std::env::var_os("PROPTEST_CASES").is_some() {
            defaults.cases
        } else {
            CASES
        },
        failure_persistence: None,
        max_shrink_iters: 4096,
        ..defaults
    }
}
