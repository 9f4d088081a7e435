//! The operator on a real API server, with ministack behind the gateway: what users apply, what AWS and the cluster hold
//! afterwards, and what the status says of it. Needs the test bed; does I/O.
//!
//! All tests share one stage, each has a namespace of its own.

mod conflict;
mod deletion;
mod drift;
mod existing;
mod faults;
mod irsa;
mod ledger;
mod pod_identity;
mod proof;

use anyhow::Result;
use lanyard_tests::{Stage, StageOptions};
use tokio::sync::OnceCell;

/// The one stage of this binary; it ends with the process.
async fn stage() -> Result<&'static Stage> {
    static STAGE: OnceCell<Stage> = OnceCell::const_new();
    let binary = env!("CARGO_BIN_EXE_lanyard-under-test");
    STAGE
        .get_or_try_init(|| Stage::set(binary, StageOptions::default()))
        .await
}
