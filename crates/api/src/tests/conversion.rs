//! Tests of the conversion between the API and core: no value is lost, and unknown values are ignored. No I/O.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lanyard_core::model::arn::{Issuer, RoleArn};
use lanyard_core::model::binding::{Binding, MethodSettings};
use lanyard_core::model::condition::{CONDITIONS, Condition, ConditionStatus};
use lanyard_core::model::name::Audience;
use lanyard_core::model::reason::Reason;
use lanyard_core::model::spec::{
    DeletionPolicy, DriftPolicy, ExistingRoleSpec, ExistingTrust, Method, PodRestart,
};
use lanyard_core::model::status::{
    AssociationStatus, BindingState, BindingStatus, Correction, DriftItem, DriftReason, DriftStatus,
    PodsStatus, RestartStatus, RoleStatus, Status, TransitionStatus,
};
use lanyard_core::model::workload::WorkloadRef;
use serde_json::{Value, json};

use super::crd_schema;
use crate::{WorkloadIdentity, WorkloadIdentityStatus, samples};

fn role(name: &str) -> RoleArn {
    RoleArn::parse(&format!("arn:aws:iam::111122223333:role/{name}")).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap()
}

fn item(reason: Option<DriftReason>) -> DriftItem {
    DriftItem {
        resource: "Role".to_owned(),
        field: "maxSessionDuration".to_owned(),
        desired: Some("1h".to_owned()),
        observed: Some("12h".to_owned()),
        since: reason.map(|_| now()),
        reason,
    }
}

/// A binding for each method, with every field set.
fn bindings() -> Vec<BindingStatus> {
    let irsa = MethodSettings::Irsa {
        issuer: Issuer::parse("https://oidc.eks.eu-west-1.amazonaws.com/id/ABC").unwrap(),
        audience: Audience::parse("sts.amazonaws.com").unwrap(),
    };
    let pod_identity = MethodSettings::PodIdentity {
        target_role_arn: Some(role("target")),
        session_tags: true,
    };
    let association = AssociationStatus {
        id: "a-1".to_owned(),
        arn: "arn:aws:eks:eu-west-1:111122223333:podidentityassociation/prod/a-1".to_owned(),
        external_id: Some("eu-west-1/111122223333/prod/shop/orders".to_owned()),
        adopted: true,
    };
    vec![
        BindingStatus {
            binding: Binding {
                role_arn: role("orders"),
                settings: irsa,
            },
            state: BindingState::Draining,
            association: None,
        },
        BindingStatus {
            binding: Binding {
                role_arn: role("orders"),
                settings: pod_identity,
            },
            state: BindingState::Pending,
            association: Some(association),
        },
    ]
}

/// A status with every field set.
fn full() -> Status {
    let condition = |kind| Condition {
        kind,
        status: ConditionStatus::Unknown,
        reason: Reason::Unreadable,
        message: "iam:GetRole is denied".to_owned(),
        observed_generation: 3,
        last_transition_time: now(),
    };
    Status {
        observed_generation: Some(3),
        last_handled_reconcile_at: Some("2026-03-01T12:00:00Z".to_owned()),
        conditions: CONDITIONS.iter().map(|row| condition(row.kind)).collect(),
        class_name: Some("default".to_owned()),
        applied_from_class: serde_json::from_value(json!({
            "tags": {"cost-center": "42"}, "permissionsBoundaryArn": "arn:aws:iam::111122223333:policy/tenant",
            "maxSessionDuration": "4h", "driftPolicy": "Report", "provider": "Require",
        }))
        .unwrap(),
        role: Some(RoleStatus {
            arn: role("orders"),
            id: Some("AROA1".to_owned()),
            adopted: true,
        }),
        bindings: bindings(),
        oidc_provider_arn: Some(
            "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/ABC".to_owned(),
        ),
        last_applied_hashes: BTreeMap::from([("trust".to_owned(), "0123456789abcdef".to_owned())]),
        drift: DriftStatus {
            count: 1,
            items: vec![item(Some(DriftReason::Reported))],
            unmanaged_count: 1,
            unmanaged: vec![item(Some(DriftReason::Adopted))],
            last_correction: Some(Correction {
                at: now(),
                items: vec![item(None)],
            }),
        },
        pods: PodsStatus { stale: 2 },
        transition: Some(TransitionStatus {
            stage: Reason::Draining,
            stage_transition_time: now(),
            start_time: now(),
            bound_time: Some(now()),
            effective_time: Some(now()),
            target_hash: "0123456789abcdef".to_owned(),
            approval_token: Some("fedcba9876543210".to_owned()),
        }),
        restarts: vec![restart()],
    }
}

fn restart() -> RestartStatus {
    RestartStatus {
        owner: WorkloadRef {
            kind: "Deployment".to_owned(),
            name: "api".to_owned(),
        },
        target_hash: "0123456789abcdef".to_owned(),
        time: now(),
        count: 2,
        created_until: now(),
        current_pods: 3,
        progress_time: now(),
        verified: true,
    }
}

