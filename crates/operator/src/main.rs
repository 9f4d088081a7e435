//! The binary `lanyard`. Everything is in the library.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    lanyard_operator::main().await
}
