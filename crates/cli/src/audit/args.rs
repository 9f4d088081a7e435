//! The settings of `audit`, as clap parses them. No I/O.

use std::path::PathBuf;

use clap::Args;

use super::gate::FailOn;

/// The settings of `audit`.
#[derive(Debug, Clone, Args)]
pub struct AuditArgs {
    /// All namespaces.
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Label selector of the pods and workloads.
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub selector: Option<String>,
    /// Read the keys of the Secrets of envFrom. Their values are dropped at once. Without it, no Secret is read.
    #[arg(long)]
    pub read_secrets: bool,
    /// Read the role of every association. Default: of 500 at most.
    #[arg(long)]
    pub describe_all: bool,
    /// JSON of an earlier audit. Only findings that it does not have count for the exit code.
    #[arg(long, value_name = "FILE")]
    pub since: Option<PathBuf>,
    /// Write the result to a file.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Show only the last four digits of account ids.
    #[arg(long)]
    pub mask: bool,
    /// Findings for which the exit code is 2: any, fault, warning, static, node, proxy, wide, or a code such as LY701. Can be
    /// repeated.
    #[arg(long, value_name = "FINDING,...", value_delimiter = ',', value_parser = FailOn::parse, default_value = "fault")]
    pub fail_on: Vec<FailOn>,
}
