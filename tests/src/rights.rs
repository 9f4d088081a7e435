//! The operator's shipped RBAC rules: applies them, and opens a front of the gateway whose callers have exactly those
//! rights. Input: names of components. Output: a front. Runs kubectl.

use anyhow::Result;
use lanyard_testkit::TestBed;
use lanyard_testkit::gateway::Front;

use crate::manifests::{self, kind, rendered};

/// The operator's namespace.
pub const NAMESPACE: &str = "lanyard-system";

/// The operator's user name at the API server.
const USER: &str = "system:serviceaccount:lanyard-system:lanyard";

/// Applies the RBAC rules of `config/operator` with these components, and the operator's ServiceAccount.
///
/// # Errors
/// Returns an error if the API server refuses one.
pub fn apply(bed: &TestBed, components: &[&str]) -> Result<()> {
    let mut documents = rendered(bed, components)?;
    let concerns_rights = |document: &String| {
        let kind = kind(document).unwrap_or_default();
        matches!(kind, "Namespace" | "ServiceAccount") || kind.contains("Role")
    };
    documents.retain(concerns_rights);
    manifests::apply(bed, &documents, &[])
}

/// Applies the operator's ServiceAccount and its rules with these components. Callers of the returned front are that
/// ServiceAccount.
pub(crate) async fn grant(bed: &TestBed, components: &[&str]) -> Result<Front> {
    apply(bed, components)?;
    bed.front_as(USER).await
}
