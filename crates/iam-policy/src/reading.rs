//! The parsed form of one statement: its elements as sets. Input: a statement as written; output: a [`Reading`], or
//! the reason why it is not understood. No I/O.
//!
//! Unknown elements are never interpreted: such a statement equals only itself and is never relied on.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::operator::Operator;

/// A statement whose elements are all known.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub effect: Effect,
    /// By type (`AWS`, `Federated`, ...); `"*"` is `{"AWS":"*"}` (docs/dev/aws-behaviour.md#document-normalisation).
    pub principal: Option<Sided<BTreeMap<String, BTreeSet<String>>>>,
    pub action: Sided<BTreeSet<String>>,
    pub resource: Option<Sided<BTreeSet<String>>>,
    /// The condition tests, which must all be met.
    pub tests: Vec<Test>,
}

/// The two effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

/// An element, or its `Not...` form.
#[derive(Debug, Clone)]
pub(crate) enum Sided<T> {
    These(T),
    AllBut(T),
}

/// One key under one condition operator.
#[derive(Debug, Clone)]
pub(crate) struct Test {
    pub operator: Operator,
    /// As written; keys are compared ignoring case.
    pub key: String,
    pub values: BTreeSet<String>,
}

/// The reason why a statement is not understood, as the end of a sentence that begins with its name.
pub(crate) type NotUnderstood = String;

/// The elements of a statement.
pub(crate) const ELEMENTS: [&str; 9] = [
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

/// Parses a statement.
pub(crate) fn read(statement: &Value) -> Result<Reading, NotUnderstood> {
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

/// An element with a `Not...` form: one of the two forms, or none, but not both.
fn sided<T>(
    object: &Map<String, Value>,
    these: &str,
    all_but: &str,
    read: impl Fn(&Value, bool) -> Option<T>,
) -> Result<Option<Sided<T>>, NotUnderstood> {
    let invalid = |name: &str| format!("has a `{name}` of an unknown form");
    match (object.get(these), object.get(all_but)) {
        (None, None) => Ok(None),
        (Some(value), None) => read(value, false)
            .map(|it| Some(Sided::These(it)))
            .ok_or_else(|| invalid(these)),
        (None, Some(value)) => read(value, true)
            .map(|it| Some(Sided::AllBut(it)))
            .ok_or_else(|| invalid(all_but)),
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
        // The equality of the two forms is documented only for `Principal`.
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
            // Two spellings of one key under one operator: the behaviour of IAM is not documented.
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

/// Booleans and whole numbers equal their text (docs/dev/aws-behaviour.md#document-comparison); the text of a
/// fraction is not documented.
fn condition_value(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    }
}
