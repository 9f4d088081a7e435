//! The shipped IAM policies, filled in for the test bed. Input: a file name. Output: JSON. Reads files.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

/// A policy of `config/aws`, filled in for the test bed. All resources become `*`, because the emulator does not evaluate
/// resources as AWS does.
///
/// # Errors
/// Returns an error if the file does not exist or is no JSON.
pub fn policy(file: &str) -> Result<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../config/aws")
        .join(file);
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let filled = text
        .replace("ACCOUNT", "000000000000")
        .replace("REGION", "us-east-1")
        .replace("CLUSTER", "lanyard");
    let mut policy: Value = serde_json::from_str(&filled)?;
    let statements = policy.pointer_mut("/Statement").and_then(Value::as_array_mut);
    for statement in statements.into_iter().flatten() {
        statement["Resource"] = Value::from("*");
    }
    Ok(policy)
}
