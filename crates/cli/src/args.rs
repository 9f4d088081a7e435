//! The command line as clap parses it. Input: arguments and the environment. Output: the command with its settings. Reads
//! only the environment. Help, completion, man pages and the reference are generated from this definition.

mod completion;

use clap::{CommandFactory, Parser, Subcommand};

use crate::audit::AuditArgs;
use crate::doctor::DoctorArgs;
use crate::global::Global;
use crate::import::ImportArgs;
use crate::plan::PlanArgs;
use crate::trust::TrustArgs;
use crate::verify::VerifyArgs;

pub use completion::{CompletionArgs, Target};

/// Shows what Lanyard would change for a WorkloadIdentity, and what a role needs. It changes nothing.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-lanyard",
    bin_name = "kubectl lanyard",
    version,
    max_term_width = 100,
    after_help = "Exit codes: 0 done, or nothing found. 1 failed. 2 something would change, or a fault was found. 3 not complete: something \
                  could not be read. They are the same in every output format."
)]
pub struct Cli {
    /// The flags of every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the steps that the operator would take for WorkloadIdentities of the cluster or of files.
    Plan(PlanArgs),
    /// Print the trust statement that a role needs for a ServiceAccount, as Lanyard writes it.
    Trust(TrustArgs),
    /// Find the cause why the pods of a WorkloadIdentity get no credentials.
    Doctor(DoctorArgs),
    /// Prove that a ServiceAccount gets its role, with credentials that can do nothing.
    Verify(VerifyArgs),
    /// Show how each container of the cluster gets AWS credentials, and what should change.
    Audit(AuditArgs),
    /// Print WorkloadIdentities for the roles, associations and annotations that other tools made.
    Import(ImportArgs),
    /// Print the version.
    Version,
    /// Print a completion script, or install completion through kubectl.
    Completion(CompletionArgs),
}

impl Command {
    /// The name.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Plan(_) => "plan",
            Self::Trust(_) => "trust",
            Self::Doctor(_) => "doctor",
            Self::Verify(_) => "verify",
            Self::Audit(_) => "audit",
            Self::Import(_) => "import",
            Self::Version => "version",
            Self::Completion(_) => "completion",
        }
    }
}

/// The definition of the command line, for generated files.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;

    use super::*;
    use crate::global::Format;

    fn parse(arguments: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from([&["kubectl-lanyard"], arguments].concat())
    }

    #[test]
    fn definition_is_valid() {
        command().debug_assert();
    }

    #[test]
    fn flags_of_kubectl_are_accepted_after_the_command() {
        let cli = parse(&[
            "plan",
            "orders",
            "-n",
            "shop",
            "--context",
            "prod",
            "--as",
            "anna",
            "-o",
            "json",
        ])
        .unwrap();
        assert_eq!(cli.global.namespace.as_deref(), Some("shop"));
        assert_eq!(cli.global.as_user.as_deref(), Some("anna"));
        assert_eq!(cli.global.output, Format::Json);
    }

    #[test]
    fn unknown_flag_is_a_usage_error() {
        assert_eq!(
            parse(&["plan", "--nmespace", "x"]).unwrap_err().kind(),
            ErrorKind::UnknownArgument
        );
    }
}
