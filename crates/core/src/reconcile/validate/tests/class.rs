//! What a class makes of a spec that says little, what it puts on every role, and what it never moves.

use serde_json::json;

use super::*;
use crate::model::name::TagKey;
use crate::model::spec::DEFAULT_MAX_SESSION;

fn of(text: Value) -> Class {
    Class {
        name: Some("tenants".to_owned()),
        ..serde_json::from_value(text).unwrap()
    }
}

fn identity(spec: &Spec, class: &Class, made: &RecordedRoles) -> Identity {
    validate(spec, &subject(), &cluster(), class, made)
        .unwrap()
        .identity
}

fn role(class: Value, made: &[&str]) -> String {
    let made = RecordedRoles {
        roles: made.iter().map(|arn| RoleArn::parse(arn).unwrap()).collect(),
        adopted: None,
    };
    let spec = managed(|_| {});
    identity(&spec, &of(class), &made).role_arn().to_string()
}

#[test]
fn a_class_says_what_the_spec_leaves_open() {
    let class = of(json!({"defaults": {
        "method": "IRSA", "driftPolicy": "Report", "deletionPolicy": "Retain", "podRestart": "Rollout",
    }}));
    let mut spec = managed(|_| {});
    spec.method = None;
    let silent = identity(&spec, &class, &RecordedRoles::default());
    assert_eq!(silent.binding.method(), Method::Irsa);
    assert_eq!(silent.drift_policy, DriftPolicy::Report);
    spec.method = Some(Method::PodIdentity);
    spec.drift_policy = Some(DriftPolicy::Correct);
    let outspoken = identity(&spec, &class, &RecordedRoles::default());
    assert_eq!(outspoken.binding.method(), Method::PodIdentity);
    assert_eq!(outspoken.drift_policy, DriftPolicy::Correct);
    assert_eq!(outspoken.deletion_policy, silent.deletion_policy);
}

#[test]
fn the_tags_and_the_boundary_of_the_class_are_on_every_role() {
    let boundary = "arn:aws:iam::111122223333:policy/tenant";
    let class = of(json!({
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
fn tags_of_class_and_spec_together_fit_a_role() {
    let mut class = of(json!({}));
    class.enforced_tags = (0..10)
        .map(|at| (TagKey::parse(format!("c{at}")).unwrap(), String::new()))
        .collect();
    let spec = managed(|role| role.tags = (0..40).map(|at| (format!("t{at}"), String::new())).collect());
    let wrong = validate(&spec, &subject(), &cluster(), &class, &RecordedRoles::default()).unwrap_err();
    assert!(
        wrong[0]
            .problem
            .starts_with("50 tags with those of the class; at most 47"),
        "{wrong:?}"
    );
}

#[test]
fn a_session_is_as_long_as_the_class_says_and_never_longer_than_it_allows() {
    let session = |class: Value| {
        let class = of(class);
        identity(&managed(|_| {}), &class, &RecordedRoles::default())
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
fn a_new_role_is_where_and_what_the_class_says() {
    let placed = json!({"defaults": {"rolePath": "/tenants/", "roleNamePrefix": "t-"}});
    assert_eq!(
        role(placed, &[]),
        "arn:aws:iam::111122223333:role/lanyard/eu-west-1/prod/tenants/t-shop-orders-f4647193"
    );
}

#[test]
fn a_role_on_record_is_neither_renamed_nor_moved_by_a_class_that_was_edited() {
    let edited = || json!({"defaults": {"rolePath": "/new/", "roleNamePrefix": "new-"}});
    let made = "arn:aws:iam::111122223333:role/lanyard/eu-west-1/prod/old/old-shop-orders-f4647193";
    assert_eq!(role(edited(), &[made]), made);
    // Another's, another account's, or one that Lanyard never placed there.
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
fn a_named_role_keeps_its_path() {
    let spec = managed(|role| role.name = Some("Orders".to_owned()));
    let class = of(json!({"defaults": {"rolePath": "/new/"}}));
    let made = RoleArn::parse("arn:aws:iam::111122223333:role/lanyard/eu-west-1/prod/old/orders").unwrap();
    let known = RecordedRoles {
        roles: vec![made.clone()],
        adopted: None,
    };
    let kept = identity(&spec, &class, &known);
    assert_eq!(kept.role_arn().path, made.path);
    assert_eq!(
        identity(&spec, &class, &RecordedRoles::default())
            .role_arn()
            .path
            .as_str(),
        "/lanyard/eu-west-1/prod/new/"
    );
}

#[test]
fn what_a_class_forbids_is_told_beside_the_identity() {
    let class = of(json!({"guardrails": {"methods": ["IRSA"]}}));
    let judged = validate(
        &managed(|_| {}),
        &subject(),
        &cluster(),
        &class,
        &RecordedRoles::default(),
    )
    .unwrap();
    assert_eq!(judged.identity.binding.method(), Method::PodIdentity);
    let told: Vec<&str> = judged.forbidden.iter().map(|it| it.field.as_str()).collect();
    assert_eq!(told, ["method"]);
    let mut wrong = managed(|role| role.name = Some("a b".to_owned()));
    wrong.method = Some(Method::Irsa);
    assert!(validate(&wrong, &subject(), &cluster(), &class, &RecordedRoles::default()).is_err());
}
