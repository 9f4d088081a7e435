//! The differences of two documents, statement by statement, for drift reports. Input: the desired and the observed
//! document; output: a short list of differing fields. No I/O.
//!
//! The list is empty exactly if the documents mean the same. Its texts are foreign and therefore truncated and
//! sanitised.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::canonical::{canonical_statement, folded, same_meaning, version};
use crate::document::{Document, Statement};
use crate::json;
use crate::operator::Operator;
use crate::reading::{Reading, Test, read};
use crate::text::quote;

#[cfg(test)]
mod tests;

/// One field that differs between two documents.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StatementDifference {
    /// The path, such as `Statement[Sid=Lanyard0123456789abcdef].Effect`, `Statement[1]` or `Version`.
    pub field: String,
    /// The desired value; `None` if the field must not exist.
    pub desired: Option<String>,
    /// The observed value; `None` if the field does not exist.
    pub observed: Option<String>,
}

/// The fields that differ by meaning, in the order of the desired document; additional fields of the observed one
/// come last.
#[must_use]
pub fn differences(desired: &Document, observed: &Document) -> Vec<StatementDifference> {
    if same_meaning(desired, observed) {
        return Vec::new();
    }
    let mut all = around_statements(desired, observed);
    for pair in pairs(&entries(desired), &entries(observed)) {
        match pair {
            (Some(desired), Some(observed)) => all.extend(in_pair(desired, observed)),
            (desired, observed) => all.extend(alone(desired, observed)),
        }
    }
    // Around an unknown element even the order of statements may matter, so no single field can be named.
    if all.is_empty() {
        all.push(difference(
            "Document",
            Some(&desired.to_value()),
            Some(&observed.to_value()),
        ));
    }
    all
}

/// A statement with the data to find its counterpart.
#[derive(Debug)]
struct Candidate<'a> {
    index: usize,
    statement: &'a Statement,
    canonical: Value,
}

type Pair<'a> = (Option<&'a Candidate<'a>>, Option<&'a Candidate<'a>>);

fn entries(document: &Document) -> Vec<Candidate<'_>> {
    let entry = |(index, statement)| Candidate {
        index,
        statement,
        canonical: canonical_statement(statement),
    };
    document.statements().iter().enumerate().map(entry).collect()
}

