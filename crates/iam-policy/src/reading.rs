//! One statement, understood: its elements as sets, or the reason why it can't be understood for certain.
//! A statement as written in, a [`Reading`] out; no I/O. Called by `normal`, `evaluate` and `describe`.
//!
//! What is not understood is never guessed at: such a statement equals nothing but itself and is never relied on.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::operator::Operator;

/// A statement whose every element is understood.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub effect: Effect,
    /// By type (`AWS`, `Federated`, ...); `"*"` is `{"AWS":"*"}` (docs/dev/aws-behaviour.md#document-normalisation).
    pub principal: Option<Sided<BTreeMap<String, BTreeSet<String>>>>,
    pub action: Sided<BTreeSet<String>>,
    pub resource: Option<Sided<BTreeSet<String>>>,
    /// All of them must hold.
    pub tests: Vec<Test>,
}

/// The two effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// An element, or its `Not...` form.
#[derive(Debug, Clone)]
pub(super) enum Sided<T> {
    These(T),
    AllBut(T),
}

/// One key under one condition operator.
#[derive(Debug, Clone)]
pub(super) struct Test {
    pub operator: Operator,
    /// As written; keys are compared ignoring case.
    pub key: String,
    pub values: BTreeSet<String>,
}

/// Why a statement is not understood, as the end of a sentence that began with the statement's name.
pub(super) type NotUnderstood = String;

/// The elements of a statement.
pub(super) const ELEMENTS: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];
const PRINCIPAL_TYPES: [&str; 4] = ["AWS", "Federated", "Service", "CanonicalUser"];

/// Understands a statement, or says why not.
pub(super) fn read(statement: &Value) -> Result<Reading, NotUnderstood> {
    let Value::Object(object) = statement else {
        return Err("is not an object".to_owned());
    };
    if let Some(unknown) = object.keys().find(|key| !ELEMENTS.contains(&key.as_str())) {
        return Err(format!("has the unknown element `{unknown}`"));
    }
    if object.get("Sid").is_some_and(|sid| !sid.is_string()) {
        return Err("has a `Sid` that is not text".to_owned());
    }
    let effect = match object.get("Effect").and_then(Value::as_str) {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        _ => return Err("has an `Effect` that is neither `Allow` nor `Deny`".to_owned()),
    };
    Ok(Reading {
        effect,
        principal: sided(object, "Principal", "NotPrincipal", principals)?,
        action: sided(object, "Action", "NotAction", strings)?.ok_or("has neither `Action` nor `NotAction`")?,
        resource: sided(object, "Resource", "NotResource", strings)?,
        tests: object.get("Condition").map_or(Some(Vec::new()), tests).ok_or(
            "has a `Condition` with an unknown operator, a key given twice or a value that is neither text, a boolean nor a whole number",
        )?,
    })
}

/// An element that has a `Not...` form: one of the two, none, but not both.
fn sided<T>(
    object: &Map<String, Value>,
    these: &str,
    all_but: &str,
    read: impl Fn(&Value, bool) -> Option<T>,
) -> Result<Option<Sided<T>>, NotUnderstood> {
    let wrong = |name: &str| format!("has a `{name}` of an unknown form");
    match (object.get(these), object.get(all_but)) {
        (None, None) => Ok(None),
        (Some(value), None) => read(value, false)
            .map(|it| Some(Sided::These(it)))
            .ok_or_else(|| wrong(these)),
        (None, Some(value)) => read(value, true)
            .map(|it| Some(Sided::AllBut(it)))
            .ok_or_else(|| wrong(all_but)),
        (Some(_), Some(_)) => Err(format!("has both `{these}` and `{all_but}`")),
    }
}

/// A string or a list of strings, as a set.
fn strings(value: &Value, _negated: bool) -> Option<BTreeSet<String>> {
    values(value, |item| item.as_str().map(str::to_owned))
}

fn values(value: &Value, read: impl Fn(&Value) -> Option<String>) -> Option<BTreeSet<String>> {
    match value {
        Value::Array(items) => items.iter().map(read).collect(),
        single => Some(BTreeSet::from([read(single)?])),
    }
}

fn principals(value: &Value, negated: bool) -> Option<BTreeMap<String, BTreeSet<String>>> {
    match value {
        // Only `Principal` is documented to treat the two forms alike.
        Value::String(anyone) if anyone == "*" && !negated => Some(BTreeMap::from([(
            "AWS".to_owned(),
            BTreeSet::from(["*".to_owned()]),
        )])),
        Value::Object(types) => {
            let known = types
                .iter()
                .filter(|(kind, _)| PRINCIPAL_TYPES.contains(&kind.as_str()))
                .count();
            let read = |(kind, ids): (&String, &Value)| Some((kind.clone(), strings(ids, negated)?));
            (known == types.len()).then(|| types.iter().map(read).collect())?
        }
        _ => None,
    }
}

fn tests(condition: &Value) -> Option<Vec<Test>> {
    let mut tests = Vec::new();
    for (name, keys) in condition.as_object()? {
        let operator = Operator::parse(name)?;
        let mut seen = BTreeSet::new();
        for (key, value) in keys.as_object()? {
            // Two spellings of one key under one operator: IAM's answer to that is not documented.
            if !seen.insert(key.to_ascii_lowercase()) {
                return None;
            }
            tests.push(Test {
                operator,
                key: key.clone(),
                values: values(value, condition_value)?,
            });
        }
    }
    Some(tests)
}

/// Booleans and whole numbers stand for their text (docs/dev/aws-behaviour.md#document-comparison); how IAM writes a fraction is not documented.
fn condition_value(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    }
}
