//! Runs `kubectl-lanyard` of this tree against the test bed. Input: arguments and stdin. Output: exit code, stdout and stderr.
//! Runs a program.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use lanyard_testkit::TestBed;
use serde_json::Value;

/// The program.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_kubectl-lanyard-under-test");

/// The name of the program in the ledger of the gateway.
pub const CALLER: &str = "kubectl-lanyard";

/// The result of one run.
#[derive(Debug)]
pub struct Ran {
    pub exit: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Checks the exit code.
    pub fn ended(self, exit: i32) -> Result<Self> {
        ensure!(self.exit == Some(exit), "expected exit code {exit}: {self:#?}");
        Ok(self)
    }

    /// The JSON on stdout.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout).with_context(|| format!("not JSON: {self:#?}"))
    }
}

/// The program with the cluster and AWS of the test bed.
pub fn command(bed: &TestBed, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments);
    bed.equip(&mut command);
    command.env("AWS_SDK_UA_APP_ID", CALLER);
    command.env("LANYARD_CLUSTER_NAME", "lanyard");
    command
}

/// Runs the program with this text on stdin.
pub async fn run(bed: &TestBed, arguments: &[&str], stdin: &str) -> Result<Ran> {
    output_of(command(bed, arguments), stdin).await
}

/// Runs the program under a name of its own in the ledger, for tests that count its calls beside others.
pub async fn run_as(bed: &TestBed, caller: &str, arguments: &[&str], stdin: &str) -> Result<Ran> {
    let mut command = command(bed, arguments);
    command.env("AWS_SDK_UA_APP_ID", caller);
    output_of(command, stdin).await
}

pub async fn output_of(mut command: Command, stdin: &str) -> Result<Ran> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().context("starting kubectl-lanyard")?;
    let mut input = child.stdin.take().context("stdin")?;
    let text = stdin.to_owned();
    let ended = tokio::task::spawn_blocking(move || {
        // A program that does not read its input closes the pipe.
        drop(input.write_all(text.as_bytes()));
        drop(input);
        child.wait_with_output()
    });
    let output = ended.await??;
    Ok(Ran {
        exit: output.status.code(),
        stdout: String::from_utf8(output.stdout)?,
        stderr: String::from_utf8(output.stderr)?,
    })
}

/// A WorkloadIdentity as a manifest.
pub fn manifest(namespace: &str, name: &str, spec: &Value) -> String {
    let metadata = serde_json::json!({"namespace": namespace, "name": name});
    let (version, kind) = ("lanyard.dev/v1alpha1", "WorkloadIdentity");
    serde_json::json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}).to_string()
}
