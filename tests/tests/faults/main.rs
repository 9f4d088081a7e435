//! Faults: what AWS refuses, delays, breaks off or throttles, at every operation and for as long as it likes, is said for
//! what it is, never taken for absence, not hammered at, and got over without help. Needs the test bed; does I/O.
//!
//! Each row of a table has an identity, a role and a namespace of one name, so that rows run side by side.

mod away;
mod crowded;
mod each_operation;
mod kinds;
mod outage;

use anyhow::Result;
use lanyard_tests::TestEnv;
use tokio::sync::OnceCell;

const BINARY: &str = env!("CARGO_BIN_EXE_lanyard-under-test");
/// A call that takes longer than `operation` has timed out; see `kinds::TOO_LONG`. One that is throttled is tried again
/// for so short a time that it fails within a test.
const TIMINGS: &str = "waiting=1s,operation=2s,throttled=200ms,lease=5s,renew-deadline=3s";

/// A stage of a test's own.
async fn new_stage() -> Result<TestEnv> {
    TestEnv::behind_gateway(BINARY, TIMINGS).await
}

/// The one stage of the tests that leave the rest of AWS alone; it ends with the process.
async fn stage() -> Result<&'static TestEnv> {
    static TEST_ENV: OnceCell<TestEnv> = OnceCell::const_new();
    TEST_ENV.get_or_try_init(new_stage).await
}
