//! What IAM would refuse in a policy document, or what is surely not what its author meant.
//! A JSON value and the kind of policy in, defects out, each with its place; no I/O. Called by `validate`.
//!
//! A rule stands here only when IAM's grammar or error messages say so (docs/dev/aws-behaviour.md#iam-limits, docs/dev/aws-behaviour.md#document-normalisation, docs/dev/aws-behaviour.md#document-comparison): a document that IAM
//! takes must pass. Whether a policy is wise is the class's business, not this module's.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::document::Document;
use super::wildcard::has_variable;
use crate::text::quote;

mod condition;
mod statement;
#[cfg(test)]
mod tests;

/// The sum of all inline policies of one role, in characters without white space (docs/dev/aws-behaviour.md#iam-limits).
pub const INLINE_TOTAL: usize = 10_240;

/// A role's trust policy, in characters without white space: the default quota, which can be raised (docs/dev/aws-behaviour.md#irsa-trust).
pub const TRUST_DEFAULT: usize = 2_048;

/// The session policy of a Pod Identity association, in characters (docs/dev/aws-behaviour.md#session-policy).
pub const SESSION: usize = 2_048;

/// The kinds of policy that Lanyard writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An inline policy of a role.
    Identity,
    /// A role's trust policy.
    Trust,
    /// The session policy of a Pod Identity association.
    Session,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Identity => "an inline policy",
            Self::Trust => "a trust policy",
            Self::Session => "a session policy",
        }
    }
}

/// One thing that is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Defect {
    /// Where in the document, such as `Statement[0].Resource`; empty for the document as a whole.
    pub place: String,
    /// What is wrong and what to do, as full sentences.
    pub problem: String,
}

/// The defects of one document, collected while it is walked.
struct Report {
    kind: Kind,
    defects: Vec<Defect>,
}

impl Report {
    fn add(&mut self, place: &str, problem: impl Into<String>) {
        self.defects.push(Defect {
            place: place.to_owned(),
            problem: problem.into(),
        });
    }
}

/// Everything that is wrong with a document, in the order of its elements; nothing when IAM should take it.
#[must_use]
pub fn lint(document: &Value, kind: Kind) -> Vec<Defect> {
    let mut report = Report {
        kind,
        defects: Vec::new(),
    };
    match document {
        Value::Object(object) => elements(object, document, &mut report),
        other => report.add(
            "",
            format!("A policy document is an object, but this is {}.", form(other)),
        ),
    }
    report.defects
}

fn elements(object: &Map<String, Value>, document: &Value, report: &mut Report) {
    unknown_keys(object, "", &["Version", "Id", "Statement"], report);
    if object.contains_key("Id") && report.kind != Kind::Trust {
        report.add(
            "Id",
            format!("`Id` is not allowed in {}; remove it.", report.kind.name()),
        );
    }
    version(object.get("Version"), document, report);
    match object.get("Statement") {
        None => report.add(
            "Statement",
            "`Statement` is missing; a policy needs at least one statement.",
        ),
        Some(Value::Array(items)) if items.is_empty() => {
            report.add(
                "Statement",
                "`Statement` is empty; a policy needs at least one statement.",
            );
        }
        Some(Value::Array(items)) => {
            for (at, item) in items.iter().enumerate() {
                statement::check(item, &format!("Statement[{at}]"), report);
            }
            sids(items, report);
        }
        Some(single) => statement::check(single, "Statement", report),
    }
    characters(document, "", report);
    size(document, report);
}

fn version(version: Option<&Value>, document: &Value, report: &mut Report) {
    match version.map(Value::as_str) {
        Some(Some("2012-10-17")) => {}
        None | Some(Some("2008-10-17")) if uses_variable(document) => report.add(
            "Version",
            "The document uses policy variables (`${...}`), which are plain text before version 2012-10-17; set `Version` to \"2012-10-17\".",
        ),
        None | Some(Some("2008-10-17")) => {}
        Some(_) => report.add("Version", "`Version` must be the text \"2012-10-17\" (or the old \"2008-10-17\")."),
    }
}

/// Whether a variable stands where variables work: in resources and in condition values.
fn uses_variable(document: &Value) -> bool {
    fn any_text(value: &Value) -> bool {
        match value {
            Value::String(text) => has_variable(text),
            Value::Array(items) => items.iter().any(any_text),
            Value::Object(object) => object.values().any(any_text),
            _ => false,
        }
    }
    let statements = match document.get("Statement") {
        Some(Value::Array(items)) => items.as_slice(),
        Some(single) => std::slice::from_ref(single),
        None => &[],
    };
    let places = ["Resource", "NotResource", "Condition"];
    statements.iter().any(|statement| {
        places
            .iter()
            .filter_map(|place| statement.get(place))
            .any(any_text)
    })
}

fn sids(statements: &[Value], report: &mut Report) {
    let mut seen = BTreeSet::new();
    for (at, statement) in statements.iter().enumerate() {
        let sid = statement
            .get("Sid")
            .and_then(Value::as_str)
            .filter(|sid| !sid.is_empty());
        if let Some(sid) = sid.filter(|sid| !seen.insert(*sid)) {
            let sid = quote(sid);
            report.add(
                &format!("Statement[{at}].Sid"),
                format!(
                    "The Sid `{sid}` stands on an earlier statement too; each must be unique, or left out."
                ),
            );
        }
    }
}

/// IAM takes tab, line feed, carriage return and U+0020 to U+00FF only (docs/dev/aws-behaviour.md#iam-limits).
fn characters(value: &Value, place: &str, report: &mut Report) {
    let mut check = |text: &str| {
        let refused = |c: &char| !matches!(*c, '\t' | '\n' | '\r' | '\u{20}'..='\u{ff}');
        if let Some(c) = text.chars().find(refused) {
            let code = u32::from(c);
            report.add(
                place,
                format!(
                    "The character U+{code:04X} is refused by IAM, which takes tab, line breaks and U+0020 to U+00FF only; replace it."
                ),
            );
        }
    };
    match value {
        Value::String(text) => check(text),
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                characters(item, &format!("{place}[{at}]"), report);
            }
        }
        Value::Object(object) => {
            object.keys().for_each(|key| check(key));
            for (key, item) in object {
                characters(item, &join(place, key), report);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn size(document: &Value, report: &mut Report) {
    let Ok(document) = Document::from_value(document.clone()) else {
        return;
    };
    let (size, limit, what) = match report.kind {
        Kind::Identity => (
            document.size(),
            INLINE_TOTAL,
            "all inline policies of a role may have together",
        ),
        Kind::Session => (
            document.to_json().chars().count(),
            SESSION,
            "a session policy may have",
        ),
        // The quota of trust policies can be raised, so only the account's own number could say.
        Kind::Trust => return,
    };
    if size > limit {
        report.add(
            "",
            format!("The document has {size} characters, but {limit} is the most that {what}; shorten it."),
        );
    }
}

fn unknown_keys(object: &Map<String, Value>, place: &str, known: &[&str], report: &mut Report) {
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

/// The place of a key inside another place.
fn join(place: &str, key: &str) -> String {
    let key = quote(key);
    if place.is_empty() {
        key
    } else {
        format!("{place}.{key}")
    }
}

/// What a JSON value is, for people.
fn form(value: &Value) -> &'static str {
    match value {
        Value::Null => "empty",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
