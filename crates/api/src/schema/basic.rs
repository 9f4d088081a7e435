//! Generic building blocks of the CRD schemas: CEL rules, texts, enumerations, lists and durations.
//! Input: limits, rules and item types. Output: pieces of JSON schema. No I/O.
//!
//! Every text, list and map carries a maximum, because the API server estimates the cost of CEL rules from it and
//! rejects the CRD otherwise. Formats are CEL rules with a message of their own, because the message of `pattern` only
//! quotes the regular expression.

use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

/// Maximum length of every text field: the longest ARN in IAM (`arnType`). A lower limit of a field is a CEL rule,
/// because the API server answers a violated `maxLength` only with "Too long".
pub(super) const TEXT_LIMIT: u32 = 2048;
/// Regular expression for a duration. Six digits per unit, because more would overflow the duration type of CEL.
const DURATION_FORM: &str = "^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?$";

/// A CEL rule over `self`, and the message shown to the user when it fails.
pub(super) type Rule<'a> = (&'a str, &'a str);

pub(super) fn rules(rules: &[Rule]) -> Value {
    rules
        .iter()
        .map(|(rule, message)| json!({"rule": rule, "message": message}))
        .collect()
}

pub(super) fn text(checks: &[Rule]) -> Schema {
    json_schema!({"type": "string", "maxLength": TEXT_LIMIT, "x-kubernetes-validations": rules(checks)})
}

pub(super) fn one_of(values: &[&str]) -> Schema {
    json_schema!({"type": "string", "enum": values})
}

pub(super) fn duration(range: Rule) -> Schema {
    let form = format!("self != '' && self.matches('{DURATION_FORM}')");
    let (within, message) = range;
    let in_range = format!("!({form}) || ({within})");
    text(&[
        (
            &form,
            "must be a duration in hours, minutes and seconds, in that order, such as 1h30m",
        ),
        (&in_range, message),
    ])
}

/// An atomic list of at most `limit` items.
pub(crate) fn list_of<T: JsonSchema>(generator: &mut SchemaGenerator, limit: usize) -> Schema {
    json_schema!({
        "type": "array",
        "items": generator.subschema_for::<T>(),
        "maxItems": limit,
        "x-kubernetes-list-type": "atomic",
    })
}

/// An identifier or name of at most 256 characters.
pub(crate) fn short_text(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": 256})
}

/// A free text of at most 4,096 characters.
pub(crate) fn long_text(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": 4096})
}

pub(crate) fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "date-time", "maxLength": 64})
}

/// Joins the lines of each paragraph of a description, because `kubectl explain` wraps lines itself.
pub(crate) fn unwrap_descriptions(schema: &mut Schema) {
    if let Some(Value::String(text)) = schema.get("description") {
        let paragraphs: Vec<String> = text
            .split("\n\n")
            .map(|paragraph| paragraph.replace('\n', " "))
            .collect();
        schema.insert("description".to_owned(), paragraphs.join("\n\n").into());
    }
    transform_subschemas(&mut unwrap_descriptions, schema);
}
