//! Tests of `validate`: the rejected values of each field, and the defaults.

use serde_json::{Value, json};

use super::*;
use crate::example::{cluster, off_eks, spec, subject};
use crate::model::arn::Issuer;
use crate::model::reason::Reason;
use crate::model::spec::DEFAULT_MAX_SESSION;
use crate::model::spec::{DriftPolicy, ExistingRoleSpec, ManagedRoleSpec};

mod class;

fn check(spec: &Spec) -> Result<Validated, Vec<Invalid>> {
    check_in(spec, &cluster())
}

fn check_in(spec: &Spec, cluster: &Cluster) -> Result<Validated, Vec<Invalid>> {
    validate(
        spec,
        &subject(),
        cluster,
        &Class::unrestricted(),
        &RecordedRoles::default(),
    )
}

fn defects(spec: &Spec) -> Vec<String> {
    let defects = check(spec).err().unwrap_or_default();
    defects.iter().map(ToString::to_string).collect()
}

/// A spec with an edited managed role.
fn managed(change: impl FnOnce(&mut ManagedRoleSpec)) -> Spec {
    let mut spec = spec(Method::PodIdentity);
    change(spec.managed.as_mut().unwrap());
    spec
}

fn grants(action: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]})
}

/// Fails unless exactly this field is rejected with this problem.
fn assert_rejected(spec: &Spec, field: &str, problem: &str) {
    let defects = defects(spec);
    let first = defects.first().map(String::as_str).unwrap_or_default();
    assert!(
        defects.len() == 1 && first.starts_with(&format!("{field}: ")) && first.contains(problem),
        "{defects:?}"
    );
}

#[test]
fn empty_managed_role_gets_defaults() {
    let spec = Spec {
        managed: Some(ManagedRoleSpec::default()),
        ..Spec::default()
    };
    let identity = check(&spec).unwrap().identity;
    assert_eq!(identity.binding.method(), Method::PodIdentity);
    assert_eq!(identity.drift_policy, DriftPolicy::Correct);
    assert_eq!(
        identity.role_arn().to_string(),
        "arn:aws:iam::111122223333:role/lanyard/eu-west-1/prod/shop-orders-f4647193"
    );
    let managed = identity.managed.unwrap();
    assert_eq!(managed.max_session, DEFAULT_MAX_SESSION);
    assert!(subject().owns(&managed.tags));
}

#[test]
fn role_neither_or_both_kinds_is_rejected() {
    assert_rejected(&Spec::default(), "role", "exactly one");
    let mut both = spec(Method::Irsa);
    both.existing = Some(ExistingRoleSpec {
        arn: "arn:aws:iam::111122223333:role/theirs".to_owned(),
        ..ExistingRoleSpec::default()
    });
    assert_rejected(&both, "role", "exactly one");
}

#[test]
fn existing_role_of_other_account_or_aws_is_rejected() {
    let existing = |arn: &str| Spec {
        existing: Some(ExistingRoleSpec {
            arn: arn.to_owned(),
            ..ExistingRoleSpec::default()
        }),
        ..Spec::default()
    };
    let field = "role.existing.arn";
    assert_rejected(
        &existing("arn:aws:iam::444455556666:role/r"),
        field,
        "must be in account 111122223333 of the cluster",
    );
    assert_rejected(
        &existing("arn:aws-cn:iam::111122223333:role/r"),
        field,
        "must be in partition aws of the cluster",
    );
    let linked = "arn:aws:iam::111122223333:role/aws-service-role/eks.amazonaws.com/r";
    assert_rejected(&existing(linked), field, "reserved for AWS");
    assert_rejected(&existing("orders"), field, "is not a role ARN");
}

#[test]
fn managed_role_field_out_of_range_is_rejected() {
    let session = |text: &str| managed(|role| role.max_session_duration = Some(text.to_owned()));
    let field = "role.managed.maxSessionDuration";
    assert_rejected(&session("30m"), field, "must be from 1h to 12h");
    assert_rejected(&session("13h"), field, "must be from 1h to 12h");
    assert_rejected(&session("an hour"), field, "must be a duration");
    let named = managed(|role| role.name = Some("no/slash".to_owned()));
    assert_rejected(&named, "role.managed.name", "a role name");
    let described = managed(|role| role.description = Some("x".repeat(1001)));
    assert_rejected(&described, "role.managed.description", "1,000");
    let bounded = managed(|role| role.permissions_boundary_arn = Some("tenant".to_owned()));
    assert_rejected(&bounded, "role.managed.permissionsBoundaryArn", "policy ARN");
    let attached = managed(|role| role.policy_arns = vec!["arn:aws:iam::aws:role/r".to_owned()]);
    assert_rejected(&attached, "role.managed.policyArns[0]", "policy ARN");
}

