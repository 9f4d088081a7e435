//! The arguments of `completion`. Plain values; no I/O.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// The settings of `completion`.
#[derive(Debug, Clone, Args)]
pub struct CompletionArgs {
    /// The shell whose script is printed, or `install` for completion through kubectl.
    pub target: Target,
    /// Directory for the link of `install`. Default: the directory of PATH that has kubectl-lanyard.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// A form of completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// The script of bash.
    Bash,
    /// The script of elvish.
    Elvish,
    /// The script of fish.
    Fish,
    /// The script of PowerShell.
    Powershell,
    /// The script of zsh.
    Zsh,
    /// The link by which kubectl asks the plugin.
    Install,
}
