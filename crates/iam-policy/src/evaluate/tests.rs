//! Tests of the admission by trust policies, rule by rule.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Admission, Gap, TrustRequest, admits, gap, only_denies};
use crate::document::Document;
use crate::trust::{Conditions, irsa_statement, pod_identity_statement, trust_document};

mod conditions;

const ISSUER: &str = "oidc.eks.eu-west-1.amazonaws.com/id/A1";
const PROVIDER: &str = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/A1";
const CLUSTER: &str = "arn:aws:eks:eu-west-1:111122223333:cluster/prod";
const SUB: &str = "oidc.eks.eu-west-1.amazonaws.com/id/A1:sub";
const AUD: &str = "oidc.eks.eu-west-1.amazonaws.com/id/A1:aud";

fn by_irsa() -> TrustRequest {
    TrustRequest::Irsa {
        provider_arn: PROVIDER.to_owned(),
        issuer: ISSUER.to_owned(),
        audience: "sts.amazonaws.com".to_owned(),
        namespace: "shop".to_owned(),
        service_account: "orders".to_owned(),
    }
}

fn by_pod_identity(session_tags: bool) -> TrustRequest {
    TrustRequest::PodIdentity {
        cluster_arn: CLUSTER.to_owned(),
        cluster_name: "prod".to_owned(),
        account: "111122223333".to_owned(),
        namespace: "shop".to_owned(),
        service_account: "orders".to_owned(),
        session_tags,
    }
}

fn document(statements: Value) -> Document {
    Document::from_value(json!({"Version": "2012-10-17", "Statement": statements})).unwrap()
}

/// An IRSA trust statement with this condition.
fn irsa(condition: Value) -> Value {
    json!({
        "Effect": "Allow", "Principal": {"Federated": PROVIDER}, "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition,
    })
}

/// A Pod Identity trust statement with this condition.
fn pods(condition: Value) -> Value {
    json!({
        "Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"], "Condition": condition,
    })
}

fn changed(mut statement: Value, element: &str, value: Value) -> Value {
    statement[element] = value;
    statement
}

fn exact() -> Value {
    json!({"StringEquals": {SUB: "system:serviceaccount:shop:orders", AUD: "sts.amazonaws.com"}})
}

fn wider(statements: Value, request: &TrustRequest) -> Vec<String> {
    match admits(&document(statements), request) {
        Admission::Admitted { wider, .. } => wider,
        other => panic!("it is not admitted: {other:?}"),
    }
}

fn hint(statements: Value, request: &TrustRequest) -> String {
    match admits(&document(statements), request) {
        Admission::NotAdmitted { nearest: Some(hint) } => hint,
        other => panic!("it has no hint: {other:?}"),
    }
}

fn doubt(statements: Value, request: &TrustRequest) -> String {
    match admits(&document(statements), request) {
        Admission::Undecided { reason } => reason,
        other => panic!("it is decided: {other:?}"),
    }
}

#[test]
fn built_statement_admits_only_its_subject() {
    let subjects = BTreeSet::from([
        ("shop".to_owned(), "orders".to_owned()),
        ("shop".to_owned(), "basket".to_owned()),
    ]);
    let irsa = irsa_statement("LanyardA", PROVIDER, ISSUER, "sts.amazonaws.com", &subjects);
    let tags = Conditions::SessionTags {
        cluster_arn: CLUSTER.to_owned(),
        namespace: "shop".to_owned(),
        service_accounts: BTreeSet::from(["orders".to_owned()]),
    };
    let trust = trust_document(vec![irsa, pod_identity_statement("LanyardB", &tags)]);
    for (request, sid) in [(by_irsa(), "LanyardA"), (by_pod_identity(true), "LanyardB")] {
        let statements = vec![format!("Statement[Sid={sid}]")];
        assert_eq!(
            admits(&trust, &request),
            Admission::Admitted {
                statements,
                wider: Vec::new()
            }
        );
    }
}

