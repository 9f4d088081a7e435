//! Nothing of a test bed outlives its owner, even when the owner is killed and can clean up nothing itself.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use lanyard_testkit::{TestBed, TestBedOptions, process};

use crate::support::eventually;

const READY: &str = "ready: ";

#[tokio::test]
#[ignore = "not a test: the owner that the test below starts and kills"]
async fn owner() -> Result<()> {
    let bed = TestBed::start(TestBedOptions::default()).await?;
    let data = bed
        .kubeconfig()
        .ancestors()
        .nth(2)
        .context("the data directory")?;
    println!("\n{READY}{} {}", data.display(), bed.ministack.url());
    std::future::pending().await
}

#[tokio::test]
async fn killed_owner_leaves_no_process_and_no_data() -> Result<()> {
    let mut owner = Command::new(env::current_exe()?)
        .args(["--ignored", "--exact", "process_reaper::owner", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(owner.stdout.take().context("its output")?)
        .lines()
        .map_while(Result::ok);
    let ready = lines
        .find_map(|line| line.strip_prefix(READY).map(str::to_owned))
        .context("it did not start")?;
    let (data, ministack) = ready.split_once(' ').context("two words")?;
    process::get(ministack).await?;
    if cfg!(target_os = "linux") {
        ensure!(running(data).len() == 6, "{:?}", running(data));
    }

    owner.kill()?;
    owner.wait()?;

    eventually("the data directory is gone", async || {
        Ok((!fs::exists(data)?).then_some(()))
    })
    .await?;
    eventually("every process is gone", async || {
        Ok(running(data).is_empty().then_some(()))
    })
    .await?;
    ensure!(process::get(ministack).await.is_err());
    Ok(())
}

/// The command lines that name the data directory: of etcd, the four of Kubernetes, and the keeper. Seen where there is
/// a `/proc`; a process that has ended has no command line there, even before its parent has waited for it.
fn running(data: &str) -> Vec<String> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let command_lines = processes.filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok());
    let command_lines = command_lines.map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "));
    command_lines.filter(|line| line.contains(data)).collect()
}
