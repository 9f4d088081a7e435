//! Properties of comparing policy documents by meaning, on random documents over a tiny alphabet.
//! That two documents of one normal form grant the same is judged by an evaluator that shares no code with the crate.

#[path = "support/policy_documents.rs"]
mod policy_documents;
#[path = "support/policy_edits.rs"]
mod policy_edits;
#[path = "support/policy_evaluator.rs"]
mod policy_evaluator;

use std::collections::BTreeMap;

use lanyard_iam_policy::{Document, Normal, differences, digest, same_meaning};
use policy_documents::document;
use policy_edits::{Dice, dice, edited, edits, rewritten};
use policy_evaluator::{Outcome, Request, evaluate};
use proptest::prelude::*;
use serde_json::Value;

fn read(value: &Value) -> Result<Document, TestCaseError> {
    Document::from_value(value.clone()).map_err(|error| TestCaseError::fail(error.to_string()))
}

/// A few values of a condition key, among them none at all.
fn some_values(choices: &'static [&'static [&'static str]]) -> impl Strategy<Value = Option<Vec<String>>> {
    let owned = |values: &&[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    prop::option::of(prop::sample::select(
        choices.iter().map(owned).collect::<Vec<_>>(),
    ))
}

fn request() -> impl Strategy<Value = Request> {
    let principals = [
        ("AWS", "arn:aws:iam::111122223333:role/r"),
        ("AWS", "svc"),
        ("Service", "svc"),
        ("Federated", "svc"),
        ("Service", "*"),
        ("Service", "111122223333"),
        ("Federated", "arn:aws:iam::111122223333:root"),
    ];
    let context = (
        some_values(&[&["arn:a:b:c:d:e"], &["arn:a:b:c:d:e:f"], &["x"]]),
        some_values(&[
            &["x"],
            &["X"],
            &["xx"],
            &["*"],
            &["${*}"],
            &["${a:tag}"],
            &["?"],
            &[""],
        ]),
        some_values(&[&[], &["x"], &["x", "y"], &["X", "true"]]),
        some_values(&[&["5"], &["5.0"], &["x"]]),
        some_values(&[&["true"], &["false"]]),
    );
    let actions = ["s3:Get", "s3:Put", "sqs:Get"];
    let resources = [
        "arn:a",
        "arn:A",
        "arn:*",
        "arn:${*}",
        "arn:${a:tag}",
        "arn:xx",
        "b",
    ];
    let pick = |choices: Vec<&'static str>| prop::sample::select(choices).prop_map(str::to_owned);
    (
        prop::sample::select(principals.to_vec()),
        pick(actions.to_vec()),
        pick(resources.to_vec()),
        context,
    )
        .prop_map(
            |((kind, name), action, resource, (source, tag, keys, age, flag))| {
                let keys = ["aws:sourcearn", "a:tag", "aws:tagkeys", "a:age", "a:flag"]
                    .into_iter()
                    .zip([source, tag, keys, age, flag]);
                let context = keys
                    .filter_map(|(key, values)| Some((key.to_owned(), values?)))
                    .collect();
                Request {
                    principal: (kind.to_owned(), name.to_owned()),
                    action,
                    resource,
                    context,
                }
            },
        )
}

/// The document in another writing and with so many edits.
fn changed(document: &Value, edits: usize, dice: &mut Dice) -> Value {
    (0..edits).fold(rewritten(document, dice), |document, _| edited(&document, dice))
}

/// Enough cases to find a wrong equality every time; `PROPTEST_CASES` can only ask for more.
fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases.max(500),
        failure_persistence: None,
        ..usual
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn normalising_is_idempotent(value in document(), edits in 0..3_usize, mut dice in dice()) {
        let normal = read(&changed(&value, edits, &mut dice))?.normal();
        let again = Document::parse(normal.as_str()).map(|document| document.normal());
        prop_assert_eq!(again.map_err(|error| TestCaseError::fail(error.to_string()))?, normal);
    }

    #[test]
    fn another_way_to_write_a_document_does_not_change_its_digest(value in document(), mut dice in dice()) {
        let other = rewritten(&value, &mut dice);
        prop_assert_eq!(digest(&read(&value)?), digest(&read(&other)?), "{}", other);
    }

    /// Among a document and all that are one edit away from it.
    #[test]
    fn documents_of_one_normal_form_grant_the_same(
        value in document(),
        mut dice in dice(),
        requests in prop::collection::vec(request(), 40),
    ) {
        let mut alike: BTreeMap<Normal, Vec<Value>> = BTreeMap::new();
        for other in edits(&value).into_iter().chain([rewritten(&value, &mut dice), value]) {
            alike.entry(read(&other)?.normal()).or_default().push(other);
        }
        for documents in alike.values().filter(|documents| documents.len() > 1) {
            for request in &requests {
                let mut outcomes = documents.iter().map(|document| (evaluate(document, request), document));
                let first = outcomes.next();
                let other = outcomes.find(|(outcome, _)| Some(*outcome) != first.map(|(outcome, _)| outcome));
                prop_assert!(other.is_none(), "{:?} {:?} {:?}", request, first, other);
            }
        }
    }

    #[test]
    fn differences_are_empty_exactly_when_the_meaning_is_the_same(
        value in document(),
        edits in 0..3_usize,
        mut dice in dice(),
    ) {
        let (wanted, found) = (read(&value)?, read(&changed(&value, edits, &mut dice))?);
        prop_assert_eq!(differences(&wanted, &found).is_empty(), same_meaning(&wanted, &found));
    }

    #[test]
    fn a_document_survives_being_written_and_url_encoded(value in document(), edits in 0..3_usize, mut dice in dice()) {
        let document = read(&changed(&value, edits, &mut dice))?;
        let json = document.to_json();
        let encoded: String = json.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for read in [Document::parse(&json), Document::decode(&encoded)] {
            prop_assert_eq!(&read.map_err(|error| TestCaseError::fail(error.to_string()))?, &document);
        }
    }
}

/// The property of equal grants says nothing unless the random requests tell documents apart.
#[test]
fn the_random_requests_meet_every_outcome() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = [0_usize; 4];
    for _ in 0..2000 {
        let both = (document(), request()).new_tree(&mut runner).unwrap();
        let (document, request) = proptest::strategy::ValueTree::current(&both);
        let slot = match evaluate(&document, &request) {
            Outcome::Allowed => 0,
            Outcome::Denied => 1,
            Outcome::Untouched => 2,
            Outcome::Malformed => 3,
        };
        seen[slot] += 1;
    }
    assert!(seen[0] > 100 && seen[1] > 100 && seen[2] > 100, "{seen:?}");
}
