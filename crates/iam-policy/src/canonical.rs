//! The canonical form of documents (docs/dev/aws-behaviour.md#document-comparison): equal for different notations of
//! the same meaning. Input: a document; output: its canonical form or digest. No I/O.
//!
//! Only documented equivalences are used, and none that needs an evaluation: `s3:Get*` differs from a list of the
//! actions it covers. A false difference costs a read; a false equality would hide a change of access.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::document::{Document, Statement};
use crate::json;
use crate::operator::{Family, Operator};
use crate::reading::{Effect, Reading, Sided, Test, read};
use crate::wildcard::is_pattern;

#[cfg(test)]
mod tests;

/// The length of a digest, in hex digits.
pub const DIGEST_LENGTH: usize = 16;

/// The canonical form of a document: the JSON text of a document with the same meaning.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CanonicalForm(String);

impl CanonicalForm {
    /// The canonical form as JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A short digest of the meaning: [`DIGEST_LENGTH`] hex digits.
    #[must_use]
    pub fn digest(&self) -> String {
        hex::encode(Sha256::digest(&self.0))
            .chars()
            .take(DIGEST_LENGTH)
            .collect()
    }
}

impl fmt::Display for CanonicalForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Document {
    /// The canonical form. Unknown elements stay as written, so such a document equals only itself.
    #[must_use]
    pub fn canonical_form(&self) -> CanonicalForm {
        let Some(version) = version(self) else {
            return CanonicalForm(self.to_json());
        };
        let statements: BTreeMap<String, Value> = self
            .statements()
            .iter()
            .map(canonical_statement)
            .map(|value| (json::text(&value), value))
            .collect();
        let mut document = Map::new();
        document.insert("Version".to_owned(), Value::from(version));
        document.insert("Statement".to_owned(), statements.into_values().collect());
        CanonicalForm(json::text(&Value::Object(document)))
    }
}

/// Returns true if two documents mean the same.
#[must_use]
pub fn same_meaning(a: &Document, b: &Document) -> bool {
    a.canonical_form() == b.canonical_form()
}

/// A short digest of a document's meaning: [`DIGEST_LENGTH`] hex digits.
#[must_use]
pub fn digest(document: &Document) -> String {
    document.canonical_form().digest()
}

/// The version of the policy language. Returns `None` if a top-level element is unknown.
///
/// A document without `Version` behaves as 2008-10-17, in which policy variables are plain text
/// (docs/dev/aws-behaviour.md#document-comparison).
pub(crate) fn version(document: &Document) -> Option<&'static str> {
    let known = |name: &str| name == "Version" || name == "Id";
    let id_is_text = document.element("Id").is_none_or(Value::is_string);
    if !id_is_text || !document.elements().all(known) {
        return None;
    }
    match document.element("Version").map(Value::as_str) {
        None | Some(Some("2008-10-17")) => Some("2008-10-17"),
        Some(Some("2012-10-17")) => Some("2012-10-17"),
        Some(_) => None,
    }
}

/// The canonical form of one statement without its `Sid`. An unknown statement stays as written.
pub(crate) fn canonical_statement(statement: &Statement) -> Value {
    read(statement.value()).map_or_else(|_| statement.value().clone(), |reading| written(&reading))
}

fn written(reading: &Reading) -> Value {
    let mut statement = Map::new();
    let effect = match reading.effect {
        Effect::Allow => "Allow",
        Effect::Deny => "Deny",
    };
    statement.insert("Effect".to_owned(), Value::from(effect));
    if let Some(principal) = &reading.principal {
        let (name, types) = named(principal, "Principal", "NotPrincipal");
        let types: Map<String, Value> = types
            .iter()
            .map(|(kind, ids)| {
                (
                    kind.clone(),
                    list(ids.iter().map(|id| canonical_principal(kind, id))),
                )
            })
            .collect();
        statement.insert(name.to_owned(), Value::Object(types));
    }
    let (name, actions) = named(&reading.action, "Action", "NotAction");
    statement.insert(
        name.to_owned(),
        list(actions.iter().map(|action| action.to_ascii_lowercase())),
    );
    if let Some(resource) = &reading.resource {
        let (name, resources) = named(resource, "Resource", "NotResource");
        statement.insert(name.to_owned(), list(resources.iter().cloned()));
    }
    if !reading.tests.is_empty() {
        statement.insert("Condition".to_owned(), condition(&reading.tests));
    }
    Value::Object(statement)
}

fn named<'a, T>(sided: &'a Sided<T>, these: &'static str, all_but: &'static str) -> (&'static str, &'a T) {
    match sided {
        Sided::These(it) => (these, it),
        Sided::AllBut(it) => (all_but, it),
    }
}

/// A sorted list without repetitions.
fn list(items: impl Iterator<Item = String>) -> Value {
    items.collect::<BTreeSet<String>>().into_iter().collect()
}

/// The ARN of an account is the long form of its ID. IDs are unique only within a partition, so the short form is
/// used only for the standard partition: elsewhere the two forms stay different.
fn canonical_principal(kind: &str, id: &str) -> String {
    let account = id
        .strip_prefix("arn:aws:iam::")
        .and_then(|rest| rest.strip_suffix(":root"));
    match account {
        Some(account) if kind == "AWS" && is_account(account) => account.to_owned(),
        _ => id.to_owned(),
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

fn condition(tests: &[Test]) -> Value {
    let mut operators: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for (operator, test) in folded(tests) {
        let keys = operators.entry(operator.to_string()).or_default();
        keys.insert(test.key.to_ascii_lowercase(), list(test.values.iter().cloned()));
    }
    operators
        .into_iter()
        .map(|(operator, keys)| (operator, Value::Object(keys)))
        .collect()
}

/// Each test with its operator in the canonical form.
///
/// Two tests of one key that would get the same operator keep their own, since an object cannot contain both.
pub(crate) fn folded(tests: &[Test]) -> Vec<(Operator, &Test)> {
    let folded: Vec<(Operator, String)> = tests
        .iter()
        .map(|test| (fold(test), test.key.to_ascii_lowercase()))
        .collect();
    let alone = |slot: &(Operator, String)| folded.iter().filter(|other| *other == slot).count() == 1;
    tests
        .iter()
        .zip(&folded)
        .map(|(test, slot)| (if alone(slot) { slot.0 } else { test.operator }, test))
        .collect()
}

/// `ArnEquals` is documented to behave as `ArnLike`; `StringLike` without a wildcard equals `StringEquals`.
fn fold(test: &Test) -> Operator {
    let operator = test.operator;
    let plain = !test.values.iter().any(|value| is_pattern(value));
    match (operator.family, operator.negated) {
        (Family::Arn, false) => operator.renamed("ArnLike"),
        (Family::Arn, true) => operator.renamed("ArnNotLike"),
        (Family::Pattern, false) if plain => operator.renamed("StringEquals"),
        (Family::Pattern, true) if plain => operator.renamed("StringNotEquals"),
        _ => operator,
    }
}
