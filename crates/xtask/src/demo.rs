//! `cargo xtask demo`: from nothing to working credentials by both methods, drift found and repaired, nothing left.
//! In: whether to keep it running. Out: one line per thing shown and checked; an error at the first check that fails.
//! Does I/O: the test bed, the operator built from this tree, Kubernetes and the emulators.

mod acts;
mod command_line;
mod proof;
mod show;

use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use lanyard_tests::{Kubelet, TestEnv, TestEnvOptions};

use crate::build;
use command_line::CommandLine;
use show::Show;

/// Bring everything up from nothing, do the main job on real input, and check what it shows
///
/// A real Kubernetes control plane, emulated IAM, STS and EKS, and the operator and the command line built from this
/// tree. Two identities, one by each method, are planned, become working credentials and are proved; drift is made behind the operator's back and repaired, or only
/// reported; one identity is deleted and leaves nothing. Takes about a minute once the tools are built.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Leave everything running afterwards and print what to export; Ctrl-C ends it
    #[arg(long)]
    keep: bool,
}

/// Runs the demo.
pub async fn run(args: &DemoArgs) -> Result<()> {
    let began = Instant::now();
    let show = Show::new();
    show.step("Building the operator and the command line from this tree");
    let binary = build::binary("lanyard-operator", "lanyard")?;
    let program = build::binary("lanyard-cli", "kubectl-lanyard")?;
    show.step("Starting the control plane, the AWS emulators and the operator (its waits for AWS cut to 1 s: emulators show changes at once)");
    let binary = binary.to_str().context("the path of the operator is not UTF-8")?;
    let stage = TestEnv::set(binary, TestEnvOptions::default()).await?;
    show.check(
        "everything is up, logs are in",
        &stage.bed.logs().display().to_string(),
    );

    // KWOK runs no containers: this one runs the probe of the command line.
    let kubelet = Kubelet::start(&stage.bed, acts::SHOP, binary).await?;
    let command_line = CommandLine { program };
    let result = acts::play(&stage, &show, &command_line).await;
    if let Err(error) = &result {
        show.failed(error);
        show.log_tail(&stage.log()?);
    }
    if args.keep {
        wait_for_the_end(&stage, &show).await?;
    }
    drop(kubelet);
    stage.bed.stop().await?;
    result?;
    show.done(began.elapsed());
    Ok(())
}

async fn wait_for_the_end(stage: &TestEnv, show: &Show) -> Result<()> {
    show.step("Everything keeps running. In another shell:");
    println!("export KUBECONFIG='{}'", stage.bed.kubeconfig().display());
    for (name, value) in stage.bed.aws_env() {
        println!("export {name}='{value}'");
    }
    println!(
        "export PATH='{}':\"$PATH\"",
        stage
            .bed
            .tools()
            .kubectl
            .parent()
            .context("kubectl has no folder")?
            .display()
    );
    show.step("Ctrl-C ends it");
    tokio::signal::ctrl_c().await.context("waiting for Ctrl-C")
}
