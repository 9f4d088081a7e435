//! Proves the management of statements in the trust policy of a role with another owner: by one identity, and by twenty
//! identities of two clusters at once. Needs the test bed; does I/O.
//!
//! ```text
//!   cluster lanyard -> operator --+
//!                                 +--> gateway -> IAM: the trust policy of one role <-- its owner, by hand
//!   cluster harbour -> operator --+
//! ```

mod interrupted;
mod many_identities;
mod role;
mod single_identity;

use anyhow::Result;
use lanyard_tests::{TestEnv, TestEnvOptions};
use tokio::sync::OnceCell;

const BINARY: &str = env!("CARGO_BIN_EXE_lanyard-under-test");

/// The environment that the tests with one cluster share.
async fn stage() -> Result<&'static TestEnv> {
    static TEST_ENV: OnceCell<TestEnv> = OnceCell::const_new();
    TEST_ENV
        .get_or_try_init(|| TestEnv::set(BINARY, TestEnvOptions::default()))
        .await
}