#[test]
fn untagged_statement_admits_and_reports_whole_cluster() {
    let source = Conditions::SourceOnly {
        cluster_arn: CLUSTER.to_owned(),
        account: "111122223333".to_owned(),
    };
    let trust = trust_document(vec![pod_identity_statement("Lanyard", &source)]);
    let wider = vec!["every ServiceAccount of the cluster".to_owned()];
    let statements = vec!["Statement[Sid=Lanyard]".to_owned()];
    assert_eq!(
        admits(&trust, &by_pod_identity(false)),
        Admission::Admitted { statements, wider }
    );
}

#[test]
fn session_tag_condition_fails_without_session_tags() {
    let tagged = pods(json!({"StringEquals": {"aws:RequestTag/kubernetes-namespace": "shop"}}));
    assert!(hint(json!([tagged]), &by_pod_identity(false)).contains("a session tag that is not sent"));
}

#[test]
fn wider_trust_is_admitted_with_remarks() {
    let remarks = |condition: Value| wider(json!([irsa(condition)]), &by_irsa());
    assert_eq!(remarks(exact()), Vec::<String>::new());
    assert_eq!(
        remarks(json!({"StringEquals": {SUB: "system:serviceaccount:shop:orders"}})),
        ["tokens for any audience"]
    );
    assert_eq!(
        remarks(
            json!({"StringLike": {SUB: "system:serviceaccount:shop:*"}, "StringEquals": {AUD: "sts.amazonaws.com"}})
        ),
        ["every ServiceAccount of the namespace shop"]
    );
    assert_eq!(
        remarks(
            json!({"StringLike": {SUB: "system:serviceaccount:shop:ord*"}, "StringEquals": {AUD: "sts.amazonaws.com"}})
        ),
        ["other ServiceAccounts that its wildcards match"]
    );
    assert_eq!(
        remarks(
            json!({"StringLike": {SUB: "system:serviceaccount:*:orders"}, "StringEquals": {AUD: "sts.amazonaws.com"}})
        ),
        ["the ServiceAccounts named orders of every namespace"]
    );
    assert_eq!(
        wider(
            json!([changed(irsa(exact()), "Principal", json!("*"))]),
            &by_irsa()
        ),
        ["any principal that meets its conditions"]
    );
    assert_eq!(
        wider(json!(pods(json!({}))), &by_pod_identity(true)),
        ["every ServiceAccount of the cluster", "other clusters too"]
    );
}

#[test]
fn wildcard_under_string_equals_has_a_hint() {
    let condition = json!({"StringEquals": {SUB: "system:serviceaccount:shop:*"}});
    let nearest = hint(json!([irsa(condition)]), &by_irsa());
    assert!(
        nearest
            .contains("`system:serviceaccount:shop:*` under `StringEquals`, where a wildcard is an ordinary"),
        "{nearest}"
    );
}

#[test]
fn nearest_statement_has_the_fewest_mismatches() {
    let wrong_audience = json!({"StringEquals": {SUB: "system:serviceaccount:shop:orders", AUD: "vault"}});
    let others = json!({"StringEquals": {SUB: "system:serviceaccount:bank:vault", AUD: "vault"}});
    let nearest = hint(
        json!([pods(json!({})), irsa(others.clone()), irsa(wrong_audience)]),
        &by_irsa(),
    );
    assert_eq!(
        nearest,
        format!(
            "Statement[2] comes nearest, but its `StringEquals` on `{AUD}` does not admit sts.amazonaws.com."
        )
    );
    assert!(
        !hint(json!([irsa(others)]), &by_irsa()).contains("bank"),
        "a foreign subject is shown"
    );
}

