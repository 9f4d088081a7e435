//! `MaskedKey`: an access key id of AWS as it may be shown. Text in; eight characters out. No I/O.

use std::fmt;

/// The beginnings of the ids of access keys: of users, and of temporary credentials (IAM User Guide, "IAM identifiers").
const PREFIXES: [&str; 2] = ["AKIA", "ASIA"];
/// The length of an id.
const LENGTH: usize = 20;
/// The characters at the end that are kept.
const END: usize = 4;

/// The first and the last four characters of an access key id. The others are not kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MaskedKey {
    prefix: &'static str,
    end: String,
}

impl MaskedKey {
    /// The first access key id in a text. Returns `None` if it has none.
    #[must_use]
    pub fn find(text: &str) -> Option<Self> {
        let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
        words.find_map(Self::of)
    }

    fn of(word: &str) -> Option<Self> {
        let prefix = PREFIXES.into_iter().find(|prefix| word.starts_with(prefix))?;
        let is_id = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
        if word.len() != LENGTH || !word.chars().all(is_id) {
            return None;
        }
        let end = word.get(LENGTH - END..)?.to_owned();
        Some(Self { prefix, end })
    }
}

impl fmt::Display for MaskedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…{}", self.prefix, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_id_is_found_and_masked() {
        for text in ["AKIAIOSFODNN7EXAMPLE", "--key=AKIAIOSFODNN7EXAMPLE;x"] {
            let key = MaskedKey::find(text).unwrap();
            assert_eq!(key.to_string(), "AKIA…MPLE");
            assert!(!format!("{key:?}").contains("IOSFODNN7"));
        }
        assert_eq!(
            MaskedKey::find("ASIAIOSFODNN7EXAMPLE").unwrap().to_string(),
            "ASIA…MPLE"
        );
    }

    #[test]
    fn other_text_is_no_key_id() {
        for text in [
            "",
            "minio",
            "AKIA",
            "AKIAIOSFODNN7EXAMPL",
            "AKIAIOSFODNN7EXAMPLEX",
            "akiaiosfodnn7example",
            "XAKIAIOSFODNN7EXAMPLE",
        ] {
            assert_eq!(MaskedKey::find(text), None, "{text}");
        }
    }
}
