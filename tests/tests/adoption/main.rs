//! Proves that Lanyard adopts resources only by their exact ARN, keeps what is on them, releases instead of deleting them,
//! and hands a role to another cluster or object while pods keep access. Needs the test bed; does I/O.

mod adopted;
mod foreign_role;
mod handover;
mod interrupted;
mod refused;
mod renamed;

use anyhow::Result;
use lanyard_tests::{TestEnv, TestEnvOptions};
use tokio::sync::OnceCell;

const BINARY: &str = env!("CARGO_BIN_EXE_lanyard-under-test");
/// Short timings: the operator retries waiting objects soon, and a change of the binding takes less than its usual time.
const TIMINGS: &str = "waiting=1s,binding-propagation=1s,step=200ms";

fn options() -> TestEnvOptions {
    TestEnvOptions {
        timings: TIMINGS,
        ..TestEnvOptions::default()
    }
}

/// The environment that the tests with one cluster and without classes share.
async fn stage() -> Result<&'static TestEnv> {
    static TEST_ENV: OnceCell<TestEnv> = OnceCell::const_new();
    TEST_ENV.get_or_try_init(|| TestEnv::set(BINARY, options())).await
}
