//! Proves the operator on a real API server with ministack behind the gateway: from the applied objects to the state of AWS
//! and the cluster, and the reported status. Needs the test bed; does I/O.
//!
//! The tests share one environment, and each has its own namespace. Only tests that must be the first of an account have an
//! environment of their own.

mod conflict;
mod deletion;
mod drift;
mod existing;
mod failed_grant;
mod faults;
mod first;
mod floods;
mod irsa;
mod ledger;
mod pod_identity;
mod proof;

use anyhow::Result;
use lanyard_tests::TestEnv;
use tokio::sync::OnceCell;

const BINARY: &str = env!("CARGO_BIN_EXE_lanyard-under-test");

/// The only environment of this binary; it ends with the process.
async fn stage() -> Result<&'static TestEnv> {
    static TEST_ENV: OnceCell<TestEnv> = OnceCell::const_new();
    TEST_ENV
        .get_or_try_init(|| TestEnv::behind_gateway(BINARY, ""))
        .await
}
