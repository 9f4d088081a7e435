//! The binary `lanyard`. It only calls the library.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    lanyard_operator::main().await
}
