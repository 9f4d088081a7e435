//! An earlier result of `audit`. Input: its JSON. Output: its findings and its totals. Reads one file.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::gate::Known;
use super::item::key;
use crate::error::CliError;

/// The kind of the envelope.
pub(super) const KIND: &str = "Audit";

/// The earlier result, as far as it is compared.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Earlier {
    /// Its time, as it was written.
    pub taken_at: String,
    /// Its findings.
    pub known: Known,
    /// The number of its items that use AWS, by effective form.
    pub forms: BTreeMap<String, usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    kind: String,
    taken_at: String,
    items: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    namespace: String,
    kind: String,
    name: String,
    container: String,
    effective: String,
    uses_aws: bool,
    findings: Vec<Finding>,
}

#[derive(Deserialize)]
struct Finding {
    code: String,
}

impl Earlier {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, CliError> {
        let file = |source| CliError::File {
            path: path.to_owned(),
            source,
        };
        let text = std::fs::read_to_string(path).map_err(file)?;
        Self::parse(&text).map_err(|cause| {
            let path = path.display();
            CliError::Usage(format!(
                "--since {path} is not the JSON of kubectl lanyard audit: {cause}"
            ))
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if file.kind != KIND {
            return Err(format!("its kind is {}", file.kind));
        }
        let mut earlier = Self {
            taken_at: file.taken_at,
            ..Self::default()
        };
        for item in file.items {
            let key = key([&item.namespace, &item.kind, &item.name, &item.container]);
            let codes = item
                .findings
                .into_iter()
                .map(|finding| (key.clone(), finding.code));
            earlier.known.extend(codes);
            *earlier.forms.entry(item.effective).or_default() += usize::from(item.uses_aws);
        }
        Ok(earlier)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use lanyard_core::audit::AuditCode;

    use super::super::item::testing::item;
    use super::*;
    use crate::envelope::Envelope;

    #[test]
    fn result_is_read_back() {
        let items = vec![item(&[AuditCode::Ly701])];
        let known = items[0].key();
        let envelope = Envelope::new(KIND, None, Timestamp::UNIX_EPOCH, Vec::new(), items);
        let earlier = Earlier::parse(&serde_json::to_string(&envelope).unwrap()).unwrap();
        assert_eq!(earlier.known, Known::from([(known, "LY701".to_owned())]));
        assert_eq!(earlier.forms, [("IRSA".to_owned(), 1)].into());
        assert_eq!(earlier.taken_at, "1970-01-01T00:00:00Z");
    }

    #[test]
    fn other_file_is_refused() {
        let other = r#"{"kind":"Plan","takenAt":"x","items":[]}"#;
        assert_eq!(Earlier::parse(other).unwrap_err(), "its kind is Plan");
        assert!(Earlier::parse("{").is_err());
    }
}
