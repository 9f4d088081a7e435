//! Edits of policy documents: rewritings that IAM documents as equivalent, and edits that may change the meaning.
//! Input: a JSON document and random choices; output: a document. No I/O.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// An endless source of small random numbers, so that the last edit is as random as the first.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn roll(&mut self, sides: usize) -> usize {
        // Knuth's linear congruential generator; its high bits are the random ones.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % sides.max(1)
    }
}

pub fn dice() -> impl Strategy<Value = Dice> {
    any::<u64>().prop_map(Dice)
}

/// The same document in another notation, by equivalences that IAM documents.
pub fn rewritten(document: &Value, dice: &mut Dice) -> Value {
    let mut out = document.clone();
    if let Some(object) = out.as_object_mut() {
        if object
            .get("Version")
            .is_some_and(|version| version == "2008-10-17")
            && dice.roll(2) == 0
        {
            object.remove("Version");
        }
        if let Some(statements) = object.get_mut("Statement").and_then(Value::as_array_mut) {
            for statement in statements.iter_mut().filter_map(Value::as_object_mut) {
                rewrite_statement(statement, dice);
            }
            if let Some(twice) = statements.get(dice.roll(8)).cloned() {
                statements.push(twice);
            }
            shuffle(statements, dice);
        }
    }
    out
}

fn rewrite_statement(statement: &mut Map<String, Value>, dice: &mut Dice) {
    if dice.roll(2) == 0 {
        statement.insert("Sid".to_owned(), json!(format!("Sid{}", dice.roll(9))));
    }
    for (name, value) in statement.iter_mut() {
        match (name.as_str(), value) {
            ("Action" | "NotAction", value) => {
                swap_case(value, dice);
                relist(value, dice);
            }
            ("Resource" | "NotResource", value) => relist(value, dice),
            ("Principal", value) if *value == "*" && dice.roll(2) == 0 => *value = json!({"AWS": ["*"]}),
            ("Principal" | "NotPrincipal", Value::Object(types)) => {
                types
                    .iter_mut()
                    .for_each(|(kind, ids)| rewrite_principals(kind, ids, dice));
            }
            ("Condition", Value::Object(operators)) => rewrite_condition(operators, dice),
            _ => {}
        }
    }
}

fn rewrite_principals(kind: &str, ids: &mut Value, dice: &mut Dice) {
    relist(ids, dice);
    if kind == "AWS" && *ids == "111122223333" && dice.roll(2) == 0 {
        *ids = json!("arn:aws:iam::111122223333:root");
    }
}

fn rewrite_condition(operators: &mut Map<String, Value>, dice: &mut Dice) {
    let names: Vec<String> = operators.keys().cloned().collect();
    let mut out = Map::new();
    for (operator, keys) in std::mem::take(operators) {
        let Value::Object(keys) = keys else { continue };
        let keys = keys.into_iter().map(|(key, mut value)| {
            relist(&mut value, dice);
            if value.is_boolean() || value.is_u64() {
                value = json!(value.to_string());
            }
            (
                if dice.roll(2) == 0 {
                    key.to_uppercase()
                } else {
                    key
                },
                value,
            )
        });
        let keys = Value::Object(keys.collect());
        // A renaming must not replace an existing key.
        let renamed = operator
            .replace("ArnEquals", "ArnLike")
            .replace("ArnNotEquals", "ArnNotLike");
        let keep = names.contains(&renamed) || dice.roll(2) == 0;
        out.insert(if keep { operator } else { renamed }, keys);
    }
    *operators = out;
}

fn swap_case(value: &mut Value, dice: &mut Dice) {
    match value {
        Value::String(text) if dice.roll(2) == 0 => *text = text.to_uppercase(),
        Value::Array(items) => items.iter_mut().for_each(|item| swap_case(item, dice)),
        _ => {}
    }
}

/// Text becomes a list of one item and back; a list is shuffled and repeats an item.
fn relist(value: &mut Value, dice: &mut Dice) {
    match value {
        Value::Array(items) => {
            if let Some(twice) = items.get(dice.roll(6)).cloned() {
                items.push(twice);
            }
            shuffle(items, dice);
            if let ([only], 0) = (items.as_slice(), dice.roll(2)) {
                *value = only.clone();
            }
        }
        Value::Object(_) => {}
        single if dice.roll(2) == 0 => *single = json!([single]),
        _ => {}
    }
}

