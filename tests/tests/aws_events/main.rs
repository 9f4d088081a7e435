//! Proves that changes in AWS are detected by events of a queue. No other mechanism could detect them within the hour: the
//! suite runs on an SQS emulator, with records in the form of CloudTrail, and with an operator that has a role of its own.
//! Needs the test bed; does I/O.

mod drift;
mod dropped;
mod queue_env;
mod queue_outage;
mod record;

use anyhow::Result;
use tokio::sync::OnceCell;

use self::queue_env::QueueEnv;

const BINARY: &str = env!("CARGO_BIN_EXE_lanyard-under-test");

/// The environment of the tests that do not stop the queue; it ends with the process.
async fn queue_env() -> Result<&'static QueueEnv> {
    static QUEUE_ENV: OnceCell<QueueEnv> = OnceCell::const_new();
    QUEUE_ENV
        .get_or_try_init(|| QueueEnv::with_queue("lanyard-events"))
        .await
}
