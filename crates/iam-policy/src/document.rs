//! A policy document as written: reading and writing lose, reorder and normalise nothing. Input: JSON text, a JSON
//! value or the URL-encoded text of IAM; output: a document. No I/O. `==` compares the written form; for the meaning
//! see the module `canonical`.

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::json::{self, Ordered, Strict};
use crate::text::quote;

/// The error for a text that is not a policy document.
#[derive(Debug, Error)]
pub enum DocumentError {
    /// The text is not JSON, or is JSON that cannot be kept without loss (a duplicate key, a huge number).
    #[error("the policy document is not valid JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    /// The URL-encoded bytes are not UTF-8.
    #[error("the URL-encoded policy document is not UTF-8: {0}")]
    NotUtf8(#[from] std::str::Utf8Error),
    /// The JSON is a list, a string or another scalar.
    #[error("the policy document is not a JSON object")]
    NotAnObject,
}

/// A policy document as written, including unknown elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// All top-level elements except `Statement`.
    elements: Map<String, Value>,
    statements: Vec<Statement>,
    shape: Shape,
}

/// The written form of `Statement`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// The document has no `Statement`; AWS returns `{}` in some cases.
    Absent,
    /// A single statement without a list.
    Single,
    List,
}

/// One statement as written. The value may be any JSON, even a value that is not a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement(Value);

impl Document {
    /// Parses JSON text.
    ///
    /// # Errors
    /// Returns an error if the text is not JSON, is not an object, or cannot be kept without loss.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        let Strict(value) = serde_json::from_str(text)?;
        Self::from_value(value)
    }

    /// Parses the text that IAM returns: JSON, URL-encoded as in RFC 3986, so that `+` is a plus sign.
    ///
    /// An encoded document begins with `%7B`; text that begins with `{` is not encoded.
    ///
    /// # Errors
    /// Returns the errors of [`Document::parse`], and an error if the decoded bytes are not UTF-8.
    pub fn decode(text: &str) -> Result<Self, DocumentError> {
        if text.trim_start().starts_with('{') {
            return Self::parse(text);
        }
        Self::parse(&percent_decode_str(text).decode_utf8()?)
    }

    /// Converts a JSON value to a document.
    ///
    /// # Errors
    /// Returns an error if the value is not an object.
    pub fn from_value(value: Value) -> Result<Self, DocumentError> {
        let Value::Object(mut elements) = value else {
            return Err(DocumentError::NotAnObject);
        };
        let (shape, statements) = match elements.remove("Statement") {
            None => (Shape::Absent, Vec::new()),
            Some(Value::Array(items)) => (Shape::List, items.into_iter().map(Statement).collect()),
            Some(single) => (Shape::Single, vec![Statement(single)]),
        };
        Ok(Self {
            elements,
            statements,
            shape,
        })
    }

    /// A document of version `2012-10-17` with these statements.
    #[must_use]
    pub fn of(statements: Vec<Statement>) -> Self {
        let elements = Map::from_iter([("Version".to_owned(), Value::from("2012-10-17"))]);
        Self {
            elements,
            statements,
            shape: Shape::List,
        }
    }

    /// The statements in written order.
    #[must_use]
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// The first statement with this `Sid`.
    #[must_use]
    pub fn statement(&self, sid: &str) -> Option<&Statement> {
        self.statements
            .iter()
            .find(|statement| statement.sid() == Some(sid))
    }

    /// The same document with this statement in place of those with its `Sid`, or at the end if there are none.
    #[must_use]
    pub fn with_statement(mut self, statement: Statement) -> Self {
        let sid = statement.sid().map(str::to_owned);
        let same = |other: &Statement| sid.is_some() && other.sid() == sid.as_deref();
        let at = self
            .statements
            .iter()
            .position(same)
            .unwrap_or(self.statements.len());
        self.statements.retain(|other| !same(other));
        self.statements.insert(at, statement);
        self.shape = Shape::List;
        self
    }

    /// The same document without the statements that have this `Sid`.
    #[must_use]
    pub fn without_statement(mut self, sid: &str) -> Self {
        self.retain(|statement| statement.sid() != Some(sid));
        self
    }

    /// Keeps only the statements for which `keep` returns true.
    pub fn retain(&mut self, keep: impl FnMut(&Statement) -> bool) {
        let before = self.statements.len();
        self.statements.retain(keep);
        if self.statements.len() < before {
            self.shape = Shape::List;
        }
    }

    /// The same document with each statement replaced by the result of `change`, and dropped for `None`.
    #[must_use]
    pub fn filter_map(mut self, change: impl FnMut(&Statement) -> Option<Statement>) -> Self {
        let before = self.statements.len();
        self.statements = self.statements.iter().filter_map(change).collect();
        if self.statements.len() < before {
            self.shape = Shape::List;
        }
        self
    }

    /// A top-level element such as `Version`, as written, except `Statement`.
    #[must_use]
    pub fn element(&self, name: &str) -> Option<&Value> {
        self.elements.get(name)
    }

    /// The names of all top-level elements except `Statement`.
    pub fn elements(&self) -> impl Iterator<Item = &str> {
        self.elements.keys().map(String::as_str)
    }

    /// The document as a JSON value.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut object = self.elements.clone();
        let mut values = self.statements.iter().map(|statement| statement.0.clone());
        match self.shape {
            Shape::Absent => None,
            Shape::Single => values
                .next()
                .and_then(|single| object.insert("Statement".to_owned(), single)),
            Shape::List => object.insert("Statement".to_owned(), values.collect()),
        };
        Value::Object(object)
    }

    /// Minified JSON, the same text for equal documents.
    #[must_use]
    pub fn to_json(&self) -> String {
        json::text(&self.to_value())
    }

    /// The size that counts towards IAM quotas: characters without white space
    /// (docs/dev/aws-behaviour.md#iam-limits).
    ///
    /// Spaces inside strings are not counted either, since the quota page makes no exception for them.
    #[must_use]
    pub fn size(&self) -> usize {
        self.to_json()
            .chars()
            .filter(|c| !c.is_ascii_whitespace())
            .count()
    }
}

