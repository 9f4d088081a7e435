//! The defects of a policy document, and the helpers to describe them.
//! Input: paths and JSON values; output: defects and texts. No I/O.

use serde_json::{Map, Value};

use crate::text::quote;

/// The kind of a policy, which determines the allowed elements and the size limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An inline policy of a role.
    Identity,
    /// The trust policy of a role.
    Trust,
    /// The session policy of a Pod Identity association.
    Session,
}

impl Kind {
    /// The name in messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Identity => "an inline policy",
            Self::Trust => "a trust policy",
            Self::Session => "a session policy",
        }
    }
}

/// One defect of a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Defect {
    /// The path in the document, such as `Statement[0].Resource`; empty for the whole document.
    pub place: String,
    /// The problem and the next action, as full sentences.
    pub problem: String,
}

/// The defects of one document.
pub(super) struct Report {
    pub kind: Kind,
    pub defects: Vec<Defect>,
}

impl Report {
    pub fn add(&mut self, place: &str, problem: impl Into<String>) {
        self.defects.push(Defect {
            place: place.to_owned(),
            problem: problem.into(),
        });
    }
}

/// Reports the keys of an object that are not known.
pub(super) fn unknown_keys(object: &Map<String, Value>, place: &str, known: &[&str], report: &mut Report) {
    for key in object.keys().filter(|key| !known.contains(&key.as_str())) {
        let singular = key.strip_suffix('s').unwrap_or(key);
        let meant = known
            .iter()
            .find(|k| k.eq_ignore_ascii_case(key) || k.eq_ignore_ascii_case(singular));
        let problem = match meant {
            Some(meant) => format!(
                "`{}` is not an element of a policy; did you mean `{meant}`?",
                quote(key)
            ),
            None => format!("`{}` is not an element of a policy; remove it.", quote(key)),
        };
        report.add(&join(place, key), problem);
    }
}

/// The path of a key in an object.
pub(super) fn join(place: &str, key: &str) -> String {
    let key = quote(key);
    if place.is_empty() {
        key
    } else {
        format!("{place}.{key}")
    }
}

/// The type of a JSON value, for messages.
pub(super) fn form(value: &Value) -> &'static str {
    match value {
        Value::Null => "empty",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
