//! Properties of the comparison of policy documents by meaning, on random documents over a small alphabet. Documents
//! with equal canonical forms must grant the same access; an evaluator that shares no code with the crate decides
//! this.

#[path = "support/policy_documents.rs"]
mod policy_documents;
#[path = "support/policy_edits.rs"]
mod policy_edits;
#[path = "support/policy_evaluator.rs"]
mod policy_evaluator;

use std::collections::BTreeMap;

use lanyard_iam_policy::{CanonicalForm, Document, differences, digest, same_meaning};
use policy_documents::document;
use policy_edits::{Dice, dice, edited, edits, rewritten};
use policy_evaluator::{Outcome, Request, evaluate};
use proptest::prelude::*;
use serde_json::Value;

fn read(value: &Value) -> Result<Document, TestCaseError> {
    Document::from_value(value.clone()).map_err(|error| TestCaseError::fail(error.to_string()))
}

/// Some values of a condition key, including none.
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

/// The document in another notation and with some edits.
fn changed(document: &Value, edits: usize, dice: &mut Dice) -> Value {
    (0..edits).fold(rewritten(document, dice), |document, _| edited(&document, dice))
}

/// Enough cases to find a wrong equality reliably; `PROPTEST_CASES` can only increase them.
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
    fn canonical_form_is_idempotent(value in document(), edits in 0..3_usize, mut dice in dice()) {
        let normal = read(&changed(&value, edits, &mut dice))?.canonical_form();
        let again = Document::parse(normal.as_str()).map(|document| document.canonical_form());
        prop_assert_eq!(again.map_err(|error| TestCaseError::fail(error.to_string()))?, normal);
    }

    #[test]
    fn equivalent_notation_has_the_same_digest(value in document(), mut dice in dice()) {
        let other = rewritten(&value, &mut dice);
        prop_assert_eq!(digest(&read(&value)?), digest(&read(&other)?), "{}", other);
    }

    /// Compares a document with all documents that are one edit away.
    #[test]
    fn documents_of_one_canonical_form_grant_the_same(
        value in document(),
        mut dice in dice(),
        requests in prop::collection::vec(request(), 40),
    ) {
        let mut alike: BTreeMap<CanonicalForm, Vec<Value>> = BTreeMap::new();
        for other in edits(&value).into_iter().chain([rewritten(&value, &mut dice), value]) {
            alike.entry(read(&other)?.canonical_form()).or_default().push(other);
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
    fn differences_are_empty_exactly_for_equal_meaning(
        value in document(),
        edits in 0..3_usize,
        mut dice in dice(),
    ) {
        let (desired, observed) = (read(&value)?, read(&changed(&value, edits, &mut dice))?);
        prop_assert_eq!(differences(&desired, &observed).is_empty(), same_meaning(&desired, &observed));
    }

    #[test]
    fn document_round_trips_through_url_encoding(value in document(), edits in 0..3_usize, mut dice in dice()) {
        let document = read(&changed(&value, edits, &mut dice))?;
        let json = document.to_json();
        let encoded: String = json.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for read in [Document::parse(&json), Document::decode(&encoded)] {
            prop_assert_eq!(&read.map_err(|error| TestCaseError::fail(error.to_string()))?, &document);
        }
    }
}

/// The property of equal access is meaningful only if the random requests distinguish documents.
#[test]
fn random_requests_cover_every_outcome() {
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
