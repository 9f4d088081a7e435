//! Proves that refused, delayed, aborted and throttled calls, at every operation and for any duration, are reported
//! correctly, never mistaken for absence, retried with backoff, and recovered from without help. Needs the test bed; does
//! I/O.
//!
//! Each row of a table has an identity, a role and a namespace of the same name, so that rows run concurrently.

mod each_operation;
mod kinds;
mod outage;
mod stale_watch;
mod throttling;
mod unavailable;

use anyhow::Result;
use lanyard_tests::TestEnv;
use tokio::sync::OnceCell;

const BINARY: &str = env!("CARGO_BIN_EXE_lanyard-under-test");
/// A call that takes longer than `operation` times out; see `kinds::TOO_LONG`. A throttled call is retried only for a short
/// time, so that it fails within a test.
const TIMINGS: &str = "waiting=1s,operation=2s,throttled=200ms,lease=5s,renew-deadline=3s";

/// An environment for one test.
async fn new_stage() -> Result<TestEnv> {
    TestEnv::behind_gateway(BINARY, TIMINGS).await
}

/// The environment of the tests that fail only their own calls; it ends with the process.
async fn stage() -> Result<&'static TestEnv> {
    static TEST_ENV: OnceCell<TestEnv> = OnceCell::const_new();
    TEST_ENV.get_or_try_init(new_stage).await
}