impl Statement {
    /// Creates a statement from its elements.
    #[must_use]
    pub fn new(elements: Map<String, Value>) -> Self {
        Self(Value::Object(elements))
    }

    /// The `Sid`. Returns `None` if it is missing or not text.
    #[must_use]
    pub fn sid(&self) -> Option<&str> {
        self.element("Sid").and_then(Value::as_str)
    }

    /// One element, such as `Condition`, as written.
    #[must_use]
    pub fn element(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The same statement without one of its elements.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        let mut value = self.0.clone();
        if let Some(elements) = value.as_object_mut() {
            drop(elements.remove(name));
        }
        Self(value)
    }

    /// The whole statement as a JSON value.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// Minified JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        json::text(&self.0)
    }

    /// The name of a statement in messages: its `Sid` if it has one, else its index in the document.
    #[must_use]
    pub fn label(&self, index: usize) -> String {
        match self.sid() {
            Some(sid) if !sid.is_empty() => format!("Statement[Sid={}]", quote(sid)),
            _ => format!("Statement[{index}]"),
        }
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Ordered(&self.to_value()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Strict(value) = Strict::deserialize(deserializer)?;
        Self::from_value(value).map_err(serde::de::Error::custom)
    }
}

impl Serialize for Statement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Ordered(&self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Statement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Strict::deserialize(deserializer).map(|Strict(value)| Self(value))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(value: Value) -> Document {
        Document::from_value(value).unwrap()
    }

    #[test]
    fn parsed_document_keeps_every_element() {
        let text = r#"{"Version":"2012-10-17","Id":"x","Statement":{"Sid":"a b","Effect":"Allow","Action":["x:y"],"New":[1,null,{"a":1.5}]},"Extra":true}"#;
        assert_eq!(Document::parse(text).unwrap().to_json(), text);
    }

    #[test]
    fn equal_documents_have_equal_text_for_any_key_order() {
        let a = Document::parse(r#"{"Statement":[{"Action":"x:y","Effect":"Deny"}],"Version":"2012-10-17"}"#)
            .unwrap();
        let b = Document::parse(r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"x:y"}]}"#)
            .unwrap();
        assert_eq!(a, b);
        assert_eq!(a.to_json(), b.to_json());
        assert!(
            a.to_json()
                .starts_with(r#"{"Version":"2012-10-17","Statement":[{"Effect":"#)
        );
    }

    #[test]
    fn decode_removes_url_encoding_and_keeps_plus() {
        let encoded = "%7B%22Statement%22%3A%7B%22Sid%22%3A%22a+b%C3%A9%22%7D%7D";
        assert_eq!(
            Document::decode(encoded).unwrap(),
            document(json!({"Statement": {"Sid": "a+bé"}}))
        );
    }

    #[test]
    fn decode_of_plain_text_parses_it_unchanged() {
        let plain = r#" {"Statement":{"Action":"a:%2A"}}"#;
        assert_eq!(
            Document::decode(plain).unwrap(),
            document(json!({"Statement": {"Action": "a:%2A"}}))
        );
    }

    #[test]
    fn parse_with_loss_is_rejected() {
        for text in [
            r#"{"Statement":[],"Statement":[]}"#,
            r#"{"Statement":[{"Effect":"Allow","Effect":"Deny"}]}"#,
            r#"{"Statement":{"Condition":{"NumericEquals":{"a:b":123456789012345678901234567890}}}}"#,
        ] {
            assert!(
                matches!(Document::parse(text), Err(DocumentError::NotJson(_))),
                "{text}"
            );
        }
        assert!(matches!(Document::parse("[]"), Err(DocumentError::NotAnObject)));
        assert!(matches!(Document::decode("%FF"), Err(DocumentError::NotUtf8(_))));
    }

    #[test]
    fn size_ignores_white_space() {
        let spread = "{ \"Version\" : \"2012-10-17\",\n\t\"Statement\" : [ ] }";
        assert_eq!(
            Document::parse(spread).unwrap().size(),
            r#"{"Version":"2012-10-17","Statement":[]}"#.len()
        );
    }

    #[test]
    fn statement_is_found_replaced_and_removed_by_sid() {
        let with = |action: &str| {
            Statement::new(Map::from_iter([
                ("Sid".to_owned(), json!("Mine")),
                ("Action".to_owned(), json!(action)),
            ]))
        };
        let theirs = document(json!({"Version": "2012-10-17", "Statement": {"Sid": "Theirs"}}));
        let both = theirs.clone().with_statement(with("a:b"));
        assert_eq!(both.statements().len(), 2);
        let changed = both.with_statement(with("a:c"));
        assert_eq!(changed.statements().len(), 2);
        assert_eq!(
            changed.statement("Mine").and_then(|s| s.element("Action")),
            Some(&json!("a:c"))
        );
        let without = changed.without_statement("Mine");
        assert_eq!(without.statement("Mine"), None);
        assert_eq!(without.statements(), theirs.statements());
    }

    #[test]
    fn document_round_trips_through_serde() {
        let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow"}}"#;
        let read: Document = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        assert!(serde_json::from_str::<Document>("[]").is_err());
    }
}
