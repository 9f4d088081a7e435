//! Leaving: objects and whole namespaces go, operators are uninstalled, backups are restored; in whatever state AWS, the
//! spec and the status are, what is ours goes or is let go, nothing gets stuck unsaid, and everything is found again.
//! Needs the test bed; does I/O.

mod classes;
mod found;
mod release;
mod restored;
mod stuck;
mod unused;
mod weathers;

use anyhow::Result;
use lanyard_tests::TestEnv;
use tokio::sync::OnceCell;

const BINARY: &str = env!("CARGO_BIN_EXE_lanyard-under-test");
/// What waits for somebody is reconciled at again soon, and a lease that nobody renews does not hold anybody up.
const TIMINGS: &str = "waiting=1s,lease=2s,renew-deadline=1s,operation=1s";

/// A stage whose operator goes through the gateway on both sides.
async fn new_stage() -> Result<TestEnv> {
    TestEnv::behind_gateway(BINARY, TIMINGS).await
}

/// The one stage of the tests whose operator just runs; it ends with the process.
async fn stage() -> Result<&'static TestEnv> {
    static TEST_ENV: OnceCell<TestEnv> = OnceCell::const_new();
    TEST_ENV.get_or_try_init(new_stage).await
}
