//! The operator's rights in the cluster, as they are shipped: applied, and a front whose callers have them and no more.
//! Files of `config/operator` in, a front out. Runs kubectl.

use std::path::Path;

use anyhow::{Result, ensure};
use lanyard_testkit::TestBed;
use lanyard_testkit::gateway::Front;

/// The operator to the API server.
const USER: &str = "system:serviceaccount:lanyard-system:lanyard";

/// Applies files of `config/operator`.
///
/// # Errors
/// When the API server refuses one.
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

/// Applies the operator's ServiceAccount and these rights of it. Who comes through the front is that ServiceAccount.
pub(crate) async fn grant(bed: &TestBed, rights: &[&str]) -> Result<Front> {
    apply(
        bed,
        &[&["namespace.yaml", "service-account.yaml"], rights].concat(),
    )?;
    bed.front_as(USER).await
}
