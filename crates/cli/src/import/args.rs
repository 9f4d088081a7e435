//! The settings of `import`, as clap parses them. No I/O.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use lanyard_core::origin::proposal::Takeover;

/// The settings of `import`.
#[derive(Debug, Clone, Args)]
pub struct ImportArgs {
    /// Names of ServiceAccounts, or of what uses them: `orders`, `sa/orders`, `deploy/orders`. Default: all of the namespace.
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// All namespaces.
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Label selector of the ServiceAccounts.
    #[arg(short = 'l', long, value_name = "SELECTOR", conflicts_with = "names")]
    pub selector: Option<String>,
    /// The part that Lanyard takes over: existing leaves the role with its owner, adopt takes the role with its permissions.
    #[arg(long, value_name = "MODE", default_value = "existing")]
    pub mode: Mode,
    /// Output of `terraform show -json`, or - for stdin. Can be repeated.
    #[arg(long, value_name = "FILE")]
    pub terraform_state: Vec<PathBuf>,
    /// Print how the old tools let go without deleting, in order, for the parts that Lanyard takes over.
    #[arg(long)]
    pub exit_plan: bool,
    /// Class of the WorkloadIdentities.
    #[arg(long, value_name = "NAME")]
    pub class: Option<String>,
    /// Every WorkloadIdentity has to follow a class, as with this flag of the operator.
    #[arg(long, env = "LANYARD_REQUIRE_CLASS")]
    pub require_class: bool,
}

/// The part that Lanyard takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// The role stays with its owner.
    Existing,
    /// The role is adopted with its permissions.
    Adopt,
}

impl Mode {
    pub(super) fn takeover(self) -> Takeover {
        match self {
            Self::Existing => Takeover::Existing,
            Self::Adopt => Takeover::Adopt,
        }
    }
}
