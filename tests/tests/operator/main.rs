//! The operator on a real API server, with ministack behind the gateway: what users apply, what AWS and the cluster hold
//! afterwards, and what the status says of it. Needs the test bed; does I/O.
//!
//! The tests share one stage, each has a namespace of its own; only what must be the first in its account has its own.

mod conflict;
mod deletion;
mod drift;
mod existing;
mod faults;
mod first;
mod irsa;
mod ledger;
mod pod_identity;
mod proof;

use anyhow::Result;
use lanyard_tests::{TestEnv, TestEnvOptions};
use tokio::sync::OnceCell;

const BINARY: &str = env!("CARGO_BIN_EXE_lanyard-under-test");

/// The one stage of this binary; it ends with the process.
async fn stage() -> Result<&'static TestEnv> {
    static TEST_ENV: OnceCell<TestEnv> = OnceCell::const_new();
    TEST_ENV
        .get_or_try_init(|| TestEnv::set(BINARY, TestEnvOptions::default()))
        .await
}
