//! The settings of `verify`, as clap parses them. Reads nothing.

use clap::{Args, ValueEnum};

use crate::global::seconds;

/// The settings of `verify`.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// Names of WorkloadIdentities, or of what uses them: `orders`, `sa/orders`, `pod/orders-7c4f`, `deploy/orders`.
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
    /// Way of the proof. Default: token for IRSA, probe for Pod Identity.
    #[arg(long, value_name = "WAY")]
    pub via: Option<Via>,
    /// Workload whose place the probe takes: node selector, tolerations, affinity, runtime class, host network and pull
    /// secrets, as `deploy/orders`.
    #[arg(long, value_name = "KIND/NAME")]
    pub like: Option<String>,
    /// Image of the probe. Default: that of the operator.
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<String>,
    /// Time to wait for the probe, as 90 or 90s.
    #[arg(long, value_name = "DURATION", default_value = "90s", value_parser = seconds)]
    pub timeout: u64,
    /// Keep the Job of the probe.
    #[arg(long)]
    pub keep: bool,
}

/// A way of the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Via {
    /// A token of the ServiceAccount, exchanged at STS by this command. IRSA only, without a pod.
    Token,
    /// A Job that runs as the ServiceAccount.
    Probe,
}
