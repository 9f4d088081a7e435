//! Proves the frame: exit codes, errors, pipes, and the way through kubectl. Does I/O.

use std::process::Stdio;

use anyhow::{Context, Result};
use lanyard_tests::holds;
use serde_json::json;

use crate::run::{PROGRAM, command, run};
use crate::stage;

#[tokio::test]
async fn usage_errors_and_unknown_names_exit_1() -> Result<()> {
    let scene = stage().await?.scene("cli-errors").await?;
    let bed = &scene.stage.bed;
    let suspended = json!({"suspend": true, "role": {"managed": {}}});
    scene.apply("orders", suspended).await?;
    for (arguments, words) in [
        (vec!["plan", "--nmespace", "x"], vec!["--namespace"]),
        (
            vec!["plan", "-A", "-n", "cli-errors"],
            vec!["--all-namespaces excludes"],
        ),
        (
            vec!["plan", "ordrs", "-n", "cli-errors"],
            vec!["workloadidentity ordrs does not exist", "nearest: orders"],
        ),
        (
            vec!["plan", "-n", "cli-nowhere"],
            vec!["namespace cli-nowhere does not exist"],
        ),
        (
            vec!["plan", "x", "-n", "cli-nowhere"],
            vec!["namespace cli-nowhere does not exist"],
        ),
        (
            vec!["plan", "deply/orders", "-n", "cli-errors"],
            vec!["deply is not one of wid, sa, pod", "nearest: deploy"],
        ),
        (
            vec!["doctor", "deploy/orders", "-n", "cli-errors"],
            vec!["deployment orders does not exist in namespace cli-errors"],
        ),
        (
            vec!["plan", "pod/x", "-n", "cli-nowhere"],
            vec!["namespace cli-nowhere does not exist"],
        ),
        (vec!["plan", "--fail-on", "narows"], vec!["nearest: narrows"]),
        (
            vec!["doctor", "orders", "-n", "cli-errors", "-o", "markdown"],
            vec!["-o markdown is a format of plan alone"],
        ),
        (vec!["plan", "--context", "nowhere"], vec!["nowhere"]),
        (
            vec!["plan", "-A", "--cluster-name", "another"],
            vec!["AWS has no EKS cluster another"],
        ),
    ] {
        let ran = run(bed, &arguments, "").await?.ended(1)?;
        holds(&ran.stderr, &words)?;
        assert_eq!(ran.stdout, "", "{arguments:?}");
        // The code is the same in every format.
        run(bed, &[arguments.as_slice(), &["-o", "json"]].concat(), "")
            .await?
            .ended(1)?;
    }
    Ok(())
}

#[tokio::test]
async fn bad_manifest_is_reported_with_its_place() -> Result<()> {
    let bed = &stage().await?.bed;
    let text = "apiVersion: lanyard.dev/v1alpha1\nkind: WorkloadIdentity\nmetadata:\n  name: orders\nspec:\n  role:\n    manged: {}\n";
    let ran = run(bed, &["plan", "-f", "-"], text).await?.ended(1)?;
    holds(
        &ran.stderr,
        &["-:7:5", "unknown field \"manged\" in spec.role; nearest: managed"],
    )?;
    let ran = run(
        bed,
        &["plan", "-f", "-"],
        "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\n",
    )
    .await?
    .ended(1)?;
    holds(&ran.stderr, &["no WorkloadIdentity; they have 1 Secret"])
}

#[tokio::test]
async fn closed_pipe_ends_quietly() -> Result<()> {
    let bed = &stage().await?.bed;
    let mut program = command(bed, &["completion", "bash"]);
    let mut child = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    drop(child.stdout.take());
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await??;
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr)?, "");
    Ok(())
}

#[tokio::test]
async fn kubectl_finds_the_plugin_and_asks_it_for_completions() -> Result<()> {
    let bed = &stage().await?.bed;
    let folder = bed.logs().join("plugin");
    std::fs::create_dir_all(&folder)?;
    for name in ["kubectl-lanyard", "kubectl_complete-lanyard"] {
        std::os::unix::fs::symlink(PROGRAM, folder.join(name))?;
    }
    let path = std::env::var("PATH").context("PATH")?;
    let kubectl = |arguments: &[&str]| {
        let mut command = bed.kubectl();
        command
            .args(arguments)
            .env("PATH", format!("{}:{path}", folder.display()));
        command
    };
    let output = kubectl(&["lanyard", "version"]).output()?;
    assert!(String::from_utf8(output.stdout)?.starts_with("kubectl lanyard "));
    let output = kubectl(&["__complete", "lanyard", "pl"]).output()?;
    holds(
        &String::from_utf8(output.stdout)?,
        &["plan\tShow the steps", ":4"],
    )
}
