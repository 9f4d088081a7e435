//! Clusters that are not EKS's: a real API server with an issuer of its own, an operator that is told an id. IRSA works
//! whole there, everything of EKS is refused in words, and nobody asks EKS anything. Needs the test bed; does I/O.

mod missing;
mod works;

use anyhow::Result;
use lanyard_testkit::TestBedOptions;
use lanyard_tests::{ClusterFlags, TestEnv, TestEnvOptions};

/// The id that the operator is told.
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
