//! Changes of the binding on workloads that really roll: the pods are made by the control plane, get what a pod webhook
//! gives them, late, and AWS is ministack. Needs the test bed; does I/O.
//!
//! The times of a change are shortened, and stay longer than the webhook's lag. All tests share one stage.

mod carries;
mod change;
mod fleet;
mod guard;
mod held;
mod left;
mod method;
mod parts;
mod trust;
mod turned;

use std::time::Duration;

use anyhow::Result;
use lanyard_testkit::webhook::Lag;
use lanyard_tests::{TestEnv, TestEnvOptions};
use tokio::sync::OnceCell;

const LAG: Duration = Duration::from_millis(700);
const TIMINGS: &str = "binding-propagation=3s,step=200ms,waiting=1s,margin=1s,cached=5s";
/// What a change by Pod Identity takes at least, of these times, while pods of before are left.
const CACHED: Duration = Duration::from_secs(3 + 1 + 5);

async fn stage() -> Result<&'static TestEnv> {
    static TEST_ENV: OnceCell<TestEnv> = OnceCell::const_new();
    TEST_ENV
        .get_or_try_init(|| async {
            let options = TestEnvOptions {
                timings: TIMINGS,
                ..TestEnvOptions::default()
            };
            let stage = TestEnv::set(env!("CARGO_BIN_EXE_lanyard-under-test"), options).await?;
            stage.bed.set_webhook_lag(Lag {
                association: LAG,
                annotation: LAG,
            })?;
            anyhow::Ok(stage)
        })
        .await
}
