//! Generates specs from a few values, so that two specs often share one field and differ in another. Inputs are random
//! choices; outputs are specs and validated identities. No I/O.

use lanyard_core::class::Class;
use lanyard_core::identity::Identity;
use lanyard_core::model::cluster::Cluster;
use lanyard_core::model::name::ServiceAccountName;
use lanyard_core::model::spec::{
    DeletionPolicy, DriftPolicy, ExistingRoleSpec, ExistingTrust, IrsaSpec, ManagedRoleSpec, Method,
    PodIdentitySpec, Spec,
};
use lanyard_core::model::status::RecordedRoles;
use lanyard_core::model::subject::Subject;
use lanyard_core::reconcile::validate::validate;
use proptest::collection::btree_map;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

/// Managed policies that specs, and out-of-band edits, attach.
pub const POLICIES: [&str; 3] = [
    "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
    "arn:aws:iam::111122223333:policy/queue",
    "arn:aws:iam::111122223333:policy/team/extra",
];
pub const BOUNDARIES: [&str; 2] = [
    "arn:aws:iam::111122223333:policy/tenant",
    "arn:aws:iam::111122223333:policy/narrow",
];
pub const INLINE: [&str; 3] = ["queue", "cache", "more"];
pub const TARGET: &str = "arn:aws:iam::444455556666:role/target";
/// A foreign role, for `role.existing`.
pub const FOREIGN_ROLE: &str = "arn:aws:iam::111122223333:role/theirs";

pub fn cluster() -> Cluster {
    serde_json::from_str(include_str!("../cluster.json")).unwrap()
}

pub fn subject() -> Subject {
    serde_json::from_value(json!({
        "cluster": "arn:aws:eks:eu-west-1:111122223333:cluster/prod",
        "namespace": "shop",
        "name": "orders",
    }))
    .unwrap()
}

/// Another subject of the same namespace.
pub fn neighbour() -> Subject {
    Subject {
        name: ServiceAccountName::parse("basket").unwrap(),
        ..subject()
    }
}

/// The identity of a generated spec.
pub fn identity(spec: &Spec) -> Identity {
    identity_of(spec, &subject())
}

/// The identity of a generated spec for another subject.
pub fn identity_of(spec: &Spec, subject: &Subject) -> Identity {
    validate(
        spec,
        subject,
        &cluster(),
        &Class::unrestricted(),
        &RecordedRoles::default(),
    )
    .unwrap()
    .identity
}

/// A policy that grants access. Each number grants access to another resource.
pub fn grants(number: u8) -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": format!("arn:aws:sqs:*:*:queue-{number}")}
    ]})
}

/// A policy that only denies access.
pub fn denies() -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"DateLessThan": {"aws:TokenIssueTime": "2026-01-01T00:00:00Z"}}}
    ]})
}

fn managed() -> impl Strategy<Value = ManagedRoleSpec> {
    let inline = btree_map(select(&INLINE[..2]), 0..2u8, 0..3).prop_map(|inline| {
        inline
            .into_iter()
            .map(|(name, number)| (name.to_owned(), grants(number)))
            .collect()
    });
    (
        option::weighted(0.2, Just("orders-b".to_owned())),
        option::of(select(vec!["Orders", "The orders service"])),
        option::of(Just("2h".to_owned())),
        option::of(select(&BOUNDARIES[..])),
        subsequence(POLICIES[..2].to_vec(), 0..=2),
        inline,
        btree_map(select(vec!["team", "tier"]), select(vec!["shop", "pay"]), 0..3),
    )
        .prop_map(
            |(name, description, session, boundary, policies, inline_policies, tags)| ManagedRoleSpec {
                name,
                description: description.map(str::to_owned),
                max_session_duration: session,
                permissions_boundary_arn: boundary.map(str::to_owned),
                policy_arns: policies.into_iter().map(str::to_owned).collect(),
                inline_policies,
                tags: tags
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .collect(),
            },
        )
}

fn pod_identity() -> impl Strategy<Value = PodIdentitySpec> {
    (
        option::weighted(0.3, Just(TARGET.to_owned())),
        option::weighted(0.4, option::of(0..2u8)),
    )
        .prop_map(|(target_role_arn, tags_off)| PodIdentitySpec {
            target_role_arn,
            disable_session_tags: tags_off.is_some(),
            session_policy: tags_off.flatten().map(grants),
        })
}

fn irsa() -> impl Strategy<Value = IrsaSpec> {
    (
        option::weighted(0.3, Just("vault".to_owned())),
        option::weighted(0.3, select(vec!["1h", "12h"])),
        option::weighted(0.3, any::<bool>()),
    )
        .prop_map(|(audience, expiration, sts_regional_endpoints)| IrsaSpec {
            audience,
            token_expiration: expiration.map(str::to_owned),
            sts_regional_endpoints,
        })
}

fn existing(
    trust: ExistingTrust,
) -> impl Strategy<Value = (Option<ManagedRoleSpec>, Option<ExistingRoleSpec>)> {
    let arn = FOREIGN_ROLE.to_owned();
    Just((None, Some(ExistingRoleSpec { arn, trust })))
}

/// A valid spec.
pub fn spec() -> impl Strategy<Value = Spec> {
    let role = prop_oneof![
        4 => managed().prop_map(|managed| (Some(managed), None)),
        1 => existing(ExistingTrust::Check),
        2 => existing(ExistingTrust::Manage),
    ];
    (
        select(vec![Method::Irsa, Method::PodIdentity]),
        role,
        pod_identity(),
        irsa(),
        any::<bool>(),
        select(vec![DriftPolicy::Correct, DriftPolicy::Report]),
        select(vec![
            DeletionPolicy::Delete,
            DeletionPolicy::DeleteWhenUnused,
            DeletionPolicy::Retain,
        ]),
    )
        .prop_map(
            |(method, (managed, existing), pod_identity, irsa, create, drift, deletion)| Spec {
                adopt: Vec::new(),
                class_name: None,
                create_service_account: create,
                method: Some(method),
                managed,
                existing,
                pod_identity,
                irsa,
                drift_policy: Some(drift),
                deletion_policy: Some(deletion),
                pod_restart: None,
                transition_paused: false,
                suspend: false,
            },
        )
}

/// Another spec with the same binding, as after an edit that causes no transition.
pub fn same_binding(before: &Spec, after: &Spec) -> Spec {
    let mut spec = after.clone();
    spec.method = before.method;
    spec.pod_identity.target_role_arn = before.pod_identity.target_role_arn.clone();
    spec.pod_identity.disable_session_tags = before.pod_identity.disable_session_tags;
    if !spec.pod_identity.disable_session_tags {
        spec.pod_identity.session_policy = None;
    }
    spec.irsa.audience = before.irsa.audience.clone();
    spec.existing = match (&before.existing, &after.existing) {
        // The owner of the trust policy may change without a change of the binding.
        (Some(_), Some(after)) => Some(after.clone()),
        (before, _) => before.clone(),
    };
    spec.managed = match (&before.managed, spec.managed) {
        (None, _) => None,
        (Some(before), Some(after)) => Some(ManagedRoleSpec {
            name: before.name.clone(),
            ..after
        }),
        (Some(before), None) => Some(before.clone()),
    };
    spec
}
