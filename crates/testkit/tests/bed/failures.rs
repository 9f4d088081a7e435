//! When the test bed cannot start, it says in one sentence what is wrong and what to do, and keeps the logs.

use std::env;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use lanyard_testkit::cache::Cache;
use lanyard_testkit::tools::Tools;
use lanyard_testkit::{TestBed, TestBedOptions};
use tempfile::TempDir;

const STARTED: &str = "the test bed started";

#[tokio::test]
#[ignore = "not a test: what the tests below run in an environment of their making"]
async fn start() -> Result<()> {
    match TestBed::start(TestBedOptions::default()).await {
        Ok(bed) => {
            println!("\n{STARTED}");
            bed.stop().await?;
        }
        Err(error) => println!("\n{error:#}"),
    }
    Ok(())
}

#[test]
fn missing_tool_error_names_the_fix() -> Result<()> {
    let place = TempDir::new()?;
    let bin = place.path().join("bin");
    fs::create_dir(&bin)?;
    let says = |sentence| starting_says(sentence, &[("PATH", &bin), ("LANYARD_CACHE", place.path())]);
    says("Go is not on the PATH: install Go 1.26 or newer (go.dev/dl)")?;

    script(&bin.join("go"), "echo go1.22.1; echo local")?;
    says("go1.22.1 is too old: install Go 1.26 or newer")?;

    script(&bin.join("go"), "echo go1.26.0; echo local")?;
    says("python3 is not on the PATH: install Python 3.11 or newer")?;

    script(&bin.join("python3"), "echo 3 9")?;
    says("python3 is Python 3.9: install Python 3.11 or newer")?;

    script(
        &bin.join("python3"),
        r#"case "$2" in *ensurepip*) exit 1;; esac; echo 3 11"#,
    )?;
    says("python3 has no venv module: install it")?;
    Ok(())
}

#[test]
fn failed_build_shows_end_of_log() -> Result<()> {
    let place = TempDir::new()?;
    let go = "[ $1 = env ] && { echo go1.26.0; echo local; exit; }; echo no such package; exit 1";
    script(&place.path().join("go"), go)?;
    let path = format!("{}:{}", place.path().display(), env::var("PATH")?);
    let variables = [("PATH", Path::new(&path)), ("LANYARD_CACHE", place.path())];
    let said = starting_says("installing etcd v3.6.8: go failed (exit status: 1)", &variables)?;
    ensure!(said.contains("    no such package"), "{said}");
    Ok(())
}

#[test]
fn dead_process_is_named_and_log_is_kept() -> Result<()> {
    let assets = assets()?;
    script(&assets.path().join("kube-apiserver"), "echo cannot do it; exit 3")?;
    let sentence = "kube-apiserver ended (exit status: 3) before it was ready";
    let said = starting_says(sentence, &[("KUBEBUILDER_ASSETS", assets.path())])?;
    ensure!(said.contains("    cannot do it"), "{said}");
    let log = said
        .lines()
        .find_map(|line| line.trim().strip_prefix("log: "))
        .map(PathBuf::from);
    let log = log.context("the log is named")?;
    ensure!(fs::read_to_string(&log)? == "cannot do it\n");
    ensure!(log.with_file_name("etcd.log").exists());
    Ok(())
}

#[test]
fn kubebuilder_assets_must_be_complete() -> Result<()> {
    let assets = assets()?;
    let sentence = "which has no kube-apiserver: fill it with setup-envtest, or unset it";
    starting_says(sentence, &[("KUBEBUILDER_ASSETS", assets.path())])?;
    symlink(tools()?.kube_apiserver, assets.path().join("kube-apiserver"))?;
    starting_says(STARTED, &[("KUBEBUILDER_ASSETS", assets.path())])?;
    Ok(())
}

/// A directory as `setup-envtest` fills it, but for the API server.
fn assets() -> Result<TempDir> {
    let (place, tools) = (TempDir::new()?, tools()?);
    symlink(tools.etcd, place.path().join("etcd"))?;
    symlink(tools.kubectl, place.path().join("kubectl"))?;
    Ok(place)
}

fn tools() -> Result<Tools> {
    Tools::install(&Cache::open()?, false)
}

fn script(path: &Path, text: &str) -> Result<()> {
    fs::write(path, format!("#!/bin/sh\n{text}\n"))?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o755))?)
}

/// Starts a test bed in another process, with these variables set, and expects it to say this.
fn starting_says(sentence: &str, variables: &[(&str, &Path)]) -> Result<String> {
    let output = Command::new(env::current_exe()?)
        .args(["--ignored", "--exact", "failures::start", "--nocapture"])
        .envs(variables.iter().copied())
        .output()?;
    let said = String::from_utf8(output.stdout)?;
    ensure!(said.contains(sentence), "expected: {sentence}\nsaid: {said}");
    Ok(said)
}
