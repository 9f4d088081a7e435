//! The IAM policies that are shipped, filled in for the test bed. A file's name in, JSON out. Reads files.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

/// A policy of `config/aws`, filled in for the test bed; without its resources, which the emulator does not judge as AWS does.
///
/// # Errors
/// When there is no such file, or it is no JSON.
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