fn shuffle(items: &mut [Value], dice: &mut Dice) {
    for at in 1..items.len() {
        items.swap(at, dice.roll(at + 1));
    }
}

/// Pairs of similar words.
const CONFUSABLE: [(&str, &str); 26] = [
    ("Allow", "Deny"),
    ("Action", "NotAction"),
    ("Resource", "NotResource"),
    ("Principal", "NotPrincipal"),
    ("AWS", "Federated"),
    ("AWS", "Service"),
    ("StringEquals", "StringLike"),
    ("StringEquals", "StringEqualsIfExists"),
    ("StringEquals", "ForAllValues:StringEquals"),
    ("StringEquals", "StringEqualsIgnoreCase"),
    ("StringEquals", "StringNotEquals"),
    ("StringLike", "StringLikeIfExists"),
    ("StringLike", "ForAllValues:StringLike"),
    ("ForAllValues:StringLike", "ForAllValues:StringEquals"),
    ("StringNotEquals", "StringNotLike"),
    ("ArnLike", "StringLike"),
    ("ArnLike", "ArnEquals"),
    ("ArnLike", "ForAnyValue:ArnLike"),
    ("ArnEquals", "ArnNotEquals"),
    ("Null", "Bool"),
    ("x*", "x"),
    ("${*}", "*"),
    ("arn:a", "arn:A"),
    ("111122223333", "arn:aws:iam::111122223333:root"),
    ("111122223333", "arn:aws-cn:iam::111122223333:root"),
    ("a:tag", "A:TAG"),
];

/// All documents that are one edit away: a word replaced by a similar one, an element or item removed or added. Some
/// have the same meaning, most do not, and some are invalid.
pub fn edits(value: &Value) -> Vec<Value> {
    match value {
        Value::String(text) => confused(text).into_iter().map(Value::from).collect(),
        Value::Array(items) => (0..items.len())
            .flat_map(|at| edits_of_member(items, at))
            .collect(),
        Value::Object(object) => object
            .iter()
            .flat_map(|(name, value)| edits_of_entry(object, name, value))
            .collect(),
        scalar => vec![json!(scalar.to_string())],
    }
}

/// One edit of a document, or the document itself if no edit is possible.
pub fn edited(document: &Value, dice: &mut Dice) -> Value {
    let mut edits = edits(document);
    if edits.is_empty() {
        document.clone()
    } else {
        edits.swap_remove(dice.roll(edits.len()))
    }
}

fn edits_of_member(items: &[Value], at: usize) -> Vec<Value> {
    let with = |other: Option<Value>| {
        let (before, after) = items.split_at(at);
        before
            .iter()
            .cloned()
            .chain(other)
            .chain(after.iter().skip(1).cloned())
            .collect()
    };
    let own = items.get(at).map(edits).unwrap_or_default();
    own.into_iter().map(Some).chain([None]).map(with).collect()
}

fn edits_of_entry(object: &Map<String, Value>, name: &str, value: &Value) -> Vec<Value> {
    let with = |entries: Vec<(String, Value)>| {
        let mut object = object.clone();
        object.remove(name);
        object.extend(entries);
        Value::Object(object)
    };
    let own = |value: Value| (name.to_owned(), value);
    let mut all = vec![with(Vec::new())];
    all.extend(edits(value).into_iter().map(|value| with(vec![own(value)])));
    for other in confused(name) {
        all.push(with(vec![(other.clone(), value.clone())]));
        all.push(with(vec![own(value.clone()), (other.clone(), value.clone())]));
        all.push(with(vec![own(value.clone()), (other, json!("X"))]));
    }
    all
}

/// The words similar to this one, including the word in another case.
fn confused(word: &str) -> Vec<String> {
    let other = |(a, b): &(&str, &str)| match word {
        word if word == *a => Some((*b).to_owned()),
        word if word == *b => Some((*a).to_owned()),
        _ => None,
    };
    let recased = [word.to_lowercase(), word.to_uppercase()];
    CONFUSABLE
        .iter()
        .filter_map(other)
        .chain(recased)
        .filter(|other| other != word)
        .collect()
}
