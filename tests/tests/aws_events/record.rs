//! Queue messages: the records of `crates/core/tests/notices`, with the account, cluster and time of the test bed. Input:
//! the name of a record and the changed values. Output: the body of a message. Reads files.

use std::path::Path;

use anyhow::{Context, Result};
use jiff::{Timestamp, Unit};
use serde_json::{Value, json};

/// A record in its queue form, with other values at these JSON pointers.
pub fn record(name: &str, changes: &[(&str, Value)]) -> Result<String> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../crates/core/tests/notices/{name}.json"));
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let here = text
        .replace("111122223333", "000000000000")
        .replace("eu-west-1", "us-east-1");
    let mut record: Value = serde_json::from_str(&here)?;
    let now = Timestamp::now().round(Unit::Second)?.to_string();
    let usual = [("/time", json!(now)), ("/detail/eventTime", json!(now))];
    for (pointer, value) in usual.iter().chain(changes) {
        *record
            .pointer_mut(pointer)
            .with_context(|| (*pointer).to_owned())? = value.clone();
    }
    Ok(record.to_string())
}

/// A record of a call about a role.
pub fn of_role(name: &str, role: &str) -> Result<String> {
    record(name, &[("/detail/requestParameters/roleName", json!(role))])
}
