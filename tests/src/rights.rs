//! The operator's shipped RBAC rules: applies them, and opens a front of the gateway whose callers have exactly those
//! rights. Input: files of `config/operator`. Output: a front. Runs kubectl.

use std::path::Path;

use anyhow::{Result, ensure};
use lanyard_testkit::TestBed;
use lanyard_testkit::gateway::Front;

/// The operator's user name at the API server.
const USER: &str = "system:serviceaccount:lanyard-system:lanyard";

/// Applies files of `config/operator`.
///
/// # Errors
/// Returns an error if the API server refuses one.
pub fn apply(bed: &TestBed, files: &[&str]) -> Result<()> {
    let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/operator");
    let mut command = bed.kubectl();
    command.arg("apply");
    for file in files {
        command.arg("--filename").arg(manifests.join(file));
    }
    let output = command.output()?;
    ensure!(output.status.success(), "{output:?}");
    Ok(())
}

/// Applies the operator's ServiceAccount with these RBAC files. Callers of the returned front are that ServiceAccount.
pub(crate) async fn grant(bed: &TestBed, rights: &[&str]) -> Result<Front> {
    apply(
        bed,
        &[&["namespace.yaml", "service-account.yaml"], rights].concat(),
    )?;
    bed.front_as(USER).await
}
