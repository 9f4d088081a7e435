//! The class: its rules run in process, what core makes of it, and that the samples live under it. No I/O.

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

/// The messages of the rules that a class breaks, or the change from another to it.
fn broken(spec: &Value, before: Option<&Value>) -> Vec<String> {
    static COMPILED: LazyLock<CompiledSchema> = LazyLock::new(|| compile_schema(&crd_schemas().remove(1)));
    let object = |spec: &Value| json!({"metadata": {"name": "tenants"}, "spec": spec});
    match validate_compiled(&COMPILED, &object(spec), before.map(object).as_ref()) {
        Ok(()) => Vec::new(),
        Err(errors) => errors.iter().map(|error| error.field_path.clone()).collect(),
    }
}

#[test]
fn a_class_that_contradicts_itself_is_refused() {
    let both = |default: &str, limit: &str| json!({"defaults": {"maxSessionDuration": default}, "guardrails": {"maxSessionDuration": limit}});
    let by_default =
        |methods: Value| json!({"defaults": {"method": "IRSA"}, "guardrails": {"methods": methods}});
    let demand = |operator: &str, values: Value| {
        let demand = json!({"key": "a", "operator": operator, "values": values});
        json!({"guardrails": {"namespaceSelector": {"matchExpressions": [demand]}}})
    };
    for bad in [
        both("4h", "2h"),
        by_default(json!(["PodIdentity"])),
        json!({"defaults": {"method": "IRSA"}}),
        json!({"aws": {"externalId": "abc"}}),
        json!({"defaults": {"rolePath": "tenants"}}),
        json!({"defaults": {"rolePath": "/"}}),
        json!({"defaults": {"roleNamePrefix": "a/b"}}),
        json!({"transition": {"soak": "25h"}}),
        json!({"enforcedTags": {"Kubernetes-Namespace": "a"}}),
        demand("In", json!([])),
        demand("Exists", json!(["a"])),
    ] {
        assert_eq!(broken(&bad, None).len(), 1, "{bad}");
    }
    for good in [
        both("2h", "2h"),
        by_default(json!(["IRSA"])),
        json!({}),
        json!({"transition": {"soak": "0s", "failAfter": "24h"}}),
        demand("In", json!(["a"])),
    ] {
        assert_eq!(broken(&good, None), Vec::<String>::new(), "{good}");
    }
}

#[test]
fn the_account_of_a_class_cannot_change() {
    let of =
        |account: &str| json!({"aws": {"assumeRoleArn": format!("arn:aws:iam::{account}:role/lanyard")}});
    let (one, other, none) = (of("111122223333"), of("444455556666"), json!({}));
    for (before, after) in [(&one, &other), (&one, &none), (&none, &one)] {
        assert_eq!(broken(after, Some(before)), ["spec"], "{before} {after}");
    }
    assert_eq!(broken(&one, Some(&one)), Vec::<String>::new());
}

#[test]
fn core_takes_every_field_of_the_sample() {
    let sample = samples::class();
    let listed = sample.listed();
    let class = listed.class.unwrap();
    assert!(listed.is_default);
    assert_eq!(class.name.as_deref(), Some("default"));
    let silent = Class::default();
    assert_ne!(class.defaults, Defaults::default());
    assert_eq!(
        class.transition,
        RolloutPolicy::default(),
        "the sample spells the defaults out"
    );
    assert_eq!(class.enforced_tags.len(), 1);
    let (ours, none) = (class.guardrails().unwrap(), silent.guardrails().unwrap());
    assert_ne!(ours.namespace_selector, none.namespace_selector);
    assert_ne!(ours.methods, none.methods);
    assert_ne!(ours.inline, none.inline);
    assert_ne!(ours.existing_roles, none.existing_roles);
    assert_ne!(ours.permissions_boundary_arn, none.permissions_boundary_arn);
    assert_ne!(ours.max_session_duration, none.max_session_duration);
    for list in [
        &ours.policy_arns,
        &ours.role_names,
        &ours.target_role_arns,
        &ours.tag_keys,
        &ours.audiences,
        &ours.adopt,
    ] {
        assert!(!list.is_empty());
    }
}

#[test]
fn a_class_that_says_nothing_is_closed_for_core_too() {
    let empty: WorkloadIdentityClass =
        serde_json::from_value(json!({"apiVersion": "lanyard.dev/v1alpha1", "kind": "WorkloadIdentityClass", "metadata": {"name": "none"}, "spec": {}})).unwrap();
    let listed = empty.listed();
    assert!(!listed.is_default);
    assert_eq!(listed.class.unwrap().guardrails(), Some(&Default::default()));
}

#[test]
fn only_the_word_true_marks_the_default() {
    let mut class = samples::class();
    for (mark, expected) in [("true", true), ("false", false), ("True", false), ("", false)] {
        let mark = (ANNOTATION_DEFAULT_CLASS.to_owned(), mark.to_owned());
        class.metadata.annotations = Some([mark].into());
        assert_eq!(class.listed().is_default, expected);
    }
}

#[test]
fn the_samples_keep_to_the_class_among_them() {
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
