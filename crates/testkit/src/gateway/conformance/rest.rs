//! The REST protocol of EKS: the operation of a request, and its members from path, query and body.
//! Input: a model and a request. Output: the operation's name and its input as one value. No I/O.

use serde_json::{Map, Number, Value};

use super::super::form::decode_path;
use super::super::message::Request;
use super::model::{Kind, Location, Model, Operation, Reference};

/// The operation whose method and path the request has.
pub(super) fn operation<'a>(model: &'a Model, request: &Request) -> Option<(&'a str, &'a Operation)> {
    let found = model.operations.iter().find(|(_, operation)| {
        operation.http.method == request.method.as_str()
            && labels(&operation.http.request_uri, request.uri.path()).is_some()
    });
    found.map(|(name, operation)| (name.as_str(), operation))
}

/// The members that the path holds, by their names in the template. `None` if the path is another.
fn labels(template: &str, path: &str) -> Option<Vec<(String, String)>> {
    let (template, path): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    if template.len() != path.len() {
        return None;
    }
    let mut found = Vec::new();
    for (expected, sent) in template.into_iter().zip(path) {
        match expected
            .strip_prefix('{')
            .and_then(|label| label.strip_suffix('}'))
        {
            Some(label) if !sent.is_empty() => found.push((label.to_owned(), decode_path(sent))),
            None if expected == sent => {}
            Some(_) | None => return None,
        }
    }
    Some(found)
}

/// The input of an operation from all parts of its request. What no member takes keeps its own name, and the comparison
/// reports it.
pub(super) fn input(model: &Model, operation: &Operation, input: &Reference, request: &Request) -> Value {
    let Some(shape) = model.shape(input) else {
        return Value::Null;
    };
    let mut fields = body(request);
    let member = |location: Location, sent: &str| {
        shape.members.iter().find(|(name, member)| {
            member.location == Some(location) && member.location_name.as_ref().unwrap_or(name) == sent
        })
    };
    for (label, text) in labels(&operation.http.request_uri, request.uri.path()).unwrap_or_default() {
        if let Some((name, reference)) = member(Location::Uri, &label) {
            fields.insert(name.clone(), scalar(model, reference, &text));
        }
    }
    for (sent, text) in request.query().pairs() {
        match member(Location::Querystring, sent) {
            Some((name, reference)) => add(model, &mut fields, name, reference, text),
            None => drop(fields.insert(sent.to_owned(), Value::from(text))),
        }
    }
    Value::Object(fields)
}

fn body(request: &Request) -> Map<String, Value> {
    match serde_json::from_slice(&request.body) {
        Ok(Value::Object(fields)) => fields,
        _ if request.body.is_empty() => Map::new(),
        _ => Map::from_iter([("the body, which is no JSON object,".to_owned(), Value::Null)]),
    }
}

/// Adds a parameter of the query. One that comes several times is a list.
fn add(model: &Model, fields: &mut Map<String, Value>, name: &str, reference: &Reference, text: &str) {
    let shape = model.shape(reference);
    match shape
        .filter(|shape| shape.kind == Kind::List)
        .and_then(|shape| shape.member.as_ref())
    {
        Some(member) => {
            let list = fields.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(list) = list {
                list.push(scalar(model, member, text));
            }
        }
        None => drop(fields.insert(name.to_owned(), scalar(model, reference, text))),
    }
}

/// A number or boolean that was sent as text, with the type that the body would give it.
fn scalar(model: &Model, reference: &Reference, text: &str) -> Value {
    let number = || {
        text.parse()
            .ok()
            .map(|number: i64| Value::Number(Number::from(number)))
    };
    let typed = match model.shape(reference).map(|shape| shape.kind) {
        Some(Kind::Integer | Kind::Long) => number(),
        Some(Kind::Boolean) => text.parse().ok().map(Value::Bool),
        _ => None,
    };
    typed.unwrap_or_else(|| Value::from(text))
}
