//! `lanyard probe`: the pod of a proof. It gets credentials as an SDK does, from the agent or by its token alone, asks STS who it
//! is, and writes the answer as its termination message. Input: the environment. Output: a file, and the exit code. Does I/O.

mod agent;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use lanyard_aws::probe_credentials;
use lanyard_core::proof::{CredentialSource, ProbeReport};

/// Report who a pod of a ServiceAccount is in AWS
///
/// `kubectl lanyard verify` runs it in a Job. It uses only the credentials that the pod identity webhook gave the pod, never
/// keys, profiles or the role of the node, and calls only sts:GetCallerIdentity, which needs no permission. It writes
/// neither tokens nor keys.
///
/// Exit codes: 0 STS returned a caller; 1 it did not, or the file cannot be written.
#[derive(Debug, Clone, Parser)]
#[command(name = "probe", max_term_width = 100)]
pub struct ProbeSettings {
    /// File for the result: the termination message of the container.
    #[arg(
        long,
        env = "LANYARD_TERMINATION_LOG",
        value_name = "FILE",
        default_value = "/dev/termination-log"
    )]
    pub termination_log: PathBuf,
}

/// Runs the probe.
pub async fn run(settings: &ProbeSettings) -> ExitCode {
    let mut report = probe_credentials().await;
    if report.source == CredentialSource::Container
        && let (Some(error), Some(answer)) = (&report.error, agent::answer().await)
    {
        let error = format!("{answer} ({error})");
        report = ProbeReport::failed(report.source, &error, report.unanswered);
    }
    let text = serde_json::to_string(&report).unwrap_or_default();
    println!("{text}");
    if let Err(error) = std::fs::write(&settings.termination_log, text) {
        eprintln!("lanyard: {}: {error}", settings.termination_log.display());
        return ExitCode::FAILURE;
    }
    match report.caller {
        Some(_) => ExitCode::SUCCESS,
        None => ExitCode::FAILURE,
    }
}
