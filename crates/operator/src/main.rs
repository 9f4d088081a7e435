//! The binary `lanyard`. It only calls the library.

use std::process::ExitCode;

/// Two workers on every node: nothing here is bound by the processor, and each further worker, one for each processor of
/// a node by default, keeps an arena of the allocator of its own.
#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    lanyard_operator::main().await
}
