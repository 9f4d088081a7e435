//! Random policy documents over a small alphabet, so that equal meanings are common. Input: random choices; output:
//! JSON documents. No I/O.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Condition keys; `aws:TagKeys` has several values.
pub const KEYS: [&str; 5] = ["aws:SourceArn", "a:tag", "aws:TagKeys", "a:age", "a:flag"];

const OPERATORS: [&str; 18] = [
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "ArnEquals",
    "ArnLike",
    "ArnNotEquals",
    "StringEqualsIfExists",
    "StringLikeIfExists",
    "StringNotEqualsIfExists",
    "ForAllValues:StringEquals",
    "ForAllValues:StringLike",
    "ForAnyValue:StringLike",
    "ForAnyValue:ArnLike",
    "Null",
    "Bool",
    "NumericEquals",
];

fn one_of(choices: &[Value]) -> impl Strategy<Value = Value> + use<> {
    prop::sample::select(choices.to_vec())
}

/// One of the choices, or a short list of them.
fn some_of(choices: Vec<Value>) -> impl Strategy<Value = Value> {
    let list = prop::collection::vec(prop::sample::select(choices.clone()), 0..3).prop_map(Value::from);
    prop_oneof![one_of(&choices), list]
}

fn actions() -> impl Strategy<Value = Value> {
    some_of(
        ["s3:Get", "S3:get", "s3:Put", "s3:*", "s3:?et", "*"]
            .map(Value::from)
            .to_vec(),
    )
}

fn resources() -> impl Strategy<Value = Value> {
    some_of(
        [
            "*",
            "arn:a",
            "arn:A",
            "arn:?",
            "arn:${a:tag}",
            "arn:${*}",
            "arn:*",
        ]
        .map(Value::from)
        .to_vec(),
    )
}

fn principals() -> impl Strategy<Value = Value> {
    let ids = [
        "111122223333",
        "arn:aws:iam::111122223333:root",
        "arn:aws-cn:iam::111122223333:root",
        "svc",
        "*",
    ];
    let ids = || some_of(ids.map(Value::from).to_vec());
    prop_oneof![
        Just(json!("*")),
        ids().prop_map(|ids| json!({ "AWS": ids })),
        ids().prop_map(|ids| json!({ "Service": ids })),
        (ids(), ids()).prop_map(|(a, b)| json!({"Federated": a, "AWS": b})),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let texts = [
        "x",
        "X",
        "x*",
        "?",
        "${*}",
        "${a:tag}",
        "x${a:tag}",
        "arn:a:b:c:d:e",
        "arn:*:d:e",
        "true",
        "5",
        "",
    ];
    let mut choices: Vec<Value> = texts.map(Value::from).to_vec();
    choices.extend([json!(true), json!(5), json!(false)]);
    some_of(choices)
}

fn test() -> impl Strategy<Value = (&'static str, &'static str, Value)> {
    (
        prop::sample::select(OPERATORS.to_vec()),
        prop::sample::select(KEYS.to_vec()),
        values(),
    )
}

/// Up to two tests, often of one key, so that operators are combined.
fn conditions() -> impl Strategy<Value = Value> {
    let same_key = (test(), test()).prop_map(|(a, b)| vec![a.clone(), (b.0, a.1, b.2)]);
    let any = prop::collection::vec(test(), 0..3);
    prop_oneof![same_key, any].prop_map(|tests| {
        let mut condition: Map<String, Value> = Map::new();
        for (operator, key, value) in tests {
            let keys = condition.entry(operator).or_insert_with(|| json!({}));
            if let Value::Object(keys) = keys {
                keys.insert(key.to_owned(), value);
            }
        }
        Value::Object(condition)
    })
}

/// An element that exists, and has its `Not...` form, with these probabilities.
fn element(
    name: &'static str,
    values: impl Strategy<Value = Value>,
    present: f64,
    not: f64,
) -> impl Strategy<Value = Option<(String, Value)>> {
    let name = prop::bool::weighted(not).prop_map(move |not| {
        if not {
            format!("Not{name}")
        } else {
            name.to_owned()
        }
    });
    (prop::bool::weighted(present), name, values)
        .prop_map(|(present, name, value)| present.then_some((name, value)))
}

fn statement() -> impl Strategy<Value = Value> {
    let elements = [
        element(
            "Effect",
            one_of(&["Allow", "Allow", "Deny"].map(Value::from)),
            1.0,
            0.0,
        )
        .boxed(),
        element("Action", actions(), 1.0, 0.2).boxed(),
        element("Resource", resources(), 0.8, 0.2).boxed(),
        element("Principal", principals(), 0.4, 0.1).boxed(),
        element("Condition", conditions(), 0.6, 0.0).boxed(),
    ];
    elements.prop_map(|elements| {
        let mut statement: Map<String, Value> = elements.into_iter().flatten().collect();
        // The short form of all principals exists only without `Not`.
        if let Some(everyone) = statement
            .get_mut("NotPrincipal")
            .filter(|principal| principal.is_string())
        {
            *everyone = json!({"AWS": "*"});
        }
        Value::Object(statement)
    })
}

/// A statement with only one restrictive element, so that no other element hides a change of it.
fn focused() -> impl Strategy<Value = Value> {
    let one = prop_oneof![
        4 => element("Condition", conditions(), 1.0, 0.0),
        1 => element("Resource", resources(), 1.0, 0.2),
        1 => element("Principal", principals().prop_filter("a map", Value::is_object), 1.0, 0.1),
    ];
    let effect = prop::sample::select(vec!["Allow", "Allow", "Deny"]);
    (effect, one).prop_map(|(effect, element)| {
        let around =
            [("Effect", effect), ("Action", "*")].map(|(name, value)| (name.to_owned(), Value::from(value)));
        around.into_iter().chain(element).collect()
    })
}

/// A document that is valid in IAM's grammar.
pub fn document() -> impl Strategy<Value = Value> {
    let versions = [
        json!("2012-10-17"),
        json!("2012-10-17"),
        json!("2008-10-17"),
        Value::Null,
    ];
    let statements = prop_oneof![
        2 => prop::collection::vec(focused(), 1),
        1 => prop::collection::vec(statement(), 0..4),
    ];
    (one_of(&versions), statements).prop_map(|(version, statements)| {
        let elements = [("Version", version), ("Statement", Value::from(statements))];
        elements
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    })
}
