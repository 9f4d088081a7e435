//! Proves the command line on a real API server with ministack behind the gateway, beside a running operator. Needs the test
//! bed; does I/O.
//!
//! The tests share one environment, and each has its own namespace.

#![cfg(test)]

mod audit;
mod doctor;
mod doctor_pods;
mod exact_rights;
mod frame;
mod import;
mod import_corpus;
mod operator_info;
mod plan;
mod rights;
mod run;
mod trust;
mod verify;

use anyhow::Result;
use lanyard_tests::{TestEnv, TestEnvOptions};
use tokio::sync::OnceCell;

const BINARY: &str = env!("CARGO_BIN_EXE_lanyard-under-test");

/// The only environment of this binary; it ends with the process.
async fn stage() -> Result<&'static TestEnv> {
    static TEST_ENV: OnceCell<TestEnv> = OnceCell::const_new();
    TEST_ENV
        .get_or_try_init(|| {
            // With its own rights the operator has its namespace, in which it describes itself.
            let rights = Some(["restart"].as_slice());
            let options = TestEnvOptions {
                rights,
                ..TestEnvOptions::default()
            };
            TestEnv::set(BINARY, options)
        })
        .await
}
