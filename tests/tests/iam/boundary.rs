//! Proves that `require-boundary.json` covers every role that another shipped policy lets the operator write. Reads files.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

fn statements(file: &str) -> Result<Vec<Value>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/aws");
    let policy: Value = serde_json::from_str(&std::fs::read_to_string(directory.join(file))?)?;
    let statements = policy.pointer("/Statement").and_then(Value::as_array);
    statements.cloned().context("statements")
}

fn listed(value: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match value {
        Value::Array(all) => all.iter().filter_map(text).collect(),
        one => text(one).into_iter().collect(),
    }
}

#[test]
fn boundary_policy_covers_every_writable_role() -> Result<()> {
    let denied = statements("require-boundary.json")?;
    let is_covered = |action: &str, role: &str| {
        denied.iter().any(|statement| {
            let resources = listed(&statement["Resource"]);
            let mut prefixes = resources.iter().map(|resource| resource.trim_end_matches('*'));
            listed(&statement["Action"]).iter().any(|denied| denied == action)
                && prefixes.any(|prefix| role.starts_with(prefix))
        })
    };
    let actions: Vec<String> = denied
        .iter()
        .flat_map(|statement| listed(&statement["Action"]))
        .collect();
    for file in ["read-write.json", "off-eks.json"] {
        for statement in statements(file)? {
            for action in listed(&statement["Action"])
                .iter()
                .filter(|action| actions.contains(action))
            {
                for role in listed(&statement["Resource"]) {
                    ensure!(is_covered(action, &role), "{file} allows {action} on {role}");
                }
            }
        }
    }
    // An adopted role (config/aws/README.md#adopted-roles).
    ensure!(is_covered(
        "iam:AttachRolePolicy",
        "arn:aws:iam::ACCOUNT:role/legacy/*"
    ));
    Ok(())
}
