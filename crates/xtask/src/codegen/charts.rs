//! The files that the Helm charts share with the kustomizations: CRDs, RBAC rules and policies have one source.
//! The generated CRDs and dashboards, and files of `config/` in; copies in the charts out. Reads files.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::generated::Generated;

/// The file in the chart `lanyard`, and its source in `config/`.
const COPIES: [(&str, &str); 17] = [
    ("rbac-cluster.yaml", "operator/rbac-cluster.yaml"),
    ("rbac-info.yaml", "operator/rbac-info.yaml"),
    ("rbac-info-reader.yaml", "operator/rbac-info-reader.yaml"),
    ("rbac-kube-system.yaml", "operator/rbac-kube-system.yaml"),
    ("rbac-users.yaml", "operator/rbac-users.yaml"),
    ("rbac-restart.yaml", "components/restart/rbac.yaml"),
    ("rbac-token-clients.yaml", "components/token-clients/rbac.yaml"),
    ("rbac-off-eks.yaml", "components/off-eks/rbac.yaml"),
    ("rbac-tenants.yaml", "components/tenants/rbac.yaml"),
    (
        "network-policy.yaml",
        "components/network-policy/network-policy.yaml",
    ),
    ("flow-schema.yaml", "components/flow-schema/flow-schema.yaml"),
    ("guardrails.yaml", "admission/guardrails.yaml"),
    ("role-annotation.yaml", "admission/role-annotation.yaml"),
    ("pods-wait.yaml", "admission/pods-wait.yaml"),
    ("self-restraint.yaml", "components/self-restraint/policy.yaml"),
    ("rules.yaml", "monitoring/rules.yaml"),
    ("pod-monitor.yaml", "monitoring/pod-monitor.yaml"),
];

/// The copies, by path from the root.
///
/// # Errors
/// When a source cannot be read.
pub(super) fn files(root: &Path, generated: &Generated) -> Result<Generated> {
    let mut copies = Generated::new();
    for (name, source) in COPIES {
        let path = root.join("config").join(source);
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        copies.insert(Path::new("config/helm/lanyard/files").join(name), text);
    }
    for (from, to) in [
        ("crds", "config/helm/lanyard-crds/files"),
        ("config/monitoring/dashboards", "config/helm/lanyard/files"),
    ] {
        for (path, text) in generated.iter().filter(|(path, _)| path.starts_with(from)) {
            let name = path.file_name().context("a generated file without a name")?;
            copies.insert(Path::new(to).join(name), text.clone());
        }
    }
    Ok(copies)
}
