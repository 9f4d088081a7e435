//! Tests of the evaluation of condition tests.

use serde_json::{Value, json};

use super::{SUB, by_irsa, by_pod_identity, document, doubt, irsa, pods};
use crate::document::Document;
use crate::evaluate::{Admission, TrustRequest, admits};

#[test]
fn policy_variable_is_unknown_since_version_2012() {
    let condition = json!({"StringLike": {SUB: "system:serviceaccount:shop:${aws:username}"}});
    assert!(doubt(json!([irsa(condition.clone())]), &by_irsa()).contains("cannot be evaluated"));
    let old = Document::from_value(json!({"Statement": irsa(condition)})).unwrap();
    assert!(matches!(admits(&old, &by_irsa()), Admission::NotAdmitted { .. }));
}

#[test]
fn null_sets_and_if_exists_are_evaluated() {
    let tags = by_pod_identity(true);
    let admitted = |condition: Value, request: &TrustRequest| {
        matches!(
            admits(&document(json!([pods(condition)])), request),
            Admission::Admitted { .. }
        )
    };
    assert!(admitted(
        json!({"Null": {"aws:RequestTag/kubernetes-pod-name": "false"}}),
        &tags
    ));
    assert!(!admitted(
        json!({"Null": {"aws:RequestTag/kubernetes-pod-name": false}}),
        &by_pod_identity(false)
    ));
    assert!(admitted(
        json!({"StringEqualsIfExists": {"aws:RequestTag/team": "x"}}),
        &tags
    ));
    assert!(!admitted(
        json!({"StringEquals": {"aws:RequestTag/team": "x"}}),
        &tags
    ));
    assert!(admitted(
        json!({"ForAnyValue:StringEquals": {"aws:TagKeys": "eks-cluster-arn"}}),
        &tags
    ));
    assert!(admitted(
        json!({"ForAllValues:StringLike": {"aws:TagKeys": ["eks-*", "kubernetes-*"]}}),
        &tags
    ));
    assert!(!admitted(
        json!({"ForAllValues:StringLike": {"aws:TagKeys": "eks-*"}}),
        &tags
    ));
    assert!(admitted(
        json!({"ForAllValues:StringLike": {"aws:TagKeys": "eks-*"}}),
        &by_pod_identity(false)
    ));
    assert!(admitted(
        json!({"StringEqualsIgnoreCase": {"aws:requesttag/Kubernetes-Namespace": "SHOP"}}),
        &tags
    ));
}

#[test]
fn arn_is_compared_by_part() {
    let by = |pattern: &str| {
        admits(
            &document(json!([pods(json!({"ArnLike": {"aws:SourceArn": pattern}}))])),
            &by_pod_identity(true),
        )
    };
    assert!(matches!(
        by("arn:aws:eks:*:111122223333:cluster/*"),
        Admission::Admitted { .. }
    ));
    assert!(matches!(
        by("arn:*:cluster/prod:x:y:z"),
        Admission::NotAdmitted { .. }
    ));
    assert!(matches!(by("arn:aws:eks:*"), Admission::Undecided { .. }));
}
