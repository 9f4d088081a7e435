//! The flags of every command, as clap parses them. Input: arguments and the environment. Output: settings. Reads only the
//! environment.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use lanyard_core::model::operator_info::DEFAULT_NAMESPACE;

/// The flags of every command. Those of kubectl have the names and the meaning that they have there.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Path of the kubeconfig file. Default: KUBECONFIG, then ~/.kube/config.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Cluster")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig.
    #[arg(long, global = true, value_name = "NAME", help_heading = "Cluster")]
    pub context: Option<String>,
    /// Cluster of the kubeconfig.
    #[arg(long, global = true, value_name = "NAME", help_heading = "Cluster")]
    pub cluster: Option<String>,
    /// User of the kubeconfig.
    #[arg(long, global = true, value_name = "NAME", help_heading = "Cluster")]
    pub user: Option<String>,
    /// User to impersonate.
    #[arg(long = "as", global = true, value_name = "USER", help_heading = "Cluster")]
    pub as_user: Option<String>,
    /// Group to impersonate. Can be repeated.
    #[arg(long, global = true, value_name = "GROUP", help_heading = "Cluster")]
    pub as_group: Vec<String>,
    /// Namespace. Default: the namespace of the context.
    #[arg(short, long, global = true, value_name = "NAME", help_heading = "Cluster")]
    pub namespace: Option<String>,
    /// Namespace of the operator, whose ConfigMap lanyard-info describes the cluster.
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "LANYARD_OPERATOR_NAMESPACE",
        default_value = DEFAULT_NAMESPACE,
        help_heading = "Cluster"
    )]
    pub operator_namespace: String,
    /// Time limit of one request to the API server in seconds, as 30 or 30s. 0 sets no limit.
    #[arg(long, global = true, value_name = "DURATION", default_value = "30s", value_parser = seconds, help_heading = "Cluster")]
    pub request_timeout: u64,
    /// The AWS side of the cluster.
    #[command(flatten)]
    pub aws: AwsFlags,
    /// Output format.
    #[arg(
        short,
        long,
        global = true,
        value_name = "FORMAT",
        default_value = "text",
        help_heading = "Output"
    )]
    pub output: Format,
    /// Print the rights that the command reads with, as a ClusterRole and an IAM policy, and end.
    #[arg(long, global = true, help_heading = "Output")]
    pub rights: bool,
    /// Use of colour. Auto also follows NO_COLOR, CLICOLOR_FORCE and TERM=dumb.
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        help_heading = "Output"
    )]
    pub color: ColorChoice,
    /// Print no warnings.
    #[arg(short, long, global = true, help_heading = "Output")]
    pub quiet: bool,
    /// Say on stderr where the cluster is known from.
    #[arg(short, long, global = true, conflicts_with = "quiet", help_heading = "Output")]
    pub verbose: bool,
}

/// The cluster in AWS.
#[derive(Debug, Clone, Args)]
pub struct AwsFlags {
    /// Name of the EKS cluster. Default: the cluster of the operator, then the name in the kubeconfig.
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "LANYARD_CLUSTER_NAME",
        help_heading = "AWS"
    )]
    pub cluster_name: Option<String>,
    /// Unique id of a cluster outside EKS, as the operator has it.
    #[arg(
        long,
        global = true,
        value_name = "ID",
        env = "LANYARD_CLUSTER_ID",
        conflicts_with = "cluster_name",
        help_heading = "AWS"
    )]
    pub cluster_id: Option<String>,
    /// ARN of the EKS cluster, if AWS is not read. Default: the ARN of the operator's cluster, then that of the kubeconfig.
    #[arg(long, global = true, value_name = "ARN", help_heading = "AWS")]
    pub cluster_arn: Option<String>,
    /// Token issuer of the cluster, if neither AWS nor the API server is read.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "LANYARD_ISSUER",
        help_heading = "AWS"
    )]
    pub issuer: Option<String>,
    /// AWS Region of the cluster. Default: the Region of the operator, that of the kubeconfig, then that of the AWS SDK.
    #[arg(
        long,
        global = true,
        value_name = "REGION",
        env = "LANYARD_REGION",
        help_heading = "AWS"
    )]
    pub region: Option<String>,
    /// Do not read AWS.
    #[arg(long, global = true, help_heading = "AWS")]
    pub no_aws: bool,
}

/// An output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text for people.
    Text,
    /// Text with further columns.
    Wide,
    /// One JSON document.
    Json,
    /// The same document as YAML.
    Yaml,
    /// One name per line.
    Name,
    /// Markdown for a comment of a pull request (plan).
    Markdown,
    /// Comma-separated values (audit).
    Csv,
    /// A graph for Graphviz (audit).
    Dot,
    /// One self-contained page (audit).
    Html,
}

/// The use of colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// Only on a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Parses a number of seconds as kubectl does: a number, or a number with the unit s or m.
pub(crate) fn seconds(text: &str) -> Result<u64, String> {
    let (number, unit) = match text.strip_suffix('m') {
        Some(minutes) => (minutes, 60),
        None => (text.strip_suffix('s').unwrap_or(text), 1),
    };
    let number: Option<u64> = number.parse().ok();
    number
        .and_then(|number| number.checked_mul(unit))
        .ok_or_else(|| format!("{text:?} is not a duration such as 30s or 2m"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_timeout_takes_seconds_and_minutes() {
        assert_eq!(
            (seconds("30"), seconds("30s"), seconds("2m")),
            (Ok(30), Ok(30), Ok(120))
        );
        assert!(seconds("soon").is_err() && seconds("").is_err());
    }
}
