//! The input files of a scenario: YAML in, typed values out. Unknown files and keys are errors. Reads files.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The files that a scenario may have, apart from `expected/`.
const FILES: [&str; 4] = ["spec.yaml", "class.yaml", "before.yaml", "observed.yaml"];

/// Reads a file whose keys all belong to the type.
pub fn from_yaml<T: DeserializeOwned + Serialize>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let tree: Value =
        serde_saphyr::from_str(&text).with_context(|| format!("decoding {}", path.display()))?;
    typed(&tree).with_context(|| format!("decoding {}", path.display()))
}

/// Decodes a tree whose keys all belong to the type.
///
/// # Errors
///
/// Fails if the tree does not match the type, or if the type drops a key of it.
pub fn typed<T: DeserializeOwned + Serialize>(tree: &Value) -> Result<T> {
    let value: T = serde_json::from_value(tree.clone())?;
    let unknown = unknown_keys(tree, &serde_json::to_value(&value)?);
    ensure!(
        unknown.is_empty(),
        "unknown keys, or keys with their default value: {}",
        unknown.join(", ")
    );
    Ok(value)
}

/// Fails if a scenario has a file that the test does not read.
pub fn check_files(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        ensure!(
            name == "expected" || FILES.contains(&name),
            "unknown file {name}; a scenario has {}",
            FILES.join(", ")
        );
    }
    Ok(())
}

/// Overrides one tree by another: maps key by key, everything else as a whole. A fact is always a whole.
pub fn override_with(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) if !is_fact(&over) => {
            for (key, value) in over {
                override_with(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}

fn is_fact(map: &Map<String, Value>) -> bool {
    map.len() == 1 && (map.contains_key("present") || map.contains_key("unreadable"))
}

/// The paths of the keys that are in `written` and not in `read`. Null values are ignored.
fn unknown_keys(written: &Value, read: &Value) -> Vec<String> {
    match (written, read) {
        (Value::Object(written), Value::Object(read)) => written
            .iter()
            .filter(|(_, value)| !value.is_null())
            .flat_map(|(key, value)| match read.get(key) {
                Some(read) => prefixed(key, unknown_keys(value, read)),
                None => vec![key.clone()],
            })
            .collect(),
        // A set may change the order of a list, so each item is compared with the item that it matches best.
        (Value::Array(written), Value::Array(read)) => written
            .iter()
            .enumerate()
            .flat_map(|(at, item)| {
                let candidates = read.iter().map(|read| unknown_keys(item, read));
                let best = candidates.min_by_key(Vec::len).unwrap_or_default();
                prefixed(&at.to_string(), best)
            })
            .collect(),
        // A value that is written in another form, such as a duration.
        (_, _) => Vec::new(),
    }
}

fn prefixed(key: &str, paths: Vec<String>) -> Vec<String> {
    paths.into_iter().map(|path| format!("{key}.{path}")).collect()
}

#[cfg(test)]
mod tests {
    use lanyard_api::WorkloadIdentity;
    use lanyard_core::model::observed::Observed;
    use serde_json::json;

    use super::*;

    fn error_of<T: DeserializeOwned + Serialize>(tree: &Value) -> String {
        typed::<T>(tree)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    }

    #[test]
    fn misspelt_key_in_observed_is_rejected() {
        let mut world = serde_json::to_value(Observed::unread()).unwrap();
        assert_eq!(error_of::<Observed>(&world), "");
        override_with(
            &mut world,
            json!({"serviceAccount": {"present": {"anotations": {}}}}),
        );
        let error = error_of::<Observed>(&world);
        assert!(error.contains("serviceAccount.present.anotations"), "{error}");
        override_with(
            &mut world,
            json!({"serviceAccount": "absent", "provder": "absent"}),
        );
        let error = error_of::<Observed>(&world);
        assert!(error.contains("provder"), "{error}");
    }

    #[test]
    fn misspelt_key_in_spec_is_rejected() {
        let object = json!({
            "apiVersion": "lanyard.dev/v1alpha1",
            "kind": "WorkloadIdentity",
            "metadata": {"name": "orders"},
            "spec": {"metod": "IRSA", "role": {"existing": {"arn": "arn:aws:iam::111122223333:role/orders"}}},
        });
        let error = error_of::<WorkloadIdentity>(&object);
        assert!(error.contains("spec.metod"), "{error}");
    }
}