/// Every statement once: paired by `Sid`, else by meaning, else by similarity, else unpaired.
fn pairs<'a>(desired: &'a [Candidate<'a>], observed: &'a [Candidate<'a>]) -> Vec<Pair<'a>> {
    let mut unpaired: Vec<&Candidate> = desired.iter().collect();
    let mut candidates: Vec<&Candidate> = observed.iter().collect();
    let mut pairs: Vec<Pair> = Vec::new();
    for score in [same_sid, same_canonical, likeness] {
        unpaired.retain(|&entry| {
            let best = candidates
                .iter()
                .enumerate()
                .map(|(at, other)| (score(entry, other), at))
                .filter(|(score, _)| *score > 0);
            // The first of the best, so that equal candidates are paired in order.
            let Some((_, at)) = best.min_by_key(|(score, at)| (usize::MAX - score, *at)) else {
                return true;
            };
            pairs.push((Some(entry), Some(candidates.remove(at))));
            false
        });
    }
    let exists =
        |side: &[Candidate], entry: &Candidate| side.iter().any(|other| other.canonical == entry.canonical);
    // A statement that also exists on the other side is only a repetition.
    pairs.extend(
        unpaired
            .into_iter()
            .filter(|entry| !exists(observed, entry))
            .map(|entry| (Some(entry), None)),
    );
    pairs.extend(
        candidates
            .into_iter()
            .filter(|entry| !exists(desired, entry))
            .map(|entry| (None, Some(entry))),
    );
    let place = |side: Option<&Candidate>| side.map_or(usize::MAX, |entry| entry.index);
    pairs.sort_by_key(|(desired, observed)| (place(*desired), place(*observed)));
    pairs
}

fn same_sid(a: &Candidate, b: &Candidate) -> usize {
    let sid = a.statement.sid().filter(|sid| !sid.is_empty());
    usize::from(sid.is_some() && sid == b.statement.sid())
}

fn same_canonical(a: &Candidate, b: &Candidate) -> usize {
    usize::from(a.canonical == b.canonical)
}

/// The number of elements that two statements share, if it is at least half of them.
fn likeness(a: &Candidate, b: &Candidate) -> usize {
    let (Value::Object(a), Value::Object(b)) = (&a.canonical, &b.canonical) else {
        return 0;
    };
    let all: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let shared = all.iter().filter(|key| a.get(**key) == b.get(**key)).count();
    if shared * 2 >= all.len() { shared } else { 0 }
}

fn alone(desired: Option<&Candidate>, observed: Option<&Candidate>) -> Option<StatementDifference> {
    let entry = desired.or(observed)?;
    let value = |side: Option<&Candidate>| side.map(|entry| text(entry.statement.value()));
    Some(StatementDifference {
        field: entry.statement.label(entry.index),
        desired: value(desired),
        observed: value(observed),
    })
}

/// The differences of two paired statements, element by element.
fn in_pair(desired: &Candidate, observed: &Candidate) -> Vec<StatementDifference> {
    if desired.canonical == observed.canonical {
        return Vec::new();
    }
    let label = desired.statement.label(desired.index);
    let (Value::Object(a), Value::Object(b)) = (desired.statement.value(), observed.statement.value()) else {
        return vec![difference(
            &label,
            Some(desired.statement.value()),
            Some(observed.statement.value()),
        )];
    };
    let readings = (read(desired.statement.value()), read(observed.statement.value()));
    let (Ok(desired_reading), Ok(observed_reading)) = readings else {
        return by_element(&label, (a, b), (a, b));
    };
    let normals = (
        without_condition(&desired.canonical),
        without_condition(&observed.canonical),
    );
    let mut all = by_element(&label, (&normals.0, &normals.1), (a, b));
    all.extend(by_test(
        &label,
        (&desired_reading, &observed_reading),
        (a.get("Condition"), b.get("Condition")),
    ));
    all
}

fn without_condition(canonical: &Value) -> Map<String, Value> {
    let mut elements = canonical.as_object().cloned().unwrap_or_default();
    elements.remove("Condition");
    elements
}

/// The elements that differ in the compared pair, with the texts of the shown pair.
fn by_element(
    label: &str,
    compared: (&Map<String, Value>, &Map<String, Value>),
    shown: (&Map<String, Value>, &Map<String, Value>),
) -> Vec<StatementDifference> {
    let names: BTreeSet<&String> = compared.0.keys().chain(compared.1.keys()).collect();
    names
        .into_iter()
        .filter(|name| compared.0.get(*name) != compared.1.get(*name))
        .map(|name| {
            difference(
                &format!("{label}.{}", quote(name)),
                shown.0.get(name),
                shown.1.get(name),
            )
        })
        .collect()
}

/// The condition keys that differ. The text of the whole condition would often be truncated before the relevant part.
fn by_test(
    label: &str,
    readings: (&Reading, &Reading),
    conditions: (Option<&Value>, Option<&Value>),
) -> Vec<StatementDifference> {
    let (desired, observed) = (tests(readings.0), tests(readings.1));
    let slots: BTreeSet<&Slot> = desired.keys().chain(observed.keys()).collect();
    let mut all = Vec::new();
    for slot in slots {
        let (a, b) = (desired.get(slot), observed.get(slot));
        if a.map(|test| &test.values) == b.map(|test| &test.values) {
            continue;
        }
        let Some(named) = a.or(b) else { continue };
        let field = format!("{label}.Condition.{}.{}", named.operator, quote(&named.key));
        let shown = |test: Option<&&Test>, condition: Option<&Value>| {
            let test = test?;
            condition?
                .get(test.operator.to_string())?
                .get(&test.key)
                .map(text)
        };
        all.push(StatementDifference {
            field,
            desired: shown(a, conditions.0),
            observed: shown(b, conditions.1),
        });
    }
    all
}

/// The operator and key of a test in the canonical form.
type Slot = (String, String);

fn tests(reading: &Reading) -> BTreeMap<Slot, &Test> {
    let slot = |operator: Operator, test: &Test| (operator.to_string(), test.key.to_ascii_lowercase());
    folded(&reading.tests)
        .into_iter()
        .map(|(operator, test)| (slot(operator, test), test))
        .collect()
}

/// The top-level elements that differ.
fn around_statements(desired: &Document, observed: &Document) -> Vec<StatementDifference> {
    let understood = version(desired).is_some() && version(observed).is_some();
    let names: BTreeSet<&str> = desired.elements().chain(observed.elements()).collect();
    names
        .into_iter()
        .filter(|name| match *name {
            "Version" if understood => version(desired) != version(observed),
            "Id" if understood => false,
            name => desired.element(name) != observed.element(name),
        })
        .map(|name| difference(&quote(name), desired.element(name), observed.element(name)))
        .collect()
}

fn difference(field: &str, desired: Option<&Value>, observed: Option<&Value>) -> StatementDifference {
    StatementDifference {
        field: field.to_owned(),
        desired: desired.map(text),
        observed: observed.map(text),
    }
}

/// A value for users: text as it is, other JSON minified.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        other => quote(&json::text(other)),
    }
}
