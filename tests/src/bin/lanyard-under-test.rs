//! The binary `lanyard`, built together with the suites so that they always run the operator of this tree.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    lanyard_operator::main().await
}
