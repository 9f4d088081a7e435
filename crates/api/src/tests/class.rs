//! Tests of the class: its CEL rules, its conversion to core, and the samples under its guardrails. No I/O.

use std::sync::LazyLock;

use kube_cel::{CompiledSchema, compile_schema, validate_compiled};
use lanyard_core::class::guardrails::forbidden;
use lanyard_core::class::{Class, Defaults, RolloutPolicy};
use lanyard_core::model::spec::Method;
use lanyard_core::model::subject::Subject;
use serde_json::{Value, json};

use super::crd_schemas;
use crate::class::{ANNOTATION_DEFAULT_CLASS, WorkloadIdentityClass};
use crate::samples;

/// The fields whose CEL rules a class, or its change from `before`, violates.
fn violations(spec: &Value, before: Option<&Value>) -> Vec<String> {
    static COMPILED: LazyLock<CompiledSchema> = LazyLock::new(|| compile_schema(&crd_schemas().remove(1)));
    let object = |spec: &Value| json!({"metadata": {"name": "tenants"}, "spec": spec});
    match validate_compiled(&COMPILED, &object(spec), before.map(object).as_ref()) {
        Ok(()) => Vec::new(),
        Err(errors) => errors.iter().map(|error| error.field_path.clone()).collect(),
    }
}

#[test]
fn inconsistent_class_is_rejected() {
    let both = |default: &str, limit: &str| json!({"defaults": {"maxSessionDuration": default}, "guardrails": {"maxSessionDuration": limit}});
    let by_default =
        |methods: Value| json!({"defaults": {"method": "IRSA"}, "guardrails": {"methods": methods}});
    let requirement = |operator: &str, values: Value| {
        let requirement = json!({"key": "a", "operator": operator, "values": values});
        json!({"guardrails": {"namespaceSelector": {"matchExpressions": [requirement]}}})
    };
    for invalid in [
        both("4h", "2h"),
        by_default(json!(["PodIdentity"])),
        json!({"defaults": {"method": "IRSA"}}),
        json!({"aws": {"externalId": "abc"}}),
        json!({"defaults": {"rolePath": "tenants"}}),
        json!({"defaults": {"rolePath": "/"}}),
        json!({"defaults": {"roleNamePrefix": "a/b"}}),
        json!({"transition": {"soak": "25h"}}),
        json!({"enforcedTags": {"Kubernetes-Namespace": "a"}}),
        requirement("In", json!([])),
        requirement("Exists", json!(["a"])),
    ] {
        assert_eq!(violations(&invalid, None).len(), 1, "{invalid}");
    }
    for valid in [
        both("2h", "2h"),
        by_default(json!(["IRSA"])),
        json!({}),
        json!({"transition": {"soak": "0s", "failAfter": "24h"}}),
        requirement("In", json!(["a"])),
    ] {
        assert_eq!(violations(&valid, None), Vec::<String>::new(), "{valid}");
    }
}

#[test]
fn class_account_is_immutable() {
    let of =
        |account: &str| json!({"aws": {"assumeRoleArn": format!("arn:aws:iam::{account}:role/lanyard")}});
    let (one, other, none) = (of("111122223333"), of("444455556666"), json!({}));
    for (before, after) in [(&one, &other), (&one, &none), (&none, &one)] {
        assert_eq!(violations(after, Some(before)), ["spec"], "{before} {after}");
    }
    assert_eq!(violations(&one, Some(&one)), Vec::<String>::new());
}

#[test]
fn sample_class_reaches_core_completely() {
    let sample = samples::class();
    let listed = sample.listed();
    let class = listed.class.unwrap();
    assert!(
        !listed.is_default,
        "applying all samples restricts no other identity"
    );
    assert_eq!(class.name.as_deref(), Some("every-field"));
    let empty = Class::default();
    assert_ne!(class.defaults, Defaults::default());
    assert_eq!(
        class.transition,
        RolloutPolicy::default(),
        "the sample sets every default explicitly"
    );
    assert_eq!(class.enforced_tags.len(), 1);
    let guardrails = class.guardrails().unwrap();
    let none = empty.guardrails().unwrap();
    assert_ne!(guardrails.namespace_selector, none.namespace_selector);
    assert_ne!(guardrails.methods, none.methods);
    assert_ne!(guardrails.inline, none.inline);
    assert_ne!(guardrails.existing_roles, none.existing_roles);
    assert_ne!(guardrails.permissions_boundary_arn, none.permissions_boundary_arn);
    assert_ne!(guardrails.max_session_duration, none.max_session_duration);
    for list in [
        &guardrails.policy_arns,
        &guardrails.role_names,
        &guardrails.target_role_arns,
        &guardrails.tag_keys,
        &guardrails.audiences,
        &guardrails.adopt,
    ] {
        assert!(!list.is_empty());
    }
}

#[test]
fn empty_class_allows_nothing_in_core() {
    let empty: WorkloadIdentityClass =
        serde_json::from_value(json!({"apiVersion": "lanyard.dev/v1alpha1", "kind": "WorkloadIdentityClass", "metadata": {"name": "none"}, "spec": {}})).unwrap();
    let listed = empty.listed();
    assert!(!listed.is_default);
    assert_eq!(listed.class.unwrap().guardrails(), Some(&Default::default()));
}

#[test]
fn default_annotation_requires_value_true() {
    let mut class = samples::class();
    for (value, expected) in [("true", true), ("false", false), ("True", false), ("", false)] {
        let annotation = (ANNOTATION_DEFAULT_CLASS.to_owned(), value.to_owned());
        class.metadata.annotations = Some([annotation].into());
        assert_eq!(class.listed().is_default, expected);
    }
}

#[test]
fn samples_satisfy_guardrails_of_sample_class() {
    let class = samples::class().listed().class.unwrap();
    for sample in samples::all() {
        let subject: Subject = serde_json::from_value(json!({
            "cluster": "arn:aws:eks:eu-west-1:111122223333:cluster/prod",
            "namespace": "shop",
            "name": sample.identity.metadata.name,
        }))
        .unwrap();
        let spec = sample.identity.spec.to_core();
        let method = spec.method.unwrap_or(Method::PodIdentity);
        assert_eq!(forbidden(&spec, method, &subject, &class), [], "{}", sample.file);
    }
}
