//! The property of guardrails: no document that they accept allows an action on a resource that the class does not.
//! Random classes and random documents close to them in; what is allowed is judged by an evaluator that shares no code
//! with the crate, which reads the rows of a class as a policy of their own. No I/O.

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

/// The rows as a policy: what the class allows this tenant, and nothing else.
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

/// The same document without statements that deny: what a statement allows is not excused by another that takes it
/// away, since that other may be taken away later.
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
    fn what_is_accepted_allows_nothing_that_the_class_does_not(case in case()) {
        if is_accepted(&case.rows, &case.document) && is_allowed(&without_denials(&case.document), &case) {
            prop_assert!(is_allowed(&as_policy(&case.rows), &case));
        }
    }

    #[test]
    fn what_a_row_says_itself_is_accepted(case in case()) {
        let policy = as_policy(&case.rows);
        prop_assert!(is_accepted(&case.rows, &policy), "{policy}");
    }
}

/// The property says something only if many documents are accepted, many are not, and many requests are allowed.
#[test]
fn the_documents_are_close_to_the_class() {
    let mut runner = TestRunner::deterministic();
    let mut draw = || case().new_tree(&mut runner).unwrap().current();
    let cases: Vec<Case> = (0..2000).map(|_| draw()).collect();
    let (accepted, refused): (Vec<&Case>, Vec<&Case>) = cases
        .iter()
        .partition(|case| is_accepted(&case.rows, &case.document));
    let count = |of: &[&Case]| of.iter().filter(|case| is_allowed(&case.document, case)).count();
    let beyond =
        |case: &&&Case| is_allowed(&case.document, case) && !is_allowed(&as_policy(&case.rows), case);
    let told = (
        accepted.len(),
        count(&accepted),
        count(&refused),
        refused.iter().filter(beyond).count(),
    );
    assert!(
        told.0 > 400 && told.1 > 100 && told.2 > 200 && told.3 > 200,
        "{told:?}"
    );
}
