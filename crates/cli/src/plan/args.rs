//! The settings of `plan`, as clap parses them. Reads only the environment.

use std::path::PathBuf;

use clap::Args;

use super::gate::FailOn;

/// The settings of `plan`.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// Names of WorkloadIdentities, or of what uses them: `orders`, `sa/orders`, `pod/orders-7c4f`, `deploy/orders`.
    /// Default: all of the namespace.
    #[arg(value_name = "NAME", conflicts_with = "filename")]
    pub names: Vec<String>,
    /// File or directory with WorkloadIdentities, or - for stdin. Can be repeated. ServiceAccounts, Namespaces and classes
    /// in the files count as applied.
    #[arg(short, long, value_name = "FILE")]
    pub filename: Vec<PathBuf>,
    /// All namespaces.
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Label selector of the WorkloadIdentities.
    #[arg(short = 'l', long, value_name = "SELECTOR", conflicts_with_all = ["names", "filename"])]
    pub selector: Option<String>,
    /// Effects for which the exit code is 2, instead of any change: any, marks, widens, binds, narrows, unbinds, removes or
    /// restarts. Can be repeated.
    #[arg(long, value_name = "EFFECT,...", value_delimiter = ',', value_parser = FailOn::parse, default_value = "any")]
    pub fail_on: Vec<FailOn>,
    /// Read neither the cluster nor AWS: show the steps for new objects. Needs --cluster-arn and --issuer.
    #[arg(long, requires = "filename")]
    pub offline: bool,
    /// Show the changed elements of policy documents. JSON, YAML and Markdown always have them.
    #[arg(long)]
    pub diff: bool,
    /// Every WorkloadIdentity has to follow a class, as with this flag of the operator.
    #[arg(long, env = "LANYARD_REQUIRE_CLASS")]
    pub require_class: bool,
}

impl PlanArgs {
    /// The settings for objects of one namespace.
    pub(crate) fn of_names(names: Vec<String>) -> Self {
        Self {
            names,
            filename: Vec::new(),
            all_namespaces: false,
            selector: None,
            fail_on: vec![FailOn::Any],
            offline: false,
            diff: false,
            require_class: false,
        }
    }
}
