//! Runs the operator suite with IAM and STS of LocalStack: a result that holds on two emulators without common code is less
//! likely a quirk of one. EKS stays ministack's. LocalStack evaluates no trust policy, so the credential proof is excluded.
//! Does I/O.

#[path = "../operator/conflict.rs"]
mod conflict;
#[path = "../operator/deletion.rs"]
mod deletion;
#[path = "../operator/drift.rs"]
mod drift;
#[path = "../operator/existing.rs"]
mod existing;
#[path = "../operator/irsa.rs"]
mod irsa;
#[path = "../operator/ledger.rs"]
mod ledger;

use anyhow::Result;
use lanyard_testkit::TestBedOptions;
use lanyard_tests::{TestEnv, TestEnvOptions};
use tokio::sync::OnceCell;

/// The only environment of this binary; it ends with the process.
async fn stage() -> Result<&'static TestEnv> {
    static TEST_ENV: OnceCell<TestEnv> = OnceCell::const_new();
    let bed = TestBedOptions {
        iam_from_localstack: true,
        ..TestBedOptions::default()
    };
    let options = TestEnvOptions {
        bed,
        ..TestEnvOptions::default()
    };
    TEST_ENV
        .get_or_try_init(|| TestEnv::set(env!("CARGO_BIN_EXE_lanyard-under-test"), options))
        .await
}
