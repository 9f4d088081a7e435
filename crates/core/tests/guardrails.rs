//! The property of guardrails: an accepted document never allows an action on a resource that the class does not
//! allow. Input: random classes and similar random documents; the access is evaluated by code that the crate does not
//! share, which reads the rows of a class as a policy. No I/O.

#![cfg(test)]

#[path = "../../iam-policy/tests/support/policy_evaluator.rs"]
mod policy_evaluator;
#[path = "support/tenants.rs"]
mod tenants;

use lanyard_core::class::guardrails::forbidden;
use lanyard_core::class::{Class, Guardrails, Row};
use lanyard_core::model::spec::{ManagedRoleSpec, Method, Spec};
use lanyard_core::model::subject::Subject;
use policy_evaluator::{Outcome, evaluate};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use tenants::{Case, NAMESPACE, case};

fn subject() -> Subject {
    serde_json::from_value(json!({
        "cluster": "arn:aws:eks:eu-west-1:111122223333:cluster/prod",
        "namespace": NAMESPACE,
        "name": "orders",
    }))
    .unwrap()
}

fn is_accepted(rows: &[Row], document: &Value) -> bool {
    let guardrails = Guardrails {
        methods: vec![Method::PodIdentity],
        inline: rows.to_vec(),
        ..Guardrails::default()
    };
    let class = Class {
        limits: guardrails.into(),
        ..Class::default()
    };
    let managed = ManagedRoleSpec {
        inline_policies: vec![("p".to_owned(), document.clone())],
        ..ManagedRoleSpec::default()
    };
    let spec = Spec {
        managed: Some(managed),
        ..Spec::default()
    };
    forbidden(&spec, Method::PodIdentity, &subject(), &class).is_empty()
}

/// The rows of the class as a policy for this tenant.
fn as_policy(rows: &[Row]) -> Value {
    let filled = |patterns: &[String]| -> Vec<String> {
        patterns
            .iter()
            .map(|pattern| pattern.replace("{namespace}", NAMESPACE))
            .collect()
    };
    let statement = |row: &Row| json!({"Effect": "Allow", "Action": filled(&row.actions), "Resource": filled(&row.resources)});
    json!({"Version": "2012-10-17", "Statement": rows.iter().map(statement).collect::<Vec<_>>()})
}

/// The document without deny statements. A deny statement does not justify an allow statement, since it may be
/// removed later.
fn without_denials(document: &Value) -> Value {
    let mut document = document.clone();
    if let Some(Value::Array(statements)) = document.get_mut("Statement") {
        statements.retain(|statement| statement["Effect"] != "Deny");
    }
    document
}

fn is_allowed(document: &Value, case: &Case) -> bool {
    evaluate(document, &case.request) == Outcome::Allowed
}

proptest! {
    #![proptest_config(Config { cases: 16_000, failure_persistence: None, max_shrink_iters: 4096, ..Config::default() })]

    #[test]
    fn accepted_document_allows_only_what_the_class_allows(case in case()) {
        if is_accepted(&case.rows, &case.document) && is_allowed(&without_denials(&case.document), &case) {
            prop_assert!(is_allowed(&as_policy(&case.rows), &case));
        }
    }

    #[test]
    fn rows_as_document_are_accepted(case in case()) {
        let policy = as_policy(&case.rows);
        prop_assert!(is_accepted(&case.rows, &policy), "{policy}");
    }
}

/// The keys of tags in rows and specs, in several cases.
const KEYS: [&str; 5] = ["team", "Team", "teamx", "cost-center", NAMESPACE];

fn tag_key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&KEYS[..])
}

/// A row that reads a tag: plainly, with a default value, in another case, with the namespace as the key, or not at all.
fn tag_row() -> impl Strategy<Value = Row> {
    let form = prop::sample::select(
        &[
            "${aws:PrincipalTag/KEY}",
            "a-${AWS:principaltag/KEY}-b",
            "${aws:PrincipalTag/KEY, 'none'}",
            "${aws:PrincipalTag/{namespace}}",
            "KEY",
        ][..],
    );
    (form, tag_key()).prop_map(|(form, key)| Row {
        actions: vec!["s3:*".to_owned()],
        resources: vec![format!("arn:aws:s3:::{}/*", form.replace("KEY", key))],
    })
}

/// The resource of a row for a session with this tag, as IAM resolves it.
fn resolved(resource: &str, key: &str, value: &str) -> String {
    let resource = resource.replace("{namespace}", NAMESPACE).to_lowercase();
    let key = key.to_lowercase();
    let with_default = format!("${{aws:principaltag/{key}, 'none'}}");
    let plain = format!("${{aws:principaltag/{key}}}");
    resource.replace(&plain, value).replace(&with_default, value)
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    #[test]
    fn accepted_tag_selects_no_resource_of_a_row(
        rows in prop::collection::vec(tag_row(), 0..4),
        keys in prop::collection::vec(tag_key(), 0..3),
        is_enforced in any::<bool>(),
    ) {
        let enforced = if is_enforced { json!({"team": "shop"}) } else { json!({}) };
        let class = Class {
            limits: Guardrails {
                methods: vec![Method::PodIdentity],
                inline: rows.clone(),
                tag_keys: vec!["*".to_owned()],
                ..Guardrails::default()
            }
            .into(),
            enforced_tags: serde_json::from_value(enforced).unwrap(),
            ..Class::default()
        };
        let managed = ManagedRoleSpec {
            tags: keys.iter().map(|key| ((*key).to_owned(), "shop".to_owned())).collect(),
            ..ManagedRoleSpec::default()
        };
        let spec = Spec { managed: Some(managed), ..Spec::default() };
        if forbidden(&spec, Method::PodIdentity, &subject(), &class).is_empty() {
            let free = keys.iter().filter(|key| !(is_enforced && **key == "team"));
            for (key, resource) in free.flat_map(|key| rows.iter().map(move |row| (key, &row.resources[0]))) {
                prop_assert_eq!(resolved(resource, key, "mine"), resolved(resource, key, "yours"));
            }
        }
    }
}

/// The property is meaningful only if many documents are accepted, many are rejected, and many requests are allowed.
#[test]
fn random_documents_are_close_to_the_class() {
    let mut runner = TestRunner::deterministic();
    let mut draw = || case().new_tree(&mut runner).unwrap().current();
    let cases: Vec<Case> = (0..2000).map(|_| draw()).collect();
    let (accepted, rejected): (Vec<&Case>, Vec<&Case>) = cases
        .iter()
        .partition(|case| is_accepted(&case.rows, &case.document));
    let count = |of: &[&Case]| of.iter().filter(|case| is_allowed(&case.document, case)).count();
    let beyond =
        |case: &&&Case| is_allowed(&case.document, case) && !is_allowed(&as_policy(&case.rows), case);
    let counts = (
        accepted.len(),
        count(&accepted),
        count(&rejected),
        rejected.iter().filter(beyond).count(),
    );
    assert!(
        counts.0 > 400 && counts.1 > 100 && counts.2 > 200 && counts.3 > 200,
        "{counts:?}"
    );
}