#[test]
fn missing_principal_or_action_is_named() {
    assert_eq!(
        hint(json!([pods(json!({}))]), &by_irsa()),
        format!("No statement names {PROVIDER} as its principal.")
    );
    let wrong_action = changed(irsa(exact()), "Action", json!("sts:AssumeRole"));
    assert!(hint(json!([wrong_action]), &by_irsa()).contains("does not allow sts:AssumeRoleWithWebIdentity"));
    let untagged = changed(pods(json!({})), "Action", json!("sts:AssumeRole"));
    assert!(hint(json!(untagged), &by_pod_identity(false)).contains("sts:TagSession, which EKS requires"));
    assert_eq!(
        admits(&document(json!([])), &by_irsa()),
        Admission::NotAdmitted { nearest: None }
    );
}

#[test]
fn association_as_source_arn_has_a_hint() {
    let association = "arn:aws:eks:eu-west-1:111122223333:podidentityassociation/prod/*";
    let statement = pods(json!({"ArnLike": {"aws:SourceArn": association}}));
    assert!(hint(json!([statement]), &by_pod_identity(true)).contains("names an association"));
}

#[test]
fn pod_identity_actions_may_be_in_two_statements() {
    let assume = changed(
        changed(pods(json!({})), "Action", json!("STS:assumerole")),
        "Sid",
        json!("A"),
    );
    let tag = changed(
        changed(pods(json!({})), "Action", json!("sts:Tag*")),
        "Sid",
        json!("B"),
    );
    match admits(&document(json!([assume, tag])), &by_pod_identity(true)) {
        Admission::Admitted { statements, .. } => {
            assert_eq!(statements, ["Statement[Sid=A]", "Statement[Sid=B]"])
        }
        other => panic!("it is not admitted: {other:?}"),
    }
}

#[test]
fn deny_applies_only_if_its_condition_is_met() {
    let deny = |condition: Value| {
        changed(
            changed(irsa(condition), "Effect", json!("Deny")),
            "Principal",
            json!("*"),
        )
    };
    let admission = |condition: Value| admits(&document(json!([irsa(exact()), deny(condition)])), &by_irsa());
    let denied = Admission::Denied {
        statement: "Statement[1]".to_owned(),
        reason: format!("It denies sts:AssumeRoleWithWebIdentity to {PROVIDER}."),
    };
    assert_eq!(admission(json!({})), denied);
    assert_eq!(admission(json!({"StringNotEquals": {AUD: ["a", "b"]}})), denied);
    assert!(matches!(
        admission(json!({"StringEquals": {AUD: "other"}})),
        Admission::Admitted { .. }
    ));
    assert!(matches!(
        admission(json!({"StringNotLike": {SUB: "*:orders"}})),
        Admission::Admitted { .. }
    ));
    let time = json!({"DateGreaterThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}});
    assert!(matches!(admission(time), Admission::Undecided { .. }));
    let time_for_others = json!({"Bool": {"aws:SecureTransport": false}, "StringEquals": {AUD: "other"}});
    assert!(matches!(admission(time_for_others), Admission::Admitted { .. }));
}

#[test]
fn unknown_deny_is_irrelevant_without_allow() {
    let deny = changed(
        irsa(json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})),
        "Effect",
        json!("Deny"),
    );
    assert!(matches!(
        admits(&document(json!([deny])), &by_irsa()),
        Admission::NotAdmitted { .. }
    ));
}

#[test]
fn unknown_condition_key_is_undecided_alone() {
    let organisation = pods(json!({"StringEquals": {"aws:SourceOrgId": "o-1"}}));
    let reason = doubt(json!([organisation]), &by_pod_identity(true));
    assert_eq!(
        reason,
        "Statement[0] has a condition that cannot be evaluated: `StringEquals` on `aws:SourceOrgId`."
    );
    let plain = pods(json!({"ArnEquals": {"aws:SourceArn": CLUSTER}}));
    assert!(matches!(
        admits(&document(json!([organisation, plain])), &by_pod_identity(true)),
        Admission::Admitted { .. }
    ));
}

