//! What somebody else made is adopted by its exact ARN, and only so: what is on it stays, it is let go and not removed, and
//! a role is handed from one cluster, or one object, to another without a pod losing it. Needs the test bed; does I/O.

mod adopted;
mod handed;
mod refused;
mod renamed;
mod theirs;
mod torn;

use anyhow::Result;
use lanyard_tests::{TestEnv, TestEnvOptions};
use tokio::sync::OnceCell;

const BINARY: &str = env!("CARGO_BIN_EXE_lanyard-under-test");
/// What waits for somebody is reconciled at again soon, and a change of the binding does not take its usual time.
const TIMINGS: &str = "waiting=1s,binding-propagation=1s,step=200ms";

fn options() -> TestEnvOptions {
    TestEnvOptions {
        timings: TIMINGS,
        ..TestEnvOptions::default()
    }
}

/// The stage that the tests with one cluster and without classes share.
async fn stage() -> Result<&'static TestEnv> {
    static TEST_ENV: OnceCell<TestEnv> = OnceCell::const_new();
    TEST_ENV.get_or_try_init(|| TestEnv::set(BINARY, options())).await
}