#[test]
fn status_round_trips_through_kubernetes() {
    let written = serde_json::to_value(WorkloadIdentityStatus::from_core(&full())).unwrap();
    let read: WorkloadIdentityStatus = serde_json::from_value(written).unwrap();
    assert_eq!(read.to_core(), full());
}

#[test]
fn api_and_core_serialize_status_identically() {
    assert_eq!(
        serde_json::to_value(WorkloadIdentityStatus::from_core(&full())).unwrap(),
        serde_json::to_value(full()).unwrap()
    );
}

#[test]
fn schema_covers_every_status_field() {
    assert_in_schema(
        &crd_schema()["properties"]["status"],
        &serde_json::to_value(full()).unwrap(),
        "status",
    );
}

fn assert_in_schema(schema: &Value, value: &Value, path: &str) {
    assert!(
        schema.is_object(),
        "{path} is not in the schema and would be pruned"
    );
    for (name, field) in value.as_object().into_iter().flatten() {
        let property = &schema["properties"][name];
        let map_value = &schema["additionalProperties"];
        assert_in_schema(
            if property.is_object() { property } else { map_value },
            field,
            &format!("{path}.{name}"),
        );
    }
    for element in value.as_array().into_iter().flatten() {
        assert_in_schema(&schema["items"], element, &format!("{path}[]"));
    }
}

#[test]
fn unknown_status_values_are_dropped() {
    let condition = |kind: &str, reason: &str| json!({"type": kind, "status": "True", "reason": reason, "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"});
    let status: WorkloadIdentityStatus = serde_json::from_value(json!({
        "conditions": [condition("example.com/Scanned", "Clean"), condition("Ready", "OfANewerOperator"), condition("InSync", "InSync")],
        "role": {"arn": "AROA1"},
        "bindings": [{"method": "IRSA", "roleArn": "nonsense", "state": "Active"}],
        "transition": {"stage": "OfANewerOperator", "stageTransitionTime": "2026-01-01T00:00:00Z", "startTime": "2026-01-01T00:00:00Z", "targetHash": "t"},
    }))
    .unwrap();
    let core = status.to_core();
    assert_eq!(
        core.conditions.iter().map(|c| c.reason).collect::<Vec<_>>(),
        [Reason::InSync]
    );
    assert_eq!((core.role, core.bindings, core.transition), (None, vec![], None));
}

#[test]
fn initial_status_converts_to_default() {
    let status: WorkloadIdentityStatus = serde_json::from_value(json!({"observedGeneration": -1})).unwrap();
    assert_eq!(
        status.to_core(),
        Status {
            observed_generation: Some(-1),
            ..Status::default()
        }
    );
}

#[test]
fn every_spec_field_reaches_core() {
    let spec = samples::everything_pod_identity().spec.to_core();
    assert!(spec.create_service_account && spec.suspend && spec.transition_paused);
    assert_eq!(spec.pod_restart, Some(PodRestart::Rollout));
    assert_eq!(spec.method, Some(Method::PodIdentity));
    assert_eq!(
        (spec.drift_policy, spec.deletion_policy),
        (Some(DriftPolicy::Report), Some(DeletionPolicy::Retain))
    );
    let role = spec.managed.unwrap();
    assert_eq!(role.name.as_deref(), Some("checkout-prod"));
    assert_eq!(role.max_session_duration.as_deref(), Some("1h30m"));
    assert_eq!(
        role.permissions_boundary_arn.as_deref(),
        Some("arn:aws:iam::111122223333:policy/tenant")
    );
    assert_eq!(
        role.policy_arns,
        ["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"]
    );
    assert_eq!(role.inline_policies[0].0, "bucket");
    assert_eq!(role.inline_policies[0].1["Version"], "2012-10-17");
    assert_eq!(role.tags["team"], "shop");
    assert!(spec.pod_identity.disable_session_tags && spec.pod_identity.session_policy.is_some());
    assert_eq!(
        spec.pod_identity.target_role_arn.as_deref(),
        Some("arn:aws:iam::444455556666:role/checkout-data")
    );

    let irsa = samples::everything_irsa().spec.to_core().irsa;
    assert_eq!(irsa.audience.as_deref(), Some("sts.amazonaws.com"));
    assert_eq!(
        (irsa.token_expiration.as_deref(), irsa.sts_regional_endpoints),
        (Some("12h"), Some(true))
    );
    for (sample, trust) in [
        (samples::existing_role(), ExistingTrust::Check),
        (samples::shared_role(), ExistingTrust::Manage),
    ] {
        let arn = "arn:aws:iam::111122223333:role/finance/billing".to_owned();
        assert_eq!(
            sample.spec.to_core().existing,
            Some(ExistingRoleSpec { arn, trust })
        );
    }
}

#[test]
fn spec_round_trips_through_kubernetes() {
    for sample in samples::all() {
        let written = serde_json::to_value(&sample.identity).unwrap();
        assert_eq!(
            serde_json::from_value::<WorkloadIdentity>(written).unwrap(),
            sample.identity,
            "{}",
            sample.file
        );
    }
}
