//! The binary `kubectl-lanyard`. It only calls the library.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    lanyard_cli::main().await
}
