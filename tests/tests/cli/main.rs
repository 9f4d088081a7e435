//! Proves the command line on a real API server with ministack behind the gateway, beside a running operator. Needs the test
//! bed; does I/O.
//!
//! The tests share one environment, and each has its own namespace.

#![cfg(test)]

mod doctor;
mod frame;
mod plan;
mod rights;
mod run;
mod trust;

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
