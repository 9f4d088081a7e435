//! The defects of a `Condition`: its shape, operators and values. Input: the JSON of the element; output: defects in
//! the report. No I/O.

use serde_json::Value;

use crate::lint::report::{Report, form, join};
use crate::operator::{Family, Operator};
use crate::text::quote;

pub(super) fn check(condition: &Value, place: &str, report: &mut Report) {
    let Value::Object(operators) = condition else {
        report.add(
            place,
            format!(
                "`Condition` is an object of operators, but this is {}.",
                form(condition)
            ),
        );
        return;
    };
    for (name, keys) in operators {
        let place = join(place, name);
        let operator = Operator::parse(name);
        if operator.is_none() {
            report.add(&place, unknown(name));
        }
        match keys {
            Value::Object(keys) if keys.is_empty() => report.add(
                &place,
                "The operator has no keys and so restricts nothing; give it a key and a value, or remove it.",
            ),
            Value::Object(keys) => {
                for (key, value) in keys {
                    test(operator, key, value, &join(&place, key), report);
                }
            }
            other => report.add(
                &place,
                format!(
                    "An operator holds an object of keys, but this is {}.",
                    form(other)
                ),
            ),
        }
    }
}

fn unknown(name: &str) -> String {
    let quoted = quote(name);
    match Operator::suggest(name) {
        Some(meant) => format!("`{quoted}` is not a condition operator; did you mean `{meant}`?"),
        None => format!("`{quoted}` is not a condition operator; see the IAM user guide for their names."),
    }
}

fn test(operator: Option<Operator>, key: &str, value: &Value, place: &str, report: &mut Report) {
    if !key.contains(':') {
        let key = quote(key);
        let problem = format!(
            "`{key}` is not a condition key; write the service, a colon and the name, such as `aws:SourceArn`."
        );
        report.add(place, problem);
    }
    let values = match value {
        Value::Array(items) if items.is_empty() => {
            report.add(
                place,
                "The list is empty; give at least one value, or remove the key.",
            );
            return;
        }
        Value::Array(items) => items.as_slice(),
        single => std::slice::from_ref(single),
    };
    let scalar = |value: &&Value| !matches!(value, Value::String(_) | Value::Bool(_) | Value::Number(_));
    if let Some(invalid) = values.iter().find(scalar) {
        report.add(
            place,
            format!(
                "A condition value is text, a boolean or a number, but this is {}.",
                form(invalid)
            ),
        );
    }
    let is_null = operator.is_some_and(|operator| operator.family == Family::Null);
    if is_null && !values.iter().all(is_truth_value) {
        report.add(
            place,
            "`Null` accepts only \"true\" (the key is absent) or \"false\" (the key exists).",
        );
    }
}

fn is_truth_value(value: &Value) -> bool {
    match value {
        Value::Bool(_) => true,
        Value::String(text) => text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false"),
        _ => false,
    }
}
