//! One role that somebody else owns, and in whose trust policy Lanyard keeps its statements: one identity, and twenty of
//! two clusters at once. Needs the test bed; does I/O.
//!
//! ```text
//!   cluster lanyard -> operator --+
//!                                 +--> gateway -> IAM: the trust policy of one role <-- its owner, by hand
//!   cluster harbour -> operator --+
//! ```

mod alone;
mod crowd;
mod killed;
mod role;

use anyhow::Result;
use lanyard_tests::{TestEnv, TestEnvOptions};
use tokio::sync::OnceCell;

const BINARY: &str = env!("CARGO_BIN_EXE_lanyard-under-test");

/// The stage that the tests with one cluster share.
async fn stage() -> Result<&'static TestEnv> {
    static TEST_ENV: OnceCell<TestEnv> = OnceCell::const_new();
    TEST_ENV
        .get_or_try_init(|| TestEnv::set(BINARY, TestEnvOptions::default()))
        .await
}