#[test]
fn inline_policies_duplicate_or_too_large_are_rejected() {
    let twice = managed(|role| {
        role.inline_policies = vec![
            ("queue".to_owned(), grants("sqs:SendMessage")),
            ("queue".to_owned(), grants("sqs:ReceiveMessage")),
        ];
    });
    assert_rejected(&twice, "role.managed.inlinePolicies[1].name", "must be unique");
    let long: Vec<String> = (0..200)
        .map(|at| format!("arn:aws:s3:::bucket-number-{at}"))
        .collect();
    let statement = json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": long});
    let document = json!({"Version": "2012-10-17", "Statement": [statement]});
    let large = managed(|role| {
        role.inline_policies = vec![("one".to_owned(), document.clone()), ("two".to_owned(), document)];
    });
    assert_rejected(&large, "role.managed.inlinePolicies", "at most 10240");
}

#[test]
fn reserved_tag_key_is_rejected() {
    for key in ["lanyard.dev/name", "Kubernetes-Namespace", "eks-cluster-arn"] {
        let spec = managed(|role| drop(role.tags.insert(key.to_owned(), "x".to_owned())));
        assert_rejected(&spec, &format!("role.managed.tags[{key}]"), "is reserved");
    }
    let aws = managed(|role| drop(role.tags.insert("AWS:team".to_owned(), "x".to_owned())));
    assert_rejected(&aws, "role.managed.tags[AWS:team]", "not beginning with aws:");
}

#[test]
fn session_policy_with_session_tags_is_rejected() {
    let mut spec = spec(Method::PodIdentity);
    spec.pod_identity.session_policy = Some(grants("s3:GetObject"));
    assert_rejected(&spec, "podIdentity.sessionPolicy", "disableSessionTags: true");
    spec.pod_identity.disable_session_tags = true;
    assert_eq!(defects(&spec), Vec::<String>::new());
}

#[test]
fn token_expiration_out_of_range_is_rejected() {
    for (text, problem) in [
        ("5m", "from 10m to 24h"),
        ("25h", "from 10m to 24h"),
        ("soon", "must be a duration"),
    ] {
        let mut spec = spec(Method::Irsa);
        spec.irsa.token_expiration = Some(text.to_owned());
        assert_rejected(&spec, "irsa.tokenExpiration", problem);
    }
}

#[test]
fn irsa_with_private_issuer_is_rejected() {
    let mut cluster = cluster();
    cluster.issuer = Issuer::parse("https://kubernetes.default.svc").unwrap();
    let defects = check_in(&spec(Method::Irsa), &cluster).unwrap_err();
    assert_eq!(defects.len(), 1);
    assert!(
        defects[0].problem.contains("Use method: PodIdentity"),
        "{}",
        defects[0]
    );
    assert_eq!(defects[0].reason, Reason::IssuerUnreachable);
    assert!(check_in(&spec(Method::PodIdentity), &cluster).is_ok());

    let mut off_eks = off_eks();
    off_eks.issuer = cluster.issuer;
    let defects = check_in(&spec(Method::Irsa), &off_eks).unwrap_err();
    assert!(!defects[0].problem.contains("PodIdentity"), "{}", defects[0]);
}

#[test]
fn pod_identity_off_eks_is_rejected() {
    let without_method = Spec {
        method: None,
        ..spec(Method::Irsa)
    };
    let identity = check_in(&without_method, &off_eks()).unwrap().identity;
    assert!(identity.binding.is_irsa());
    let defects = check_in(&spec(Method::PodIdentity), &off_eks()).unwrap_err();
    assert_eq!(defects.len(), 1);
    assert_eq!(defects[0].reason, Reason::PodIdentityUnavailable);
    assert!(
        defects[0]
            .problem
            .contains("prod.example.com is not an EKS cluster. Use method: IRSA"),
        "{}",
        defects[0]
    );
}

#[test]
fn all_defects_are_reported_at_once() {
    let spec = managed(|role| {
        role.max_session_duration = Some("1m".to_owned());
        role.policy_arns = vec!["x".to_owned()];
        role.name = Some(String::new());
    });
    assert_eq!(defects(&spec).len(), 3);
}
