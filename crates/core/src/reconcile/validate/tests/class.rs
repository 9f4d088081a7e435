//! Tests of `validate` under a class: its defaults, its enforced values, and the roles that it does not move.

use serde_json::json;

use super::*;
use crate::model::name::TagKey;
use crate::model::spec::DEFAULT_MAX_SESSION;

fn class(value: Value) -> Class {
    Class {
        name: Some("tenants".to_owned()),
        ..serde_json::from_value(value).unwrap()
    }
}

fn identity(spec: &Spec, class: &Class, created: &RecordedRoles) -> Identity {
    validate(spec, &subject(), &cluster(), class, created)
        .unwrap()
        .identity
}

fn role(values: Value, created: &[&str]) -> String {
    let created = RecordedRoles {
        roles: created.iter().map(|arn| RoleArn::parse(arn).unwrap()).collect(),
        adopted: None,
    };
    let spec = managed(|_| {});
    identity(&spec, &class(values), &created).role_arn().to_string()
}

#[test]
fn class_defaults_apply_to_unset_fields() {
    let class = class(json!({"defaults": {
        "method": "IRSA", "driftPolicy": "Report", "deletionPolicy": "Retain", "podRestart": "Rollout",
    }}));
    let mut spec = managed(|_| {});
    spec.method = None;
    let defaulted = identity(&spec, &class, &RecordedRoles::default());
    assert_eq!(defaulted.binding.method(), Method::Irsa);
    assert_eq!(defaulted.drift_policy, DriftPolicy::Report);
    spec.method = Some(Method::PodIdentity);
    spec.drift_policy = Some(DriftPolicy::Correct);
    let explicit = identity(&spec, &class, &RecordedRoles::default());
    assert_eq!(explicit.binding.method(), Method::PodIdentity);
    assert_eq!(explicit.drift_policy, DriftPolicy::Correct);
    assert_eq!(explicit.deletion_policy, defaulted.deletion_policy);
}

#[test]
fn tags_and_boundary_of_class_apply_to_every_role() {
    let boundary = "arn:aws:iam::111122223333:policy/tenant";
    let class = class(json!({
        "enforcedTags": {"cost-center": "42"},
        "guardrails": {"permissionsBoundaryArn": boundary},
    }));
    let spec = managed(|role| {
        role.tags = [("Cost-Center", "7"), ("team", "shop")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into();
        role.permissions_boundary_arn = Some("arn:aws:iam::aws:policy/any".to_owned());
    });
    let role = identity(&spec, &class, &RecordedRoles::default())
        .managed
        .unwrap();
    let mut tags = subject().ownership_tags();
    tags.extend([("cost-center", "42"), ("team", "shop")].map(|(k, v)| (k.to_owned(), v.to_owned())));
    assert_eq!(role.tags, tags);
    assert_eq!(role.boundary.unwrap().as_str(), boundary);
}

#[test]
fn tags_of_class_and_spec_over_limit_are_rejected() {
    let mut class = class(json!({}));
    class.enforced_tags = (0..10)
        .map(|at| (TagKey::parse(format!("c{at}")).unwrap(), String::new()))
        .collect();
    let spec = managed(|role| role.tags = (0..40).map(|at| (format!("t{at}"), String::new())).collect());
    let defects = validate(&spec, &subject(), &cluster(), &class, &RecordedRoles::default()).unwrap_err();
    assert!(
        defects[0]
            .problem
            .starts_with("must have at most 46 tags, including the tags of the class; got 50"),
        "{defects:?}"
    );
}

#[test]
fn session_duration_follows_class_default_up_to_limit() {
    let session = |values: Value| {
        identity(&managed(|_| {}), &class(values), &RecordedRoles::default())
            .managed
            .unwrap()
            .max_session
    };
    assert_eq!(session(json!({})), DEFAULT_MAX_SESSION);
    assert_eq!(session(json!({"defaults": {"maxSessionDuration": "2h"}})), 7200);
    let both = json!({"defaults": {"maxSessionDuration": "8h"}, "guardrails": {"maxSessionDuration": "4h"}});
    assert_eq!(session(both), 14_400);
}

#[test]
fn new_role_follows_path_and_prefix_of_class() {
    let placed = json!({"defaults": {"rolePath": "/tenants/", "roleNamePrefix": "t-"}});
    assert_eq!(
        role(placed, &[]),
        "arn:aws:iam::111122223333:role/lanyard/eu-west-1/prod/tenants/t-shop-orders-f4647193"
    );
}

#[test]
fn edited_class_does_not_move_recorded_role() {
    let edited = || json!({"defaults": {"rolePath": "/new/", "roleNamePrefix": "new-"}});
    let recorded = "arn:aws:iam::111122223333:role/lanyard/eu-west-1/prod/old/old-shop-orders-f4647193";
    assert_eq!(role(edited(), &[recorded]), recorded);
    // A role of another subject, of another account, or on a path that Lanyard does not use.
    let new = "arn:aws:iam::111122223333:role/lanyard/eu-west-1/prod/new/new-shop-orders-f4647193";
    for other in [
        "arn:aws:iam::111122223333:role/lanyard/eu-west-1/prod/bank-orders-01234567",
        "arn:aws:iam::444455556666:role/lanyard/eu-west-1/prod/shop-orders-f4647193",
        "arn:aws:iam::111122223333:role/shop-orders-f4647193",
    ] {
        assert_eq!(role(edited(), &[other]), new, "{other}");
    }
}

#[test]
fn named_role_keeps_recorded_path() {
    let spec = managed(|role| role.name = Some("Orders".to_owned()));
    let class = class(json!({"defaults": {"rolePath": "/new/"}}));
    let recorded =
        RoleArn::parse("arn:aws:iam::111122223333:role/lanyard/eu-west-1/prod/old/orders").unwrap();
    let created = RecordedRoles {
        roles: vec![recorded.clone()],
        adopted: None,
    };
    let unmoved = identity(&spec, &class, &created);
    assert_eq!(unmoved.role_arn().path, recorded.path);
    assert_eq!(
        identity(&spec, &class, &RecordedRoles::default())
            .role_arn()
            .path
            .as_str(),
        "/lanyard/eu-west-1/prod/new/"
    );
}

#[test]
fn forbidden_field_is_reported_beside_identity() {
    let class = class(json!({"guardrails": {"methods": ["IRSA"]}}));
    let validated = validate(
        &managed(|_| {}),
        &subject(),
        &cluster(),
        &class,
        &RecordedRoles::default(),
    )
    .unwrap();
    assert_eq!(validated.identity.binding.method(), Method::PodIdentity);
    let fields: Vec<&str> = validated
        .forbidden
        .iter()
        .map(|forbidden| forbidden.field.as_str())
        .collect();
    assert_eq!(fields, ["method"]);
    let mut invalid = managed(|role| role.name = Some("a b".to_owned()));
    invalid.method = Some(Method::Irsa);
    assert!(
        validate(
            &invalid,
            &subject(),
            &cluster(),
            &class,
            &RecordedRoles::default()
        )
        .is_err()
    );
}
