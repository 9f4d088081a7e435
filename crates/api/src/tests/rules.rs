//! Tests of the CEL rules with an in-process evaluator: samples pass, and the rules accept the same texts as the parsers
//! of core. The suite `admission` runs the same rules in an API server. No I/O.

use std::sync::LazyLock;

use kube_cel::{CompiledSchema, compile_schema, validate_compiled};
use lanyard_core::model::arn::{PolicyArn, RoleArn};
use lanyard_core::model::duration::parse_seconds;
use lanyard_core::model::name::{Audience, PolicyName, RoleName, TagKey};
use lanyard_core::model::subject::is_reserved_tag;
use serde_json::{Value, json};

use super::crd_schema;

/// The messages of the CEL rules that an object violates.
fn violations(object: &Value) -> Vec<String> {
    static COMPILED: LazyLock<CompiledSchema> = LazyLock::new(|| compile_schema(&crd_schema()));
    match validate_compiled(&COMPILED, object, None) {
        Ok(()) => Vec::new(),
        Err(errors) => errors
            .iter()
            .map(|error| format!("{}: {}", error.field_path, error.message))
            .collect(),
    }
}

/// A valid object with one field of the spec replaced.
fn with(pointer: &str, value: Value) -> Value {
    let mut object = json!({
        "metadata": {"name": "orders"},
        "spec": {
            "role": {"managed": {
                "name": "a",
                "maxSessionDuration": "1h",
                "permissionsBoundaryArn": "arn:aws:iam::aws:policy/a",
                "inlinePolicies": [{"name": "a", "document": {}}],
                "tags": {"team": "shop"},
            }},
            "podIdentity": {"targetRoleArn": "arn:aws:iam::111122223333:role/a"},
            "irsa": {"audience": "a", "tokenExpiration": "1h"},
        },
    });
    *object.pointer_mut(&format!("/spec/{pointer}")).unwrap() = value;
    object
}

#[test]
fn samples_pass() {
    for sample in crate::samples::all() {
        let object = serde_json::to_value(&sample.identity).unwrap();
        assert_eq!(violations(&object), Vec::<String>::new(), "{}", sample.file);
    }
}

#[test]
fn violation_names_field_and_expected_value() {
    assert_eq!(
        violations(&with("role/managed/name", json!("a/b"))),
        ["spec.role.managed.name: must be a role name without a path: 1 to 64 letters, digits and +=,.@_-"]
    );
}

/// Asserts that admission accepts each text exactly if core does.
fn assert_agreement(pointer: &str, texts: &[&str], core_accepts: impl Fn(&str) -> bool) {
    for text in texts {
        let errors = violations(&with(pointer, json!(text)));
        assert_eq!(
            errors.is_empty(),
            core_accepts(text),
            "{pointer}: {text:?}: {errors:?}"
        );
    }
}

#[test]
fn admission_and_core_agree_on_names() {
    let long = "x".repeat(128);
    let texts = [
        "",
        "a",
        "orders-prod",
        "a+=,.@_-b",
        "a b",
        "a/b",
        "é",
        "a\n",
        long.get(..64).unwrap(),
        long.get(..65).unwrap(),
        &long,
    ];
    assert_agreement("role/managed/name", &texts, |text| RoleName::parse(text).is_ok());
    assert_agreement("role/managed/inlinePolicies/0/name", &texts, |text| {
        PolicyName::parse(text).is_ok()
    });
    assert_agreement("irsa/audience", &texts, |text| Audience::parse(text).is_ok());
}

#[test]
fn admission_and_core_agree_on_role_arns() {
    let texts = [
        "",
        "orders",
        "arn:aws:iam::111122223333:role/orders",
        "arn:aws:iam::111122223333:role/team/a+=,.@-b/orders",
        "arn:aws-cn:iam::111122223333:role/orders",
        "arn:aws-us-gov:iam::111122223333:role/orders",
        "arn:aws:iam::111122223333:role/",
        "arn:aws:iam::111122223333:role/team/",
        "arn:aws:iam::111122223333:user/orders",
        "arn:aws:iam::11112222333:role/orders",
        "arn:aws:iam:eu-west-1:111122223333:role/orders",
        "arn:azure:iam::111122223333:role/orders",
        " arn:aws:iam::111122223333:role/orders",
        "arn:aws:iam::111122223333:role/or ders",
        "arn:aws:iam::111122223333:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS",
        "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef",
    ];
    assert_agreement("podIdentity/targetRoleArn", &texts, |text| {
        RoleArn::parse(text).is_ok_and(|arn| !arn.is_reserved())
    });
}