#[test]
fn source_organization_as_in_guide_of_aws_is_admitted() {
    let with = |condition: Value| admits(&document(json!([pods(condition)])), &by_pod_identity(true));
    let is_admitted = |condition| matches!(with(condition), Admission::Admitted { .. });
    let is_undecided = |condition| matches!(with(condition), Admission::Undecided { .. });
    let own = || json!({"aws:SourceOrgId": "${aws:ResourceOrgId}"});
    assert!(is_admitted(json!({"StringEquals": own()})));
    assert!(is_admitted(
        json!({"StringLike": {"AWS:sourceorgid": ["o-1", "${AWS:ResourceOrgID}"]}})
    ));
    assert!(is_admitted(json!({"StringEqualsIfExists": own()})));
    assert!(is_admitted(
        json!({"StringEquals": {"aws:SourceAccount": "${aws:ResourceAccount}"}})
    ));
    assert!(is_undecided(json!({"StringEquals": {"aws:SourceOrgId": "o-1"}})));
    assert!(is_undecided(
        json!({"StringEquals": {"aws:SourceOrgId": "${aws:PrincipalOrgID}"}})
    ));
    assert!(matches!(
        with(json!({"StringNotEquals": own()})),
        Admission::NotAdmitted { .. }
    ));
    let irsa = document(json!([irsa(json!({"StringEquals": own()}))]));
    assert!(matches!(admits(&irsa, &by_irsa()), Admission::Undecided { .. }));
    let old = Document::from_value(json!({
        "Version": "2008-10-17",
        "Statement": [pods(json!({"StringEquals": own()}))],
    }));
    assert!(
        !matches!(
            admits(&old.unwrap(), &by_pod_identity(true)),
            Admission::Admitted { .. }
        ),
        "no variables in this version"
    );
}

#[test]
fn element_not_allowed_in_trust_is_undecided() {
    for statement in [
        changed(irsa(exact()), "Resource", json!("*")),
        changed(irsa(exact()), "Exotic", json!(1)),
        changed(irsa(json!({"StringMatches": {SUB: "x"}})), "Sid", json!("x")),
        changed(irsa(exact()), "Principal", json!({"Federated": "*"})),
        json!({"Effect": "Allow", "Action": "*", "NotPrincipal": {"AWS": "111122223333"}}),
        json!({"Effect": "Allow", "Action": "*"}),
        json!("Allow"),
    ] {
        assert!(
            matches!(
                admits(&document(json!([statement])), &by_irsa()),
                Admission::Undecided { .. }
            ),
            "{statement}"
        );
    }
    let odd = Document::from_value(json!({"Version": "2030-01-01", "Statement": [irsa(exact())]})).unwrap();
    assert!(matches!(admits(&odd, &by_irsa()), Admission::Undecided { .. }));
}

#[test]
fn only_denies_requires_every_statement_to_deny() {
    let deny = json!({"Effect": "Deny", "Action": "*", "Resource": "*"});
    let allow = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
    assert!(only_denies(&document(json!([deny, deny]))));
    assert!(only_denies(&document(deny.clone())));
    for statements in [
        json!([]),
        json!([deny, allow]),
        json!(["Deny"]),
        changed(deny, "Effect", json!("deny")),
    ] {
        assert!(!only_denies(&document(statements)));
    }
}

#[test]
fn gap_names_the_part_of_the_nearest_statement() {
    let of = |statements: Value, request: &TrustRequest| gap(&document(statements), request);
    assert_eq!(of(json!([irsa(exact())]), &by_irsa()), None);
    assert_eq!(
        of(json!([irsa(exact())]), &by_pod_identity(true)),
        Some(Gap::Principal)
    );
    let other =
        irsa(json!({"StringEquals": {SUB: "system:serviceaccount:shop:other", AUD: "sts.amazonaws.com"}}));
    let subject = Some(Gap::Keys(vec![SUB.to_owned()]));
    assert_eq!(of(json!([other]), &by_irsa()), subject);
    let narrow = changed(pods(json!({})), "Action", json!("sts:AssumeRole"));
    assert_eq!(
        of(json!([narrow]), &by_pod_identity(true)),
        Some(Gap::Action("sts:TagSession".to_owned()))
    );
}
