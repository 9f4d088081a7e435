//! Proves that deletion always completes or reports its blocker: objects and namespaces are deleted, operators are
//! uninstalled and backups are restored, in every state of AWS, the spec and the status. Owned resources are deleted or
//! released, and restored objects find them again. Needs the test bed; does I/O.

mod blocked;
mod classes;
mod lost_state;
mod release;
mod resources;
mod restored;
mod unused;

use anyhow::Result;
use lanyard_tests::TestEnv;
use tokio::sync::OnceCell;

const BINARY: &str = env!("CARGO_BIN_EXE_lanyard-under-test");
/// Short timings: the operator retries waiting objects soon, and a lease that is no longer renewed expires soon.
const TIMINGS: &str = "waiting=1s,lease=4s,renew-deadline=3s,operation=1s";

/// An environment whose operator sends all calls through the gateway.
async fn new_stage() -> Result<TestEnv> {
    TestEnv::behind_gateway(BINARY, TIMINGS).await
}

/// The environment of the tests that do not stop the operator; it ends with the process.
async fn stage() -> Result<&'static TestEnv> {
    static TEST_ENV: OnceCell<TestEnv> = OnceCell::const_new();
    TEST_ENV.get_or_try_init(new_stage).await
}