#[test]
fn admission_and_core_agree_on_role_path_length() {
    let with_path =
        |length: usize| format!("arn:aws:iam::111122223333:role/{}/orders", "x".repeat(length - 2));
    let texts = [with_path(512), with_path(513)];
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    assert_agreement("podIdentity/targetRoleArn", &texts, |text| {
        RoleArn::parse(text).is_ok()
    });
}

#[test]
fn admission_and_core_agree_on_tag_keys() {
    let long = "k".repeat(129);
    let keys = [
        "",
        "team",
        "Équipe 1",
        "a_.:/=+-@b",
        "a#b",
        "a\tb",
        long.get(..128).unwrap(),
        &long,
        "aws:team",
        "AWS:team",
        "awsteam",
        "lanyard.dev/name",
        "Lanyard.dev/name",
        "kubernetes-namespace",
        "eks-cluster-arn",
        "EKS-Cluster-name",
        "kubernetes",
    ];
    for key in keys {
        let errors = violations(&with("role/managed/tags", json!({key: "value"})));
        let accepted = TagKey::parse(key).is_ok_and(|key| !is_reserved_tag(&key));
        assert_eq!(errors.is_empty(), accepted, "{key:?}: {errors:?}");
    }
}

#[test]
fn admission_and_core_agree_on_policy_arns() {
    let texts = [
        "",
        "AmazonS3ReadOnlyAccess",
        "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
        "arn:aws:iam::aws:policy/service-role/AmazonEKS_CNI_Policy",
        "arn:aws-cn:iam::aws:policy/AmazonS3ReadOnlyAccess",
        "arn:aws:iam::111122223333:policy/team/tenant",
        "arn:aws:iam::111122223333:role/tenant",
        "arn:aws:iam::1111:policy/tenant",
        "arn:aws:iam::111122223333:policy/",
        "arn:aws:iam::111122223333:policy/a b",
    ];
    assert_agreement("role/managed/permissionsBoundaryArn", &texts, |text| {
        PolicyArn::parse(text).is_ok()
    });
}

#[test]
fn admission_and_core_agree_on_durations() {
    let texts = [
        "",
        "1h",
        "60m",
        "3600s",
        "59m59s",
        "12h",
        "12h1s",
        "1h30m",
        "90m30s",
        "9m59s",
        "10m",
        "24h",
        "24h1s",
        "1m1h",
        "1.5h",
        "-1h",
        "1h ",
        "1d",
        "999999h999999m999999s",
        "0h",
        "1",
    ];
    let within = |least, most| {
        move |text: &str| parse_seconds(text).is_some_and(|seconds| (least..=most).contains(&seconds))
    };
    assert_agreement("role/managed/maxSessionDuration", &texts, within(3600, 43_200));
    assert_agreement("irsa/tokenExpiration", &texts, within(600, 86_400));
}

#[test]
fn class_name_is_immutable_once_in_status() {
    let object = |spec: Option<&str>, status: Option<&str>| {
        let mut object = json!({
            "metadata": {"name": "orders"},
            "spec": {"role": {"managed": {}}},
            "status": {"observedGeneration": 1},
        });
        for (part, name) in [("spec", spec), ("status", status)] {
            if let Some(name) = name {
                object[part]["className"] = json!(name);
            }
        }
        violations(&object).len()
    };
    assert_eq!(object(Some("a"), Some("b")), 1);
    for (spec, status) in [(Some("a"), Some("a")), (None, Some("a")), (Some("a"), None)] {
        assert_eq!(object(spec, status), 0, "{spec:?} {status:?}");
    }
    assert_eq!(
        violations(
            &json!({"metadata": {"name": "a"}, "spec": {"className": "A b", "role": {"managed": {}}}})
        )
        .len(),
        1
    );
}
