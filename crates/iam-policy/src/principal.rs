//! Principals of deleted users and roles. IAM shows them by their unique ID (`AROA...`, `AIDA...`) and accepts no
//! document that names one (hashicorp/terraform-provider-aws#8905). Input: a statement; output: IDs, or the statement
//! without them. No I/O.

use serde_json::Value;

use crate::document::{Document, Statement};

/// The prefixes of the unique IDs of roles and users (IAM User Guide, "IAM identifiers").
const PREFIXES: [&str; 2] = ["AROA", "AIDA"];

/// Returns the first statement of the document that names a deleted principal: its label and the unique ID.
#[must_use]
pub fn deleted_principal(document: &Document) -> Option<(String, String)> {
    let mut statements = document.statements().iter().enumerate();
    statements.find_map(|(at, statement)| {
        let id = texts(statement).find(|text| is_deleted(text))?;
        Some((statement.label(at), id.to_owned()))
    })
}

/// The statement without its deleted principals. Returns `None` if it names no other principal: a Deny then denies
/// nothing.
#[must_use]
pub fn without_deleted_principals(statement: &Statement) -> Option<Statement> {
    if !texts(statement).any(is_deleted) {
        return Some(statement.clone());
    }
    let mut elements = statement.value().as_object()?.clone();
    let principal = elements.get_mut("Principal")?.as_object_mut()?;
    if let Some(aws) = principal.get_mut("AWS") {
        match &mut *aws {
            Value::Array(many) => many.retain(|one| !one.as_str().is_some_and(is_deleted)),
            one => *one = Value::Array(Vec::new()),
        }
        if aws.as_array().is_some_and(Vec::is_empty) {
            principal.remove("AWS");
        }
    }
    (!principal.is_empty()).then(|| Statement::new(elements))
}

/// The document without the deleted principals of its Denies, which deny nothing. An Allow of a deleted principal stays: its
/// owner has to remove it.
#[must_use]
pub fn without_void_denials(document: &Document) -> Document {
    document.clone().filter_map(|statement| {
        let denies = statement.element("Effect").and_then(Value::as_str) == Some("Deny");
        match denies {
            true => without_deleted_principals(statement),
            false => Some(statement.clone()),
        }
    })
}

fn is_deleted(text: &str) -> bool {
    PREFIXES.iter().any(|prefix| text.starts_with(prefix)) && text.chars().all(|c| c.is_ascii_alphanumeric())
}

fn texts(statement: &Statement) -> impl Iterator<Item = &str> {
    let aws = statement
        .element("Principal")
        .and_then(|principal| principal.get("AWS"));
    let texts = match aws {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    texts.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn statement(principal: Value) -> Statement {
        let elements =
            json!({"Sid": "Ci", "Effect": "Deny", "Principal": principal, "Action": "sts:AssumeRole"});
        Statement::new(elements.as_object().unwrap().clone())
    }

    #[test]
    fn deleted_principal_is_named_with_its_statement() {
        let dead = statement(json!({"AWS": ["arn:aws:iam::111122223333:role/x", "AROAEXAMPLEEXAMPLE12"]}));
        let document = Document::of(vec![statement(json!("*")), dead]);
        let (label, id) = deleted_principal(&document).unwrap();
        assert!(label.contains("Ci"), "{label}");
        assert_eq!(id, "AROAEXAMPLEEXAMPLE12");
        let live = json!({"AWS": "arn:aws:iam::111122223333:role/AROAX"});
        assert_eq!(deleted_principal(&Document::of(vec![statement(live)])), None);
    }

    #[test]
    fn only_denials_lose_their_deleted_principals() {
        let dead = json!({"AWS": "AROAEXAMPLEEXAMPLE12"});
        let mut allow = statement(dead.clone()).value().as_object().unwrap().clone();
        allow.insert("Effect".to_owned(), json!("Allow"));
        let allow = Statement::new(allow);
        let document = Document::of(vec![statement(json!("*")), statement(dead), allow.clone()]);
        let left = without_void_denials(&document);
        assert_eq!(left, Document::of(vec![statement(json!("*")), allow]));
        assert_eq!(without_void_denials(&left), left);
    }

    #[test]
    fn deleted_principals_are_removed_from_a_list() {
        let role = "arn:aws:iam::111122223333:role/x";
        for (principal, expected) in [
            (json!({"AWS": "AIDAEXAMPLEEXAMPLE12"}), None),
            (json!({"AWS": ["AROAEXAMPLEEXAMPLE12"]}), None),
            (
                json!({"AWS": [role, "AROAEXAMPLEEXAMPLE12"]}),
                Some(json!({"AWS": [role]})),
            ),
            (json!("*"), Some(json!("*"))),
        ] {
            let left = without_deleted_principals(&statement(principal));
            assert_eq!(left, expected.map(statement));
        }
    }
}
