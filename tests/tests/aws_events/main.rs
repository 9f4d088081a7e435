//! Events: what others do in AWS is noticed by way of a queue, with nothing else that could find it within the hour: on an
//! emulator of SQS, with records shaped as CloudTrail's, and an operator that has a role of its own. Needs the test bed;
//! does I/O.

mod away;
mod drift;
mod dropped;
mod record;
mod stand;

use anyhow::Result;
use tokio::sync::OnceCell;

use self::stand::Stand;

const BINARY: &str = env!("CARGO_BIN_EXE_lanyard-under-test");

/// The one stand of the tests that leave the queue alone; it ends with the process.
async fn stand() -> Result<&'static Stand> {
    static STAND: OnceCell<Stand> = OnceCell::const_new();
    STAND
        .get_or_try_init(|| Stand::with_queue("lanyard-events"))
        .await
}
