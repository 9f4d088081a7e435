//! Proves changes of the binding on workloads that really roll: the control plane creates the pods, a pod webhook injects
//! credentials with a delay, and AWS is ministack. Needs the test bed; does I/O.
//!
//! The timings of a change are shortened and stay longer than the webhook's delay. All tests share one environment.

mod broken;
mod change;
mod fleet;
mod guard;
mod method;
mod mixed;
mod paused;
mod pod_credentials;
mod reverted;
mod same_method;
mod surroundings;
mod trust;
mod unmanaged_pods;

use std::time::Duration;

use anyhow::Result;
use lanyard_testkit::webhook::Lag;
use lanyard_tests::{TestEnv, TestEnvOptions};
use tokio::sync::OnceCell;

const LAG: Duration = Duration::from_millis(700);
const TIMINGS: &str = "binding-propagation=3s,step=200ms,waiting=1s,margin=1s,cached=5s";
/// The minimum duration of a change by Pod Identity with these timings, while pods of the old binding exist.
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
