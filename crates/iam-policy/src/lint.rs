//! The defects of a policy document that IAM would reject, or that its author certainly did not intend.
//! Input: a JSON value and the kind of policy; output: defects, each with its path. No I/O.
//!
//! Each rule follows from IAM's grammar or error messages (docs/dev/aws-behaviour.md#iam-limits,
//! docs/dev/aws-behaviour.md#document-normalisation, docs/dev/aws-behaviour.md#document-comparison): a document that IAM
//! accepts has no defect. The rules do not judge the permissions themselves.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::document::Document;
use crate::lint::report::{form, join, unknown_keys};
use crate::text::quote;
use crate::wildcard::has_variable;

mod condition;
mod report;
mod statement;
#[cfg(test)]
mod tests;

pub use report::{Defect, Kind};

use report::Report;

/// The limit of all inline policies of one role together, in characters without white space (docs/dev/aws-behaviour.md#iam-limits).
pub const INLINE_TOTAL: usize = 10_240;

/// The default quota of a trust policy, in characters without white space. It can be raised (docs/dev/aws-behaviour.md#irsa-trust).
pub const TRUST_DEFAULT: usize = 2_048;

/// The limit of the session policy of a Pod Identity association, in characters (docs/dev/aws-behaviour.md#session-policy).
pub const SESSION: usize = 2_048;

/// All defects of a document, in the order of its elements. Empty if IAM should accept the document.
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

/// Returns true if the document uses a variable in a resource or a condition value.
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
                    "The Sid `{sid}` is already used by an earlier statement; make it unique, or remove it."
                ),
            );
        }
    }
}

/// IAM accepts only tab, line feed, carriage return and U+0020 to U+00FF (docs/dev/aws-behaviour.md#iam-limits).
fn characters(value: &Value, place: &str, report: &mut Report) {
    let mut check = |text: &str| {
        let is_rejected = |c: &char| !matches!(*c, '\t' | '\n' | '\r' | '\u{20}'..='\u{ff}');
        if let Some(c) = text.chars().find(is_rejected) {
            let code = u32::from(c);
            report.add(
                place,
                format!(
                    "IAM accepts only tab, line breaks and U+0020 to U+00FF, but this is U+{code:04X}; replace it."
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
    let (size, limit, scope) = match report.kind {
        Kind::Identity => (
            document.size(),
            INLINE_TOTAL,
            "all inline policies of a role together",
        ),
        Kind::Session => (document.to_json().chars().count(), SESSION, "a session policy"),
        // The quota of trust policies can be raised, so only the account knows the limit.
        Kind::Trust => return,
    };
    if size > limit {
        report.add(
            "",
            format!("The limit of {scope} is {limit} characters, but the document has {size}; shorten it."),
        );
    }
}
