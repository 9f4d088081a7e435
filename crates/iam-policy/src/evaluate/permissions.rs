//! The effect of a permissions policy on one action.
//! Input: a document and an action; output: a decision. No I/O.

use crate::document::{Document, Statement};
use crate::wildcard;

/// Returns true if the document only denies: it has statements, and each of them denies.
#[must_use]
pub fn only_denies(document: &Document) -> bool {
    let denies = |statement: &Statement| statement.element("Effect").is_some_and(|effect| effect == "Deny");
    !document.statements().is_empty() && document.statements().iter().all(denies)
}

/// The action by which a session of one role assumes another role.
pub const ASSUME_ROLE: &str = "sts:AssumeRole";

/// Returns true if a statement of a permissions policy may allow an action on any resource. Conditions, resources and deny
/// statements are ignored, so the result is true in case of doubt.
#[must_use]
pub fn allows(document: &Document, action: &str) -> bool {
    let action = action.to_lowercase();
    let listed = |value: &serde_json::Value| {
        let one = value.as_str().into_iter();
        let many = value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(serde_json::Value::as_str);
        one.chain(many)
            .any(|pattern| wildcard::matches(&pattern.to_lowercase(), &action))
    };
    document.statements().iter().any(|statement| {
        let allow = statement
            .element("Effect")
            .is_some_and(|effect| effect == "Allow");
        let named = statement.element("Action").is_some_and(listed);
        let not_excepted = statement.element("NotAction").is_some_and(|value| !listed(value));
        allow && (named || not_excepted)
    })
}
