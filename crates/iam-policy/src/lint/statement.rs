//! The defects of one statement: its elements, their values, and the elements that its kind of policy does not allow.
//! Input: the JSON of a statement; output: defects in the report. No I/O.

use serde_json::{Map, Value};

use crate::lint::condition;
use crate::lint::report::{Kind, Report, form, join, unknown_keys};
use crate::reading::ELEMENTS;
use crate::text::quote;

pub(super) fn check(statement: &Value, place: &str, report: &mut Report) {
    let Value::Object(object) = statement else {
        report.add(
            place,
            format!("A statement is an object, but this is {}.", form(statement)),
        );
        return;
    };
    unknown_keys(object, place, &ELEMENTS, report);
    sid(object.get("Sid"), &join(place, "Sid"), report);
    effect(object.get("Effect"), &join(place, "Effect"), report);
    principal(object, place, report);
    actions(object, place, report);
    resources(object, place, report);
    if let Some(value) = object.get("Condition") {
        condition::check(value, &join(place, "Condition"), report);
    }
}

fn sid(sid: Option<&Value>, place: &str, report: &mut Report) {
    match sid {
        None => {}
        Some(Value::String(sid)) if sid.chars().all(|c| c.is_ascii_alphanumeric()) => {}
        Some(Value::String(sid)) => {
            let sid = quote(sid);
            report.add(
                place,
                format!("The Sid `{sid}` may have only the letters A-Z and a-z and digits."),
            );
        }
        Some(other) => report.add(place, format!("`Sid` must be text, but this is {}.", form(other))),
    }
}

fn effect(effect: Option<&Value>, place: &str, report: &mut Report) {
    match effect.map(|effect| (effect, effect.as_str())) {
        Some((_, Some("Allow" | "Deny"))) => {}
        None => report.add(place, "`Effect` is missing; it must be `Allow` or `Deny`."),
        Some((_, Some(text))) => {
            let text = quote(text);
            report.add(
                place,
                format!("`Effect` is `{text}`, but must be exactly `Allow` or `Deny`."),
            );
        }
        Some((other, None)) => {
            report.add(
                place,
                format!("`Effect` is {}, but must be `Allow` or `Deny`.", form(other)),
            );
        }
    }
}

fn principal(object: &Map<String, Value>, place: &str, report: &mut Report) {
    let kind = report.kind;
    if object.contains_key("NotPrincipal") {
        let problem = format!("`NotPrincipal` is not allowed in {}; remove it.", kind.name());
        report.add(&join(place, "NotPrincipal"), problem);
    }
    let place = join(place, "Principal");
    match object.get("Principal") {
        Some(_) if kind != Kind::Trust => report.add(
            &place,
            format!(
                "`Principal` is not allowed in {}, which always applies to its own role; remove it.",
                kind.name()
            ),
        ),
        Some(value) => principals(value, &place, report),
        None if kind == Kind::Trust => {
            report.add(
                &place,
                "`Principal` is missing; a trust policy must name the principals that may assume the role.",
            );
        }
        None => {}
    }
}

fn principals(value: &Value, place: &str, report: &mut Report) {
    match value {
        Value::String(anyone) if anyone == "*" => {}
        Value::Object(types) if !types.is_empty() => {
            for (kind, ids) in types {
                let place = join(place, kind);
                if !["AWS", "Federated", "Service"].contains(&kind.as_str()) {
                    let kind = quote(kind);
                    let problem = format!("`{kind}` is not a principal type of a role policy; use AWS, Federated or Service.");
                    report.add(&place, problem);
                }
                for (place, id) in texts(ids, &place, report) {
                    principal_id(id, &place, report);
                }
            }
        }
        _ => report.add(
            place,
            "`Principal` must be \"*\" or an object such as {\"Federated\": \"arn:aws:iam::111122223333:oidc-provider/...\"}.",
        ),
    }
}

/// A wildcard in a principal matches everything; IAM does not match parts of names
/// (docs/dev/aws-behaviour.md#document-normalisation).
fn principal_id(id: &str, place: &str, report: &mut Report) {
    if id != "*" && id.contains('*') {
        let id = quote(id);
        report.add(
            place,
            format!("The principal `{id}` has a wildcard, which IAM does not match; write the full name."),
        );
    }
}

fn actions(object: &Map<String, Value>, place: &str, report: &mut Report) {
    let Some((name, value)) = exactly_one(object, "Action", "NotAction", place, report) else {
        return;
    };
    for (place, action) in texts(value, &join(place, name), report) {
        let quoted = quote(action);
        match action.split_once(':') {
            None if action == "*" => {}
            Some((service, operation))
                if !service.is_empty()
                    && !operation.is_empty()
                    && !operation.contains(':')
                    && !action.contains(char::is_whitespace) =>
            {
                if report.kind == Kind::Trust && !service.eq_ignore_ascii_case("sts") && service != "*" {
                    let problem = format!("`{quoted}` is not an STS action; a trust policy can allow only STS actions.");
                    report.add(&place, problem);
                }
            }
            _ => report.add(
                &place,
                format!("`{quoted}` is not an action; write the service, a colon and the operation, such as `s3:GetObject`."),
            ),
        }
    }
}

fn resources(object: &Map<String, Value>, place: &str, report: &mut Report) {
    if report.kind == Kind::Trust {
        for name in ["Resource", "NotResource"]
            .into_iter()
            .filter(|name| object.contains_key(*name))
        {
            let problem = format!(
                "`{name}` is not allowed in a trust policy, which always applies to its own role; remove it."
            );
            report.add(&join(place, name), problem);
        }
        return;
    }
    let Some((name, value)) = exactly_one(object, "Resource", "NotResource", place, report) else {
        return;
    };
    for (place, resource) in texts(value, &join(place, name), report) {
        if resource != "*" && !resource.starts_with("arn:") {
            let resource = quote(resource);
            report.add(
                &place,
                format!("`{resource}` is not a resource; write an ARN, or \"*\" for all."),
            );
        }
    }
}

/// The one of two elements that exists. Both or neither is a defect.
fn exactly_one<'a>(
    object: &'a Map<String, Value>,
    these: &'static str,
    all_but: &'static str,
    place: &str,
    report: &mut Report,
) -> Option<(&'static str, &'a Value)> {
    match (object.get(these), object.get(all_but)) {
        (Some(value), None) => Some((these, value)),
        (None, Some(value)) => Some((all_but, value)),
        (None, None) => {
            report.add(
                &join(place, these),
                format!("`{these}` is missing; a statement needs `{these}` or `{all_but}`."),
            );
            None
        }
        (Some(_), Some(_)) => {
            report.add(
                &join(place, all_but),
                format!("A statement has `{these}` or `{all_but}`, not both; remove one."),
            );
            None
        }
    }
}

/// The texts of an element that is text or a list of texts, each with its path.
fn texts<'a>(value: &'a Value, place: &str, report: &mut Report) -> Vec<(String, &'a str)> {
    let items: Vec<(String, &Value)> = match value {
        Value::Array(items) if items.is_empty() => {
            report.add(
                place,
                "The list is empty; give at least one value, or remove the element.",
            );
            return Vec::new();
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(at, it)| (format!("{place}[{at}]"), it))
            .collect(),
        single => vec![(place.to_owned(), single)],
    };
    let mut texts = Vec::new();
    for (place, item) in items {
        match item {
            Value::String(text) => texts.push((place, text.as_str())),
            other => report.add(
                &place,
                format!("The value must be text, but this is {}.", form(other)),
            ),
        }
    }
    texts
}
