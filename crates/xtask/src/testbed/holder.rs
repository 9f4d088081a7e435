//! The process that owns a test bed in the background. Input: the components. Output: the state file. Does I/O.
//! `testbed up` starts it, `testbed down` ends it.

use std::fs::File;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use lanyard_testkit::{TestBed, TestBedOptions};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, setsid};
use tokio::signal::unix::{SignalKind, signal};

use super::components::Components;
use super::state::{Place, State};

/// Starts the holder, which outlives this process.
pub fn spawn(place: &Place, components: Components) -> Result<Child> {
    let log = File::create(place.log_path())?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["testbed", "hold", "--nodes", &components.nodes.to_string()]);
    if components.localstack {
        command.arg("--localstack");
    }
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    command.spawn().context("starting the holder of the test bed")
}

/// Sends SIGTERM to the holder.
pub fn ask_to_stop(place: &Place) -> Result<()> {
    kill(Pid::from_raw(place.holder()?), Signal::SIGTERM).context("stopping the holder of the test bed")
}

/// Owns a test bed until SIGTERM.
pub async fn hold(place: &Place, components: Components) -> Result<()> {
    // Away from the terminal: neither Ctrl-C there nor its closing ends the test bed.
    setsid().context("leaving the terminal")?;
    let mut terminate = signal(SignalKind::terminate())?;
    let _lock = place.take()?;
    let options = TestBedOptions {
        nodes: components.nodes,
        localstack: components.localstack,
        ..TestBedOptions::default()
    };
    let bed = tokio::select! {
        bed = TestBed::start(options) => bed?,
        _ = terminate.recv() => return Ok(()),
    };
    bed.apply_crds().await?;
    place.write(&describe(&bed))?;
    terminate.recv().await;
    place.clear()?;
    bed.stop().await
}

fn describe(bed: &TestBed) -> State {
    let mut env: std::collections::BTreeMap<_, _> = bed
        .aws_env()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    env.insert(
        "KUBECONFIG".to_owned(),
        bed.kubeconfig().to_string_lossy().into_owned(),
    );
    State {
        env,
        bin: bed.tools().bin().to_owned(),
        cluster_arn: bed.cluster.arn.clone(),
        issuer: bed.cluster.issuer.clone(),
        localstack: bed.localstack.as_ref().map(|emulator| emulator.url()),
        logs: bed.logs().to_owned(),
    }
}
