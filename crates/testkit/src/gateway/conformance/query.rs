//! The query protocol of IAM and STS: forms and XML, both brought into the form of JSON along the shapes of a model.
//! Input: the parameters of a request, or the text of an element. Output: a value whose scalars are text. No I/O.

use serde_json::{Map, Value};

use super::super::xml;
use super::model::{Kind, Model, Reference};

/// The parameters of a request (`Tags.member.1.Key`) as one value. Parameters that fit no shape stay as they are, and the
/// comparison reports them.
pub(super) fn from_form<'a>(
    model: &Model,
    input: &Reference,
    parameters: impl Iterator<Item = (&'a str, &'a str)>,
) -> Value {
    let mut raw = Map::new();
    for (name, value) in parameters {
        let names: Vec<&str> = name.split('.').collect();
        insert(&mut raw, &names, value);
    }
    shaped(model, input, Value::Object(raw))
}

fn insert(into: &mut Map<String, Value>, names: &[&str], value: &str) {
    match names {
        [] => {}
        [last] => {
            into.insert((*last).to_owned(), Value::from(value));
        }
        [first, rest @ ..] => {
            let below = into.entry(*first).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(below) = below {
                insert(below, rest, value);
            }
        }
    }
}

/// Turns the numbered parts of a form into lists and maps.
fn shaped(model: &Model, reference: &Reference, raw: Value) -> Value {
    let Some(shape) = model.shape(reference) else {
        return raw;
    };
    match (shape.kind, raw) {
        (Kind::Structure, Value::Object(fields)) => {
            let shape_field = |(name, raw): (String, Value)| match shape.members.get(&name) {
                Some(member) => (name, shaped(model, member, raw)),
                None => (name, raw),
            };
            Value::Object(fields.into_iter().map(shape_field).collect())
        }
        // An empty list is sent as an empty parameter.
        (Kind::List, Value::String(empty)) if empty.is_empty() => Value::Array(Vec::new()),
        (Kind::List, raw) => match (numbered(&raw, "member"), &shape.member) {
            (Some(items), Some(member)) => Value::Array(
                items
                    .into_iter()
                    .map(|item| shaped(model, member, item))
                    .collect(),
            ),
            _ => raw,
        },
        (Kind::Map, raw) => numbered(&raw, "entry").map_or(raw, |entries| Value::Object(keyed(entries))),
        (_, raw) => raw,
    }
}

/// The parts `<name>.1`, `<name>.2` and so on, or `None` if they are not numbered from one without a gap.
fn numbered(raw: &Value, name: &str) -> Option<Vec<Value>> {
    let parts = raw
        .as_object()
        .filter(|raw| raw.len() == 1)?
        .get(name)?
        .as_object()?;
    (1..=parts.len())
        .map(|number| parts.get(&number.to_string()).cloned())
        .collect()
}

fn keyed(entries: Vec<Value>) -> Map<String, Value> {
    let pair = |entry: Value| {
        Some((
            entry.get("key")?.as_str()?.to_owned(),
            entry.get("value")?.clone(),
        ))
    };
    entries.into_iter().filter_map(pair).collect()
}

/// The content of an element as one value.
pub(super) fn from_xml(model: &Model, reference: &Reference, text: &str) -> Value {
    let Some(shape) = model.shape(reference) else {
        return Value::Null;
    };
    let children = || xml::children(text);
    match shape.kind {
        Kind::Structure => {
            let field = |(name, inner): (&str, &str)| match shape.members.get(name) {
                Some(member) => (name.to_owned(), from_xml(model, member, inner)),
                None => (name.to_owned(), Value::from(inner)),
            };
            Value::Object(children().into_iter().map(field).collect())
        }
        Kind::List => {
            let items = children();
            match &shape.member {
                Some(member) if items.iter().all(|(name, _)| *name == "member") => {
                    let items = items.into_iter();
                    Value::Array(items.map(|(_, inner)| from_xml(model, member, inner)).collect())
                }
                // Text is no list, which the comparison reports.
                _ => Value::from(text),
            }
        }
        Kind::Map => {
            let entry = |(_, inner): (&str, &str)| {
                let value = xml::inner(inner, "value").unwrap_or_default();
                let value = shape.value.as_ref().map(|held| from_xml(model, held, value));
                Some((xml::text(inner, "key")?, value?))
            };
            Value::Object(children().into_iter().filter_map(entry).collect())
        }
        _ => Value::from(xml::unescape(text)),
    }
}
