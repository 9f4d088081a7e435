//! What `validate` refuses, field by field, and what it makes of a spec that says little.

use serde_json::{Value, json};

use super::*;
use crate::example::{cluster, off_eks, spec, subject};
use crate::model::arn::Issuer;
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

fn faults(spec: &Spec) -> Vec<String> {
    let faults = check(spec).err().unwrap_or_default();
    faults.iter().map(ToString::to_string).collect()
}

/// A spec with a managed role that was changed.
fn managed(change: impl FnOnce(&mut ManagedRoleSpec)) -> Spec {
    let mut spec = spec(Method::PodIdentity);
    change(spec.managed.as_mut().unwrap());
    spec
}

fn grants(action: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]})
}

/// Fails unless exactly this field is refused, for this reason.
fn refused(spec: &Spec, field: &str, reason: &str) {
    let faults = faults(spec);
    let told = faults.first().map(String::as_str).unwrap_or_default();
    assert!(
        faults.len() == 1 && told.starts_with(&format!("{field}: ")) && told.contains(reason),
        "{faults:?}"
    );
}

#[test]
fn a_spec_that_says_little_gets_the_defaults() {
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
fn a_role_is_either_managed_or_existing() {
    refused(&Spec::default(), "role", "exactly one");
    let mut both = spec(Method::Irsa);
    both.existing = Some(ExistingRoleSpec {
        arn: "arn:aws:iam::111122223333:role/theirs".to_owned(),
        ..ExistingRoleSpec::default()
    });
    refused(&both, "role", "exactly one");
}

#[test]
fn an_existing_role_is_of_this_account_and_not_of_aws() {
    let existing = |arn: &str| Spec {
        existing: Some(ExistingRoleSpec {
            arn: arn.to_owned(),
            ..ExistingRoleSpec::default()
        }),
        ..Spec::default()
    };
    let field = "role.existing.arn";
    refused(
        &existing("arn:aws:iam::444455556666:role/r"),
        field,
        "another account",
    );
    refused(
        &existing("arn:aws-cn:iam::111122223333:role/r"),
        field,
        "another partition",
    );
    let linked = "arn:aws:iam::111122223333:role/aws-service-role/eks.amazonaws.com/r";
    refused(&existing(linked), field, "belongs to AWS");
    refused(&existing("orders"), field, "is not a role ARN");
}

#[test]
fn every_field_of_a_managed_role_is_checked() {
    let session = |text: &str| managed(|role| role.max_session_duration = Some(text.to_owned()));
    let field = "role.managed.maxSessionDuration";
    refused(&session("30m"), field, "between 1h and 12h");
    refused(&session("13h"), field, "between 1h and 12h");
    refused(&session("an hour"), field, "is not a duration");
    let named = managed(|role| role.name = Some("no/slash".to_owned()));
    refused(&named, "role.managed.name", "a role name");
    let described = managed(|role| role.description = Some("x".repeat(1001)));
    refused(&described, "role.managed.description", "1,000");
    let bounded = managed(|role| role.permissions_boundary_arn = Some("tenant".to_owned()));
    refused(
        &bounded,
        "role.managed.permissionsBoundaryArn",
        "managed policy ARN",
    );
    let attached = managed(|role| role.policy_arns = vec!["arn:aws:iam::aws:role/r".to_owned()]);
    refused(&attached, "role.managed.policyArns[0]", "managed policy ARN");
}

#[test]
fn inline_policies_have_one_name_each_and_fit_a_role() {
    let twice = managed(|role| {
        role.inline_policies = vec![
            ("queue".to_owned(), grants("sqs:SendMessage")),
            ("queue".to_owned(), grants("sqs:ReceiveMessage")),
        ];
    });
    refused(&twice, "role.managed.inlinePolicies[1].name", "twice");
    let long: Vec<String> = (0..200)
        .map(|at| format!("arn:aws:s3:::bucket-number-{at}"))
        .collect();
    let statement = json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": long});
    let document = json!({"Version": "2012-10-17", "Statement": [statement]});
    let large = managed(|role| {
        role.inline_policies = vec![("one".to_owned(), document.clone()), ("two".to_owned(), document)];
    });
    refused(&large, "role.managed.inlinePolicies", "at most 10240");
}

#[test]
fn a_tag_cannot_pass_for_one_of_ours_or_of_a_session() {
    for key in ["lanyard.dev/name", "Kubernetes-Namespace", "eks-cluster-arn"] {
        let spec = managed(|role| drop(role.tags.insert(key.to_owned(), "x".to_owned())));
        refused(&spec, &format!("role.managed.tags[{key}]"), "is reserved");
    }
    let aws = managed(|role| drop(role.tags.insert("AWS:team".to_owned(), "x".to_owned())));
    refused(&aws, "role.managed.tags[AWS:team]", "not beginning with aws:");
}

#[test]
fn a_session_policy_needs_the_session_tags_off() {
    let mut spec = spec(Method::PodIdentity);
    spec.pod_identity.session_policy = Some(grants("s3:GetObject"));
    refused(&spec, "podIdentity.sessionPolicy", "disableSessionTags: true");
    spec.pod_identity.disable_session_tags = true;
    assert_eq!(faults(&spec), Vec::<String>::new());
}

#[test]
fn a_token_lives_between_ten_minutes_and_a_day() {
    for (text, reason) in [
        ("5m", "10m and 24h"),
        ("25h", "10m and 24h"),
        ("soon", "is not a duration"),
    ] {
        let mut spec = spec(Method::Irsa);
        spec.irsa.token_expiration = Some(text.to_owned());
        refused(&spec, "irsa.tokenExpiration", reason);
    }
}

#[test]
fn irsa_needs_an_issuer_that_aws_can_reach() {
    let mut cluster = cluster();
    cluster.issuer = Issuer::parse("https://kubernetes.default.svc").unwrap();
    let wrong = check_in(&spec(Method::Irsa), &cluster).unwrap_err();
    assert_eq!(wrong.len(), 1);
    assert!(wrong[0].problem.contains("use PodIdentity"), "{}", wrong[0]);
    assert_eq!(wrong[0].reason, Reason::IssuerUnreachable);
    assert!(check_in(&spec(Method::PodIdentity), &cluster).is_ok());

    let mut off_eks = off_eks();
    off_eks.issuer = cluster.issuer;
    let wrong = check_in(&spec(Method::Irsa), &off_eks).unwrap_err();
    assert!(!wrong[0].problem.contains("PodIdentity"), "{}", wrong[0]);
}

#[test]
fn off_eks_there_is_irsa_alone() {
    let unsaid = Spec {
        method: None,
        ..spec(Method::Irsa)
    };
    let identity = check_in(&unsaid, &off_eks()).unwrap().identity;
    assert!(identity.binding.is_irsa());
    let wrong = check_in(&spec(Method::PodIdentity), &off_eks()).unwrap_err();
    assert_eq!(wrong.len(), 1);
    assert_eq!(wrong[0].reason, Reason::PodIdentityUnavailable);
    assert!(
        wrong[0]
            .problem
            .contains("prod.example.com is not EKS's; use IRSA"),
        "{}",
        wrong[0]
    );
}

#[test]
fn all_faults_are_told_at_once() {
    let spec = managed(|role| {
        role.max_session_duration = Some("1m".to_owned());
        role.policy_arns = vec!["x".to_owned()];
        role.name = Some(String::new());
    });
    assert_eq!(faults(&spec).len(), 3);
}
