//! Random rows of a class, similar documents of a tenant, and similar requests, for the property of guardrails.
//! Input: random choices; output: cases. No I/O.

use std::collections::BTreeMap;

use lanyard_core::class::Row;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

use crate::policy_evaluator::Request;

pub const NAMESPACE: &str = "ab";
/// The condition key that variables use; its value is part of the request.
const KEY: &str = "a:b";

/// A class, a document of a tenant that follows it, and a request.
#[derive(Debug, Clone)]
pub struct Case {
    pub rows: Vec<Row>,
    pub document: Value,
    pub request: Request,
}

/// A short pattern over a small alphabet, so that two patterns often match and all forms are covered.
fn pattern() -> impl Strategy<Value = String> {
    let letters = prop_oneof![3 => Just("a"), 2 => Just("b"), 1 => Just("A"), 1 => Just(":")];
    let wildcards = prop_oneof![3 => Just("*"), 2 => Just("?")];
    let filled_in = prop_oneof![2 => Just("{namespace}"), 2 => Just("${a:b}"), 1 => Just("${*}")];
    let broken = select(vec!["${", "$", "}"]);
    let piece = prop_oneof![6 => letters, 5 => wildcards, 4 => filled_in, 1 => broken];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

/// A row that restricts actions, resources or both, so that each restriction is tested alone.
fn row() -> impl Strategy<Value = Row> {
    let patterns = || prop::collection::vec(pattern(), 1..3);
    let alone = 0..3;
    (patterns(), patterns(), alone).prop_map(|(actions, resources, alone)| {
        let all = || vec!["*".to_owned()];
        match alone {
            0 => Row {
                actions: all(),
                resources,
            },
            1 => Row {
                actions,
                resources: all(),
            },
            _ => Row { actions, resources },
        }
    })
}

/// One edit of a pattern: at a position, an optional removal and an optional insertion.
type Edit = (Index, bool, Option<&'static str>);

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    // Mostly wildcards and variables, with which a tenant would extend its access.
    let wildcards = select(vec!["*", "*", "?", "${a:b}", "${a:b}", "${?}"]);
    let letters = select(vec!["a", "b", "B", "$", "{", "}"]);
    let piece = prop_oneof![2 => wildcards, 1 => letters];
    let piece = prop::option::weighted(0.8, piece);
    let edit = (any::<Index>(), any::<bool>(), piece);
    prop_oneof![1 => Just(Vec::new()), 1 => prop::collection::vec(edit, 1..3)]
}

fn edited(pattern: &str, edits: &[Edit]) -> String {
    let mut text: Vec<String> = pattern.chars().map(String::from).collect();
    for (at, out, piece) in edits {
        let at = at.index(text.len() + 1);
        if *out && at < text.len() {
            drop(text.remove(at));
        }
        if let Some(piece) = piece {
            text.insert(at, (*piece).to_owned());
        }
    }
    text.concat()
}

/// One element of a statement of a tenant.
#[derive(Debug, Clone)]
struct Element {
    /// The pattern of the class that each pattern is derived from, and its edits.
    from: Vec<(Index, Vec<Edit>)>,
    not: bool,
    bare: bool,
}

fn element() -> impl Strategy<Value = Element> {
    let pattern = || (any::<Index>(), edits());
    let from =
        prop_oneof![3 => prop::collection::vec(pattern(), 1), 1 => prop::collection::vec(pattern(), 2)];
    (from, prop::bool::weighted(0.05), any::<bool>()).prop_map(|(from, not, bare)| Element {
        from,
        not,
        bare,
    })
}

impl Element {
    fn write(&self, name: &str, patterns: &[String], into: &mut Map<String, Value>) {
        let written = |(at, edits): &(Index, Vec<Edit>)| {
            edited(&at.get(patterns).replace("{namespace}", NAMESPACE), edits)
        };
        let texts: Vec<String> = self.from.iter().map(written).collect();
        let name = if self.not {
            format!("Not{name}")
        } else {
            name.to_owned()
        };
        let value = match texts.as_slice() {
            [one] if self.bare => json!(one),
            many => json!(many),
        };
        into.insert(name, value);
    }
}

/// The other elements of a statement.
fn extras() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    let extra = select(vec![
        ("Sid", json!("A")),
        ("Condition", json!({"StringEquals": {"a:b": "x"}})),
        ("Condition", json!({"StringNotEquals": {"a:b": "x"}})),
        ("Principal", json!("*")),
        ("NotPrincipal", json!({"AWS": "*"})),
        ("action", json!("*")),
        ("NotAction", json!("b")),
        ("NotResource", json!(["b"])),
    ]);
    let none = Just(Vec::new());
    prop_oneof![5 => none, 1 => prop::collection::vec(extra, 1..3)]
}

