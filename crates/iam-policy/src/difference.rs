//! How two documents differ, statement by statement, for reports of drift.
//! The wanted and the found document in, a short list of differing places out; no I/O. Called by `diff`.
//!
//! The list is empty exactly when the documents mean the same. Its texts are foreign and therefore cut and stripped.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::canonical::{folded, normal_statement, same_meaning, version};
use super::document::{Document, Statement};
use super::json;
use super::operator::Operator;
use super::reading::{Reading, Test, read};
use crate::text::quote;

#[cfg(test)]
mod tests;

/// One place where two documents differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StatementDifference {
    /// Where, such as `Statement[Sid=Lanyard0123456789abcdef].Effect`, `Statement[1]` or `Version`.
    pub field: String,
    /// What was wanted there; `None` when nothing was.
    pub wanted: Option<String>,
    /// What was found there; `None` when nothing was.
    pub found: Option<String>,
}

/// Where the documents differ by meaning, in the order of the wanted one; what was only found comes last.
#[must_use]
pub fn differences(wanted: &Document, found: &Document) -> Vec<StatementDifference> {
    if same_meaning(wanted, found) {
        return Vec::new();
    }
    let mut all = around_statements(wanted, found);
    for pair in pairs(&entries(wanted), &entries(found)) {
        match pair {
            (Some(wanted), Some(found)) => all.extend(in_pair(wanted, found)),
            (wanted, found) => all.extend(alone(wanted, found)),
        }
    }
    // Around something unknown even the order of statements may count, and then no single place is to blame.
    if all.is_empty() {
        all.push(difference(
            "Document",
            Some(&wanted.to_value()),
            Some(&found.to_value()),
        ));
    }
    all
}

/// A statement with what is needed to find its partner.
#[derive(Debug)]
struct Entry<'a> {
    index: usize,
    statement: &'a Statement,
    normal: Value,
}

type Pair<'a> = (Option<&'a Entry<'a>>, Option<&'a Entry<'a>>);

fn entries(document: &Document) -> Vec<Entry<'_>> {
    let entry = |(index, statement)| Entry {
        index,
        statement,
        normal: normal_statement(statement),
    };
    document.statements().iter().enumerate().map(entry).collect()
}

