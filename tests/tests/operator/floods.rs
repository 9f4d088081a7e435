//! Proves that neither a writer of annotations nor a missing agent makes the operator read AWS over and over. Counts of
//! calls; does I/O.

use std::time::Duration;

use anyhow::{Result, ensure};
use kube::api::{Patch, PatchParams};
use lanyard_tests::{TestEnv, TestEnvOptions};
use serde_json::{Value, json};

use crate::{BINARY, stage};

const ANNOTATIONS: usize = 288;
/// The time between two annotations, so that all take half a minute.
const PACE: Duration = Duration::from_millis(104);
/// One reconcile in five seconds with at most six calls, in the time of all annotations on a slow machine.
const FLOOD_CALLS: usize = 90;
/// A flood must not keep the object from being reconciled either: at least three reconciles with four calls.
const FEWEST_FLOOD_CALLS: usize = 12;

const WAITING: usize = 40;
/// The time in which the calls of waiting identities are counted.
const PERIOD: Duration = Duration::from_secs(40);
/// One read of the add-on every fifteen seconds, and the drift scan at the start.
const WAITING_CALLS: usize = 20;

fn spec() -> Value {
    json!({"method": "PodIdentity", "role": {"managed": {}}})
}

#[tokio::test]
async fn annotations_cause_few_reconciles_and_foreign_ones_none() -> Result<()> {
    let scene = stage().await?.scene("flood-marks").await?;
    for name in ["own", "foreign"] {
        scene.apply(name, spec()).await?;
        scene.until_is(name, "InSync", "True", "InSync").await?;
        scene.reconciled(name).await?;
    }
    let mark = scene.stage.bed.gateway.ledger().mark();
    let mut tick = tokio::time::interval(PACE);
    for number in 0..ANNOTATIONS {
        tick.tick().await;
        for (name, key) in [
            ("own", "lanyard.dev/reconcile-requested-at"),
            ("foreign", "example.com/x"),
        ] {
            let patch = json!({"metadata": {"annotations": {key: number.to_string()}}});
            let identities = scene.identities();
            identities
                .patch_metadata(name, &PatchParams::default(), &Patch::Merge(&patch))
                .await?;
        }
    }
    scene
        .until("own", "the last request answered", |object| {
            let answered = object
                .status
                .as_ref()
                .and_then(|status| status.last_handled_reconcile_at.as_deref());
            answered == Some(&(ANNOTATIONS - 1).to_string())
        })
        .await?;
    let calls = scene.calls_about("own", mark).await?;
    ensure!(
        (FEWEST_FLOOD_CALLS..=FLOOD_CALLS).contains(&calls.len()),
        "{} calls",
        calls.len()
    );
    let calls = scene.calls_about("foreign", mark).await?;
    ensure!(calls.is_empty(), "{calls:#?}");
    Ok(())
}

#[tokio::test]
async fn identities_waiting_for_the_agent_cause_one_poll() -> Result<()> {
    let options = TestEnvOptions {
        timings: "waiting=2s",
        ..TestEnvOptions::default()
    };
    let stage = TestEnv::set(BINARY, options).await?;
    let scene = stage.scene("flood-agent").await?;
    scene.aws.remove_agent().await?;
    let names: Vec<String> = (0..WAITING).map(|number| format!("orders-{number}")).collect();
    for name in &names {
        scene.apply(name, spec()).await?;
    }
    for name in &names {
        scene.until_is(name, "Stalled", "True", "AgentNotReady").await?;
    }
    let ledger = stage.bed.gateway.ledger();
    let mark = ledger.mark();
    // A fixed period in which the calls are counted.
    tokio::time::sleep(PERIOD).await;
    let calls = ledger.since(mark).to_aws();
    ensure!(calls.count() <= WAITING_CALLS, "{} calls: {calls}", calls.count());

    scene.aws.install_agent().await?;
    for name in &names {
        scene.until_ready(name).await?;
    }
    stage.bed.stop().await
}
