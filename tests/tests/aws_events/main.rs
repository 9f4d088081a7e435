//! Proves that changes in AWS are detected by events of a queue. No other mechanism could detect them within the hour: the
//! suite runs on an SQS emulator, with records in the form of CloudTrail, and with an operator that has a role of its own.
//! Needs the test bed; does I/O.

mod away;
mod drift;
mod dropped;
mod record;
mod stand;

use anyhow::Result;
use tokio::sync::OnceCell;

use self::stand::Stand;

const BINARY: &str = env!("CARGO_BIN_EXE_lanyard-under-test");

/// The environment of the tests that do not stop the queue; it ends with the process.
async fn stand() -> Result<&'static Stand> {
    static STAND: OnceCell<Stand> = OnceCell::const_new();
    STAND
        .get_or_try_init(|| Stand::with_queue("lanyard-events"))
        .await
}
