//! Proves the Helm charts and the kustomizations: the API server accepts what they render, both render the same, Helm
//! installs, upgrades and uninstalls, and waits for a WorkloadIdentity of an application. Needs the test bed; does I/O.

mod application;
mod chart;
mod install;
mod rendered;
mod same;
mod token_clients;
mod values;

use anyhow::Result;
use lanyard_tests::{TestEnv, TestEnvOptions};
use tokio::sync::OnceCell;

const BINARY: &str = env!("CARGO_BIN_EXE_lanyard-under-test");

/// The only environment of this binary; it ends with the process.
async fn stage() -> Result<&'static TestEnv> {
    static TEST_ENV: OnceCell<TestEnv> = OnceCell::const_new();
    TEST_ENV
        .get_or_try_init(|| TestEnv::set(BINARY, TestEnvOptions::default()))
        .await
}
