//! Manifests in files: WorkloadIdentities and what belongs to them. Input: files, directories or stdin. Output: objects, or an
//! error with file, line and column. Reads files.

mod checked;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use kube::Resource;
use lanyard_api::{WorkloadIdentity, WorkloadIdentityClass};
use serde_json::Value;

use crate::error::CliError;
use checked::CheckedObject;

/// The path that stands for stdin.
const STDIN: &str = "-";

/// An object of a file.
#[derive(Debug, Clone)]
pub(crate) struct FileObject {
    /// The path of the file.
    pub path: String,
    /// The object.
    pub object: Value,
}

/// The objects of all files.
#[derive(Debug, Default)]
pub(crate) struct Manifests {
    /// WorkloadIdentities.
    pub identities: Vec<FileObject>,
    /// Classes.
    pub classes: Vec<FileObject>,
    /// ServiceAccounts.
    pub service_accounts: Vec<FileObject>,
    /// Namespaces.
    pub namespaces: Vec<FileObject>,
    /// The number of objects of every other kind.
    pub other: BTreeMap<String, usize>,
}

impl FileObject {
    /// A text of the metadata.
    pub fn metadata(&self, field: &str) -> Option<&str> {
        self.object.get("metadata")?.get(field)?.as_str()
    }
}

/// Reads the objects of these paths. A directory stands for the YAML and JSON files in it.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Manifests, CliError> {
    let mut manifests = Manifests::default();
    for path in paths {
        if path.as_os_str() == STDIN {
            let mut text = String::new();
            let read = io::stdin().read_to_string(&mut text);
            read.map_err(|source| CliError::File {
                path: path.clone(),
                source,
            })?;
            manifests.add(path, &text)?;
            continue;
        }
        for path in files(path)? {
            let text = fs::read_to_string(&path).map_err(|source| CliError::File {
                path: path.clone(),
                source,
            })?;
            manifests.add(&path, &text)?;
        }
    }
    Ok(manifests)
}

/// The file itself, or the manifests of a directory and its subdirectories, in the order of their names.
fn files(path: &Path) -> Result<Vec<PathBuf>, CliError> {
    let failed = |source| CliError::File {
        path: path.to_owned(),
        source,
    };
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut entries = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        entries.push(entry.map_err(failed)?.path());
    }
    entries.sort();
    let mut found = Vec::new();
    for entry in entries {
        let extension = entry.extension().and_then(|extension| extension.to_str());
        if entry.is_dir() {
            found.extend(files(&entry)?);
        } else if matches!(extension, Some("yaml" | "yml" | "json")) {
            found.push(entry);
        }
    }
    Ok(found)
}

impl Manifests {
    fn add(&mut self, path: &Path, text: &str) -> Result<(), CliError> {
        let path = path.display().to_string();
        let documents = serde_saphyr::from_multiple::<CheckedObject>(text);
        let documents = documents.map_err(|error| CliError::Manifest(message(&path, &error)))?;
        for CheckedObject(object) in documents {
            self.add_object(&path, object)?;
        }
        Ok(())
    }

    fn add_object(&mut self, path: &str, object: Value) -> Result<(), CliError> {
        let text = |field: &str| {
            object
                .get(field)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let (version, kind) = (text("apiVersion"), text("kind"));
        if let ("List", Some(items)) = (kind.as_str(), object.get("items").and_then(Value::as_array)) {
            return items
                .clone()
                .into_iter()
                .try_for_each(|item| self.add_object(path, item));
        }
        let ours = WorkloadIdentity::api_version(&()).into_owned();
        let is = |of: &str, named: &str| version == of && kind == named;
        let list = if is(&ours, &WorkloadIdentity::kind(&())) {
            &mut self.identities
        } else if is(&ours, &WorkloadIdentityClass::kind(&())) {
            &mut self.classes
        } else if is("v1", "ServiceAccount") {
            &mut self.service_accounts
        } else if is("v1", "Namespace") {
            &mut self.namespaces
        } else {
            let kind = if kind.is_empty() {
                "no kind".to_owned()
            } else {
                kind
            };
            *self.other.entry(kind).or_default() += 1;
            return Ok(());
        };
        let object = FileObject {
            path: path.to_owned(),
            object,
        };
        if object.metadata("name").is_none() {
            return Err(CliError::Manifest(format!(
                "{path}: a {kind} has no metadata.name"
            )));
        }
        list.push(object);
        Ok(())
    }

    /// The kinds of all other objects with their number, for messages.
    pub fn other_kinds(&self) -> String {
        let kinds: Vec<String> = self
            .other
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        kinds.join(", ")
    }
}

/// The message of a YAML error, with file, line and column, and the lines of the file.
fn message(path: &str, error: &serde_saphyr::Error) -> String {
    let plain = error.without_snippet().to_string();
    match error.location() {
        Some(at) => format!("{path}:{}:{}: {plain}", at.line(), at.column()),
        None => format!("{path}: {plain}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Manifests, CliError> {
        let mut manifests = Manifests::default();
        manifests.add(Path::new("app.yaml"), text)?;
        Ok(manifests)
    }

    const IDENTITY: &str =
        "apiVersion: lanyard.dev/v1alpha1\nkind: WorkloadIdentity\nmetadata:\n  name: orders\nspec:\n";

    #[test]
    fn objects_are_sorted_by_kind_and_the_rest_is_counted() {
        let text = format!(
            "{IDENTITY}  role: {{managed: {{}}}}\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: orders}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: x}}\n"
        );
        let manifests = parse(&text).unwrap();
        assert_eq!(
            (manifests.identities.len(), manifests.service_accounts.len()),
            (1, 1)
        );
        assert_eq!(manifests.other_kinds(), "1 Deployment");
    }

    #[test]
    fn unknown_field_is_reported_with_its_place_and_the_nearest_name() {
        let text = format!("{IDENTITY}  role:\n    managed:\n      policyArn: [a]\n");
        let message = parse(&text).unwrap_err().to_string();
        assert!(message.starts_with("app.yaml:8:7: "), "{message}");
        assert!(
            message.contains("unknown field \"policyArn\" in spec.role.managed; nearest: policyArns"),
            "{message}"
        );
    }

    #[test]
    fn wrong_type_and_unknown_value_are_reported_with_their_place() {
        let wrong = parse(&format!("{IDENTITY}  suspend: soon\n  role: {{managed: {{}}}}\n"))
            .unwrap_err()
            .to_string();
        assert!(
            wrong.starts_with("app.yaml:6:12: ") && wrong.contains("spec.suspend must be a boolean"),
            "{wrong}"
        );
        let wrong = parse(&format!(
            "{IDENTITY}  method: PodIdentiy\n  role: {{managed: {{}}}}\n"
        ))
        .unwrap_err()
        .to_string();
        assert!(
            wrong.contains("spec.method must be one of IRSA, PodIdentity"),
            "{wrong}"
        );
    }

    #[test]
    fn broken_yaml_is_reported_with_its_place() {
        let message = parse("a: [1\nb: 2\n").unwrap_err().to_string();
        assert!(message.starts_with("app.yaml:"), "{message}");
    }
}
