//! Proves behaviour on non-EKS clusters: a real API server with its own issuer and an operator with a cluster id. IRSA
//! works completely, every EKS feature is refused with a message, and EKS receives no call. Needs the test bed; does I/O.

mod irsa;
mod prerequisites;

use anyhow::Result;
use lanyard_testkit::TestBedOptions;
use lanyard_tests::{ClusterFlags, TestEnv, TestEnvOptions};

/// The cluster id of the operator.
const ID: &str = "prod.example.com";
/// An issuer that AWS could reach.
const ISSUER: &str = "https://oidc.example.com/prod";

/// A test bed whose tokens carry an issuer, and on it an operator with `--cluster-id` and these flags.
async fn stage(bed: TestBedOptions, issuer: &str, more: &[&'static str]) -> Result<TestEnv> {
    let bed = TestBedOptions {
        issuer: Some(issuer.to_owned()),
        ..bed
    };
    let options = TestEnvOptions {
        bed,
        cluster: ClusterFlags([&["--cluster-id", ID], more].concat()),
        timings: "waiting=1s",
        ..TestEnvOptions::default()
    };
    TestEnv::set(env!("CARGO_BIN_EXE_lanyard-under-test"), options).await
}
