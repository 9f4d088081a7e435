//! The settings of `plan`, as clap parses them. Reads only the environment.

use std::path::PathBuf;

use clap::Args;

/// The settings of `plan`.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// Names of WorkloadIdentities, as `orders`, `wid/orders` or `sa/orders`. Default: all of the namespace.
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
            require_class: false,
        }
    }
}
