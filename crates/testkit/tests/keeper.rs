//! Nothing of a test bed outlives its owner, even when the owner is killed and can clean up nothing itself.

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use lanyard_testkit::{TestBed, TestBedOptions, process};

use support::eventually;

const READY: &str = "ready: ";

#[tokio::test]
#[ignore = "not a test: the owner that the test below starts and kills"]
async fn owner() {
    let bed = TestBed::start(TestBedOptions::default()).await.unwrap();
    let data = bed.kubeconfig().ancestors().nth(2).unwrap();
    println!("\n{READY}{} {}", data.display(), bed.ministack.url());
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_killed_owner_leaves_no_process_and_no_data() {
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "owner", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let ready = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix(READY).map(str::to_owned));
    let (data, ministack) = ready.as_deref().and_then(|ready| ready.split_once(' ')).unwrap();
    assert!(process::get(ministack).await.is_ok());
    assert_eq!(
        running(data).len(),
        if cfg!(target_os = "linux") { 6 } else { 0 },
        "{:?}",
        running(data)
    );

    owner.kill().unwrap();
    owner.wait().unwrap();

    eventually(
        "the data directory is gone",
        Duration::from_secs(10),
        async || !fs::exists(data).unwrap(),
    )
    .await;
    eventually("every process is gone", Duration::from_secs(10), async || {
        running(data).is_empty()
    })
    .await;
    assert!(process::get(ministack).await.is_err());
}

/// The command lines that name the data directory: of etcd, the four of Kubernetes, and the keeper. Seen where there is
/// a `/proc`; a process that has ended has no command line there, even when nobody has waited for it yet.
fn running(data: &str) -> Vec<String> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let command_lines = processes.filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok());
    let command_lines = command_lines.map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "));
    command_lines.filter(|line| line.contains(data)).collect()
}