fn statement(rows: Vec<Row>) -> impl Strategy<Value = Value> {
    let effect = prop_oneof![16 => Just("Allow"), 2 => Just("Deny"), 1 => Just("allow")];
    // A guardrail must not accept the actions of one row with the resources of another.
    let of = (any::<Index>(), any::<Index>(), prop::bool::weighted(0.9));
    let present = prop::bool::weighted(0.95);
    (effect, of, element(), element(), extras(), present).prop_map(
        move |(effect, (one, other, same), action, resource, extras, present)| {
            let (row, other) = (one.get(&rows), other.get(&rows));
            let mut statement = Map::from_iter([("Effect".to_owned(), json!(effect))]);
            action.write("Action", &row.actions, &mut statement);
            if present {
                let resources = if same { &row.resources } else { &other.resources };
                resource.write("Resource", resources, &mut statement);
            }
            for (key, value) in extras {
                statement.insert(key.to_owned(), value);
            }
            Value::Object(statement)
        },
    )
}

fn document(rows: Vec<Row>) -> impl Strategy<Value = Value> {
    let version = select(vec![
        json!("2012-10-17"),
        json!("2012-10-17"),
        json!("2008-10-17"),
        Value::Null,
    ]);
    let many = prop::collection::vec(statement(rows.clone()), 2);
    let statements = prop_oneof![3 => prop::collection::vec(statement(rows), 1), 1 => many];
    (version, statements, any::<bool>()).prop_map(|(version, statements, bare)| {
        let statement = match statements.as_slice() {
            [one] if bare => one.clone(),
            many => json!(many),
        };
        match version {
            Value::Null => json!({ "Statement": statement }),
            version => json!({"Version": version, "Statement": statement}),
        }
    })
}

/// A text that a pattern could match, with its wildcards and variables replaced.
fn filled(pattern: &str, value: &str, fillings: &[String]) -> String {
    let mut fillings = fillings.iter().cycle();
    let mut next = || fillings.next().map(String::as_str).unwrap_or_default();
    let pattern = pattern.replace("{namespace}", NAMESPACE).replace("${a:b}", value);
    let fill = |c: char| match c {
        '*' => next().to_owned(),
        '?' => next().chars().next().unwrap_or('a').to_string(),
        c => c.to_string(),
    };
    pattern.chars().map(fill).collect()
}

/// Every pattern of the document and of the rows.
fn patterns(rows: &[Row], document: &Value, names: [&str; 2], of: fn(&Row) -> &Vec<String>) -> Vec<String> {
    let mut patterns: Vec<String> = rows.iter().flat_map(of).cloned().collect();
    let statements = match &document["Statement"] {
        Value::Array(many) => many.as_slice(),
        one => std::slice::from_ref(one),
    };
    for element in statements
        .iter()
        .flat_map(|statement| names.map(|name| &statement[name]))
    {
        let many = element.as_array().into_iter().flatten();
        let texts = many.chain([element]).filter_map(Value::as_str);
        // The patterns of the tenant have a higher weight: a request that no document matches proves nothing.
        patterns.extend(texts.flat_map(|text| std::iter::repeat_n(text.to_owned(), 3)));
    }
    patterns
}

pub fn case() -> impl Strategy<Value = Case> {
    let rows = prop::collection::vec(row(), 1..3);
    let with_document = rows.prop_flat_map(|rows| (Just(rows.clone()), document(rows)));
    let values = select(["", "a", "ab", "*", "x"].map(str::to_owned).to_vec());
    let fillings = prop::collection::vec(
        select(["", "a", "b", "ab", "*", "x"].map(str::to_owned).to_vec()),
        1..4,
    );
    let picked = (any::<Index>(), any::<Index>());
    (with_document, values, fillings, picked).prop_map(|((rows, document), value, fillings, picked)| {
        let actions = patterns(&rows, &document, ["Action", "NotAction"], |row| &row.actions);
        let resources = patterns(&rows, &document, ["Resource", "NotResource"], |row| {
            &row.resources
        });
        let request = Request {
            principal: ("AWS".to_owned(), "arn:aws:iam::111122223333:role/r".to_owned()),
            action: filled(picked.0.get::<String>(&actions), &value, &fillings),
            resource: filled(picked.1.get::<String>(&resources), &value, &fillings),
            context: BTreeMap::from([(KEY.to_owned(), vec![value])]),
        };
        Case {
            rows,
            document,
            request,
        }
    })
}