/// Every statement once: with its partner by `Sid`, else by meaning, else by likeness, else alone.
fn pairs<'a>(wanted: &'a [Entry<'a>], found: &'a [Entry<'a>]) -> Vec<Pair<'a>> {
    let mut left: Vec<&Entry> = wanted.iter().collect();
    let mut right: Vec<&Entry> = found.iter().collect();
    let mut pairs: Vec<Pair> = Vec::new();
    for score in [same_sid, same_normal, likeness] {
        left.retain(|&entry| {
            let best = right
                .iter()
                .enumerate()
                .map(|(at, other)| (score(entry, other), at))
                .filter(|(score, _)| *score > 0);
            // The first of the best, so that equal candidates pair in their order.
            let Some((_, at)) = best.min_by_key(|(score, at)| (usize::MAX - score, *at)) else {
                return true;
            };
            pairs.push((Some(entry), Some(right.remove(at))));
            false
        });
    }
    let meant = |side: &[Entry], entry: &Entry| side.iter().any(|other| other.normal == entry.normal);
    // A statement that stands on the other side too is only a repetition.
    pairs.extend(
        left.into_iter()
            .filter(|entry| !meant(found, entry))
            .map(|entry| (Some(entry), None)),
    );
    pairs.extend(
        right
            .into_iter()
            .filter(|entry| !meant(wanted, entry))
            .map(|entry| (None, Some(entry))),
    );
    let place = |side: Option<&Entry>| side.map_or(usize::MAX, |entry| entry.index);
    pairs.sort_by_key(|(wanted, found)| (place(*wanted), place(*found)));
    pairs
}

fn same_sid(a: &Entry, b: &Entry) -> usize {
    let sid = a.statement.sid().filter(|sid| !sid.is_empty());
    usize::from(sid.is_some() && sid == b.statement.sid())
}

fn same_normal(a: &Entry, b: &Entry) -> usize {
    usize::from(a.normal == b.normal)
}

/// How many elements two statements share, when that is at least half of them.
fn likeness(a: &Entry, b: &Entry) -> usize {
    let (Value::Object(a), Value::Object(b)) = (&a.normal, &b.normal) else {
        return 0;
    };
    let all: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let shared = all.iter().filter(|key| a.get(**key) == b.get(**key)).count();
    if shared * 2 >= all.len() { shared } else { 0 }
}

fn alone(wanted: Option<&Entry>, found: Option<&Entry>) -> Option<StatementDifference> {
    let entry = wanted.or(found)?;
    let value = |side: Option<&Entry>| side.map(|entry| text(entry.statement.value()));
    Some(StatementDifference {
        field: entry.statement.label(entry.index),
        wanted: value(wanted),
        found: value(found),
    })
}

/// What differs between two statements that belong together, element by element.
fn in_pair(wanted: &Entry, found: &Entry) -> Vec<StatementDifference> {
    if wanted.normal == found.normal {
        return Vec::new();
    }
    let label = wanted.statement.label(wanted.index);
    let (Value::Object(a), Value::Object(b)) = (wanted.statement.value(), found.statement.value()) else {
        return vec![difference(
            &label,
            Some(wanted.statement.value()),
            Some(found.statement.value()),
        )];
    };
    let readings = (read(wanted.statement.value()), read(found.statement.value()));
    let (Ok(wanted_reading), Ok(found_reading)) = readings else {
        return by_element(&label, (a, b), (a, b));
    };
    let normals = (
        without_condition(&wanted.normal),
        without_condition(&found.normal),
    );
    let mut all = by_element(&label, (&normals.0, &normals.1), (a, b));
    all.extend(by_test(
        &label,
        (&wanted_reading, &found_reading),
        (a.get("Condition"), b.get("Condition")),
    ));
    all
}

fn without_condition(normal: &Value) -> Map<String, Value> {
    let mut elements = normal.as_object().cloned().unwrap_or_default();
    elements.remove("Condition");
    elements
}

/// The elements that differ in the compared pair, with their texts from the shown pair.
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

/// The condition keys that differ. The whole condition would often be cut before the place that matters.
fn by_test(
    label: &str,
    readings: (&Reading, &Reading),
    conditions: (Option<&Value>, Option<&Value>),
) -> Vec<StatementDifference> {
    let (wanted, found) = (tests(readings.0), tests(readings.1));
    let slots: BTreeSet<&Slot> = wanted.keys().chain(found.keys()).collect();
    let mut all = Vec::new();
    for slot in slots {
        let (a, b) = (wanted.get(slot), found.get(slot));
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
            wanted: shown(a, conditions.0),
            found: shown(b, conditions.1),
        });
    }
    all
}

/// Operator and key of a test in the normal form.
type Slot = (String, String);

fn tests(reading: &Reading) -> BTreeMap<Slot, &Test> {
    let slot = |operator: Operator, test: &Test| (operator.to_string(), test.key.to_ascii_lowercase());
    folded(&reading.tests)
        .into_iter()
        .map(|(operator, test)| (slot(operator, test), test))
        .collect()
}

/// The top-level elements that differ.
fn around_statements(wanted: &Document, found: &Document) -> Vec<StatementDifference> {
    let understood = version(wanted).is_some() && version(found).is_some();
    let names: BTreeSet<&str> = wanted.elements().chain(found.elements()).collect();
    names
        .into_iter()
        .filter(|name| match *name {
            "Version" if understood => version(wanted) != version(found),
            "Id" if understood => false,
            name => wanted.element(name) != found.element(name),
        })
        .map(|name| difference(&quote(name), wanted.element(name), found.element(name)))
        .collect()
}

fn difference(field: &str, wanted: Option<&Value>, found: Option<&Value>) -> StatementDifference {
    StatementDifference {
        field: field.to_owned(),
        wanted: wanted.map(text),
        found: found.map(text),
    }
}

/// A value for people: text as it is, anything else as minified JSON.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        other => quote(&json::text(other)),
    }
}
