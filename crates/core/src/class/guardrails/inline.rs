//! Guardrails for inline policies: every statement that allows something must fit into one row of the class. Input:
//! the JSON of a document; output: its violations. No I/O.
//!
//! Conditions only restrict a statement and deny statements only remove access, so both are ignored. `NotAction` and
//! `NotResource` match everything except their values and therefore need a row with `*`.

use serde_json::{Map, Value};

use crate::class::definition::Row;
use crate::class::guardrails::glob;
use crate::class::guardrails::patterns::NAMED_LIMIT;
use crate::model::text::quote;

/// The elements that a statement of an identity policy can have. Any other element is rejected.
const ELEMENTS: [&str; 7] = [
    "Sid",
    "Effect",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

/// A statement that no row allows.
#[derive(Debug)]
pub(super) struct Violation {
    /// The path of the statement in the document.
    pub place: String,
    /// The description of the statement.
    pub value: String,
}

/// The statements of a document that no row allows. The patterns of the rows apply as they are.
pub(super) fn violations(document: &Value, rows: &[Row]) -> Vec<Violation> {
    let variables = document
        .get("Version")
        .is_some_and(|version| version == "2012-10-17");
    let (statements, is_list) = match document.get("Statement") {
        Some(Value::Array(items)) => (items.as_slice(), true),
        Some(single) => (std::slice::from_ref(single), false),
        None => (&[][..], true),
    };
    let place = |at: usize| match is_list {
        true => format!("Statement[{at}]"),
        false => "Statement".to_owned(),
    };
    let forbidden = statements
        .iter()
        .enumerate()
        .filter(|(_, statement)| !is_allowed(statement, rows, variables));
    forbidden
        .map(|(at, statement)| Violation {
            place: place(at),
            value: describe(statement),
        })
        .collect()
}

fn is_allowed(statement: &Value, rows: &[Row], variables: bool) -> bool {
    let Some(object) = statement.as_object() else {
        return false;
    };
    let known = object.keys().all(|key| ELEMENTS.contains(&key.as_str()));
    match object.get("Effect").and_then(Value::as_str) {
        Some("Deny") => known,
        Some("Allow") => known && rows.iter().any(|row| fits(object, row, variables)),
        _ => false,
    }
}

/// Returns true if one row covers everything that a statement allows.
fn fits(statement: &Map<String, Value>, row: &Row, variables: bool) -> bool {
    let action = |action: &str| row.actions.iter().any(|row| glob::covers_action(row, action));
    let resource = |resource: &str| {
        let mut rows = row.resources.iter();
        rows.any(|row| glob::covers_resource(row, resource, variables))
    };
    let within = |these: &str, all_but: &str, covered: &dyn Fn(&str) -> bool| {
        let requested = requested(statement, these, all_but);
        requested.is_some_and(|requested| requested.into_iter().all(covered))
    };
    within("Action", "NotAction", &action) && within("Resource", "NotResource", &resource)
}

/// The patterns of an element, or `*` for its `Not` form. Returns `None` if the element is malformed.
fn requested<'a>(statement: &'a Map<String, Value>, these: &str, all_but: &str) -> Option<Vec<&'a str>> {
    match (statement.get(these), statement.get(all_but)) {
        (Some(Value::String(one)), None) => Some(vec![one]),
        (Some(Value::Array(many)), None) => many.iter().map(Value::as_str).collect(),
        (None, Some(_)) => Some(vec!["*"]),
        _ => None,
    }
}

/// A description of a statement: its actions and resources.
fn describe(statement: &Value) -> String {
    let element = |name: &str| {
        let value = statement.get(name)?;
        Some(match value.as_str() {
            Some(text) => quote(text),
            None => quote(&value.to_string()),
        })
    };
    let side = |these: &str, all_but: &str| {
        let rest = || element(all_but).map(|value| format!("everything but {value}"));
        element(these).or_else(rest).unwrap_or("anything".to_owned())
    };
    let (actions, resources) = (side("Action", "NotAction"), side("Resource", "NotResource"));
    format!("{actions} on {resources}")
}

/// The values that the rows allow, as the end of a sentence.
pub(super) fn allows(rows: &[Row]) -> String {
    let row = |row: &Row| {
        format!(
            "{} on {}",
            quote(&row.actions.join(" ")),
            quote(&row.resources.join(" "))
        )
    };
    let named: Vec<String> = rows.iter().take(NAMED_LIMIT).map(row).collect();
    match rows.len().checked_sub(NAMED_LIMIT) {
        _ if named.is_empty() => "allows none".to_owned(),
        None | Some(0) => format!("allows statements that fit into one row: {}", named.join("; ")),
        Some(more) => format!(
            "allows statements that fit into one row: {}; and {more} more",
            named.join("; ")
        ),
    }
}
