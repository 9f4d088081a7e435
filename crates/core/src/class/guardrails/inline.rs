//! Guardrails for inline policies: every statement that allows something fits whole into one row of the class.
//! A document's JSON in, what is forbidden in it out; no I/O. Called by `guardrail`.
//!
//! Conditions only narrow what a statement allows, and statements that deny only take away, so neither is looked at.
//! `NotAction` and `NotResource` reach everything but what they name, and so need a row with `*`.

use serde_json::{Map, Value};

use super::{GuardrailCheck, NAMED_LIMIT, glob};
use crate::class::Row;
use crate::model::text::quote;

/// The elements that a statement of a role's own policy can have; any other is refused, whatever it may mean.
const ELEMENTS: [&str; 7] = [
    "Sid",
    "Effect",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

impl GuardrailCheck<'_> {
    pub(super) fn inline(&mut self, field: &str, document: &Value) {
        let rows: Vec<Row> = self.guardrails.inline.iter().map(|row| self.row(row)).collect();
        let variables = document
            .get("Version")
            .is_some_and(|version| version == "2012-10-17");
        let (statements, listed) = match document.get("Statement") {
            Some(Value::Array(items)) => (items.as_slice(), true),
            Some(single) => (std::slice::from_ref(single), false),
            None => (&[][..], true),
        };
        for (at, statement) in statements.iter().enumerate() {
            let place = if listed {
                format!("Statement[{at}]")
            } else {
                "Statement".to_owned()
            };
            if !is_allowed(statement, &rows, variables) {
                let (field, value) = (format!("{field}.{place}"), told(statement));
                self.forbid(&field, &value, "guardrails.inline", allows(&rows));
            }
        }
    }

    fn row(&self, row: &Row) -> Row {
        Row {
            actions: self.all_filled(&row.actions),
            resources: self.all_filled(&row.resources),
        }
    }
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

/// Whether all that a statement allows is in one row.
fn fits(statement: &Map<String, Value>, row: &Row, variables: bool) -> bool {
    let action = |action: &str| row.actions.iter().any(|row| glob::covers_action(row, action));
    let resource = |resource: &str| {
        let mut rows = row.resources.iter();
        rows.any(|row| glob::covers_resource(row, resource, variables))
    };
    let within = |these: &str, all_but: &str, covered: &dyn Fn(&str) -> bool| {
        let asked = asked(statement, these, all_but);
        asked.is_some_and(|asked| asked.into_iter().all(covered))
    };
    within("Action", "NotAction", &action) && within("Resource", "NotResource", &resource)
}

/// The patterns that an element asks for; all there is when it only says what it leaves out. `None`: nobody knows.
fn asked<'a>(statement: &'a Map<String, Value>, these: &str, all_but: &str) -> Option<Vec<&'a str>> {
    match (statement.get(these), statement.get(all_but)) {
        (Some(Value::String(one)), None) => Some(vec![one]),
        (Some(Value::Array(many)), None) => many.iter().map(Value::as_str).collect(),
        (None, Some(_)) => Some(vec!["*"]),
        _ => None,
    }
}

/// A statement for people: what it allows, on what.
fn told(statement: &Value) -> String {
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

/// What the rows allow, as the end of a sentence.
fn allows(rows: &[Row]) -> String {
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
        None | Some(0) => format!("allows what fits whole into one row: {}", named.join("; ")),
        Some(more) => format!(
            "allows what fits whole into one row: {}; and {more} more",
            named.join("; ")
        ),
    }
}
