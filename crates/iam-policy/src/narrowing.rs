//! Compares two permission policies. Input: two documents. Output: true if the first grants no more than the second,
//! false if in doubt. No I/O.

use serde_json::Value;

use crate::canonical::same_meaning;
use crate::document::{Document, Statement};
use crate::wildcard::matches;

/// Returns true if `desired` provably grants nothing that `observed` does not: each of its Allow statements is covered
/// by one of `observed`, and it has every Deny statement of `observed`. False if that cannot be determined.
#[must_use]
pub fn grants_no_more(desired: &Document, observed: &Document) -> bool {
    let is_covered = |statement: &Statement| {
        let mut candidates = observed.statements().iter();
        candidates.any(|candidate| is_same(statement, candidate) || covers(candidate, statement))
    };
    let is_kept = |denial: &Statement| {
        let mut kept = desired.statements().iter();
        kept.any(|statement| is_same(statement, denial))
    };
    let denies = |statement: &&Statement| effect(statement) == Some("Deny");
    let mut allowed = desired.statements().iter().filter(|statement| !denies(statement));
    let mut denied = observed.statements().iter().filter(denies);
    allowed.all(is_covered) && denied.all(is_kept)
}

fn is_same(one: &Statement, other: &Statement) -> bool {
    same_meaning(
        &Document::of(vec![one.clone()]),
        &Document::of(vec![other.clone()]),
    )
}

/// Returns true if an Allow statement without a condition grants every action and resource of another one.
fn covers(wide: &Statement, narrow: &Statement) -> bool {
    let allows = |statement| effect(statement) == Some("Allow");
    let is_unconditional = wide.element("Condition").is_none();
    allows(wide)
        && allows(narrow)
        && is_unconditional
        && lists(wide, narrow, "Action", str::to_ascii_lowercase)
        && lists(wide, narrow, "Resource", str::to_owned)
}

/// Returns true if each text of an element matches a pattern of the same element of the wide statement. A pattern that
/// matches a text matches every expansion of it too.
fn lists(wide: &Statement, narrow: &Statement, element: &str, fold: fn(&str) -> String) -> bool {
    let patterns = texts(wide.element(element));
    let narrow = texts(narrow.element(element));
    let is_listed = |text: &&str| {
        let mut patterns = patterns.iter();
        patterns.any(|pattern| !pattern.contains('?') && matches(&fold(pattern), &fold(text)))
    };
    !narrow.is_empty() && narrow.iter().all(is_listed)
}

fn effect(statement: &Statement) -> Option<&str> {
    statement.element("Effect").and_then(Value::as_str)
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document(statements: Value) -> Document {
        Document::from_value(json!({"Version": "2012-10-17", "Statement": statements})).unwrap()
    }

    fn allow(action: &str, resource: &str) -> Value {
        json!({"Effect": "Allow", "Action": action, "Resource": resource})
    }

    #[test]
    fn fewer_statements_and_narrower_patterns_grant_no_more() {
        let get = document(json!([allow("s3:GetObject", "arn:aws:s3:::a/*")]));
        for wider in [
            json!([allow("s3:GetObject", "arn:aws:s3:::a/*"), allow("sqs:*", "*")]),
            json!([allow("S3:get*", "*")]),
            json!([allow("*", "*")]),
        ] {
            assert!(grants_no_more(&get, &document(wider.clone())), "{wider}");
            assert!(!grants_no_more(&document(wider.clone()), &get), "{wider}");
        }
    }

    #[test]
    fn removed_denial_or_dropped_condition_may_grant_more() {
        let deny = json!({"Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "*"});
        let bare = document(json!([allow("s3:*", "*")]));
        let limited = document(json!([allow("s3:*", "*"), deny]));
        assert!(grants_no_more(&limited, &bare));
        assert!(!grants_no_more(&bare, &limited));
        let conditional = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*",
            "Condition": {"Bool": {"aws:SecureTransport": "true"}}});
        assert!(grants_no_more(&document(json!([conditional.clone()])), &bare));
        assert!(!grants_no_more(&bare, &document(json!([conditional]))));
    }

    #[test]
    fn excluded_actions_and_resources_are_in_doubt() {
        let bare = document(json!([allow("s3:*", "*")]));
        let inverted = json!([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}]);
        assert!(!grants_no_more(&document(inverted.clone()), &bare));
        assert!(grants_no_more(&document(inverted.clone()), &document(inverted)));
    }
}
