//! The components of a test bed, as arguments of `up`. No I/O.

use clap::Args;

/// Components of the test bed.
#[derive(Args, Clone, Copy)]
pub struct Components {
    /// Start LocalStack too (IAM and STS, as a second opinion); AWS_ENDPOINT_URL still leads to ministack
    #[arg(long)]
    pub localstack: bool,
    /// Number of simulated nodes
    #[arg(long, default_value_t = 2)]
    pub nodes: usize,
}
