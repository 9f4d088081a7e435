//! The binary `lanyard`, built beside the suites so that they always run the operator as it stands in the tree.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    lanyard_operator::main().await
}
