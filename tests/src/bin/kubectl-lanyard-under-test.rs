//! The binary `kubectl-lanyard`, built together with the suites so that they always run the command line of this tree.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    lanyard_cli::main().await
}
