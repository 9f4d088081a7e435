//! Tests of the decision under classes that exist, are narrowed, become incompatible, or are missing.

use super::*;
use crate::class::Guardrails;
use crate::example::{applied, carry_out, cluster, decide, rendered, spec, subject, world};
use crate::model::fact::Fact;
use crate::model::from_class::FromClass;
use crate::model::observed::Provider;
use crate::model::spec::DEFAULT_AUDIENCE;
use crate::model::spec::Method;
use crate::reconcile::outcome::{Outcome, Skip, StepResult};

fn decision(selection: &Selection<'_>, status: &Status, inventory: Option<&Inventory>) -> ClassDecision {
    decision_on(&spec(Method::Irsa), selection, Record { status, inventory }, true)
}

fn decision_on(spec: &Spec, selection: &Selection<'_>, record: Record<'_>, may_begin: bool) -> ClassDecision {
    let (subject, cluster) = (&subject(), &cluster());
    decide_class(spec, SpecContext { subject, cluster }, selection, record, |_| {
        may_begin
    })
}

fn closed() -> Class {
    Class {
        name: Some("tenants".to_owned()),
        limits: Guardrails::default().into(),
        ..Class::default()
    }
}

#[test]
fn new_spec_is_rejected_and_applied_spec_is_frozen() {
    let (_, world, status) = applied(&spec(Method::Irsa));
    let inventory = world.object.inventory.as_ref();
    for selection in [
        Selection::Missing { name: "tenants" },
        Selection::Chosen(&closed()),
    ] {
        assert!(matches!(
            decision(&selection, &Status::default(), None),
            ClassDecision::Rejected(_)
        ));
        let ClassDecision::Accepted(identity) = decision(&selection, &status, inventory) else {
            panic!("{selection:?}");
        };
        assert!(identity.frozen.is_some());
    }
}

#[test]
fn cluster_without_classes_accepts_without_class() {
    let ClassDecision::Accepted(identity) = decision(&Selection::Unrestricted, &Status::default(), None)
    else {
        panic!("not accepted");
    };
    assert_eq!((identity.frozen, identity.class), (None, None));
}

#[test]
fn missing_class_keeps_effective_method() {
    let (_, world, status) = applied(&spec(Method::Irsa));
    let requested = Spec {
        method: None,
        ..spec(Method::Irsa)
    };
    let record = Record {
        status: &status,
        inventory: world.object.inventory.as_ref(),
    };
    let selection = Selection::Missing { name: "tenants" };
    let ClassDecision::Accepted(identity) = decision_on(&requested, &selection, record, true) else {
        panic!("not accepted");
    };
    assert_eq!(identity.binding.method(), Method::Irsa);
}

#[test]
fn class_method_change_waits_for_rollout_slot() {
    let (_, world, status) = applied(&spec(Method::Irsa));
    let mut class = Class::unrestricted();
    class.defaults.method = Some(Method::PodIdentity);
    let record = Record {
        status: &status,
        inventory: world.object.inventory.as_ref(),
    };
    let method = |method: Option<Method>, may_begin| {
        let requested = Spec {
            method,
            ..spec(Method::Irsa)
        };
        match decision_on(&requested, &Selection::Chosen(&class), record, may_begin) {
            ClassDecision::Accepted(identity) => (identity.binding.method(), identity.queued_for),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(method(None, false), (Method::Irsa, Some(Method::PodIdentity)));
    assert_eq!(method(None, true), (Method::PodIdentity, None));
    // A method of the spec itself needs no slot.
    assert_eq!(
        method(Some(Method::PodIdentity), false),
        (Method::PodIdentity, None)
    );
}

/// A spec without a method, after it was applied under that class.
fn applied_under(class: &Class) -> (Spec, Status, Option<Inventory>) {
    let requested = Spec {
        method: None,
        ..spec(Method::Irsa)
    };
    let nothing = Record {
        status: &Status::default(),
        inventory: None,
    };
    let ClassDecision::Accepted(identity) = decision_on(&requested, &Selection::Chosen(class), nothing, true)
    else {
        panic!("not accepted");
    };
    let mut world = world(&identity);
    world.provider = Fact::Present(Provider {
        client_ids: [DEFAULT_AUDIENCE.to_owned()].into(),
        modified_at: None,
    });
    let decision = decide(&identity, nothing.status, &world);
    let status = carry_out(&decision, nothing.status, &mut world).status;
    (requested, status, world.object.inventory)
}

fn tenants(values: serde_json::Value) -> Class {
    let mut class = serde_json::json!({
        "defaults": {"method": "IRSA"}, "guardrails": {"namespaceSelector": {}, "methods": ["IRSA", "PodIdentity"]},
    });
    class
        .as_object_mut()
        .unwrap()
        .extend(values.as_object().unwrap().clone());
    Class::read("tenants", class).unwrap()
}

fn frozen(decision: ClassDecision) -> Identity {
    match decision {
        ClassDecision::Accepted(identity) if identity.frozen.is_some() => *identity,
        other => panic!("{other:?}"),
    }
}

#[test]
fn incompatible_class_freezes_and_is_named() {
    let other_account = serde_json::json!({"assumeRoleArn": "arn:aws:iam::444455556666:role/lanyard"});
    let tags: std::collections::BTreeMap<String, &str> = (0..48).map(|at| (format!("t{at}"), "")).collect();
    for (before, after, expected) in [
        (
            tenants(serde_json::json!({"aws": other_account})),
            tenants(serde_json::json!({"aws": other_account, "defaults": {"method": "PodIdentity"}})),
            "class field defaults.method: Pod Identity requires a role in account 111122223333 of the cluster",
        ),
        (
            tenants(serde_json::json!({"enforcedTags": {"cost-center": "42"}})),
            tenants(serde_json::json!({"enforcedTags": tags})),
            "class field enforcedTags: spec.role.managed.tags must have at most 46 tags, including the tags of the class; got 48",
        ),
    ] {
        let (requested, status, inventory) = applied_under(&before);
        let record = Record {
            status: &status,
            inventory: inventory.as_ref(),
        };
        let ClassDecision::Accepted(free) =
            decision_on(&requested, &Selection::Chosen(&before), record, true)
        else {
            panic!("not accepted");
        };
        let held = frozen(decision_on(&requested, &Selection::Chosen(&after), record, true));
        assert_eq!((&held.binding, &held.managed), (&free.binding, &free.managed));
        let freeze = held.frozen.unwrap();
        assert_eq!(freeze.reason, Reason::ClassIncompatible);
        assert!(freeze.message.contains(expected), "{}", freeze.message);
        assert!(freeze.message.ends_with(KEPT_AFTER_LIST), "{}", freeze.message);
        // An identity that was never applied is invalid.
        let nothing = Record {
            status: &Status::default(),
            inventory: None,
        };
        let new = decision_on(&requested, &Selection::Chosen(&after), nothing, true);
        assert!(matches!(new, ClassDecision::Invalid(_)), "{new:?}");
    }
}

#[test]
fn class_values_are_recorded_only_once_applied() {
    let before = tenants(serde_json::json!({"enforcedTags": {"cost-center": "42"}}));
    let after = tenants(serde_json::json!({"enforcedTags": {"cost-center": "43"}}));
    let (requested, status, inventory) = applied_under(&before);
    let record = Record {
        status: &status,
        inventory: inventory.as_ref(),
    };
    let ClassDecision::Accepted(identity) = decision_on(&requested, &Selection::Chosen(&after), record, true)
    else {
        panic!("not accepted");
    };
    let world = world(&identity);
    let decision = decide(&identity, &status, &world);
    let skipped = decision
        .plan
        .steps()
        .map(|step| (step.clone(), StepResult::Skipped(Skip::WriteGate)));
    let outcome = Outcome {
        steps: skipped.collect(),
    };
    assert!(!outcome.steps.is_empty());
    let next = rendered(&decision, &status, &world, &outcome).status;
    assert_eq!(next.applied_from_class, status.applied_from_class);
    assert_ne!(next.applied_from_class, FromClass::of(&after));
}

#[test]
fn class_values_stay_desired_while_class_is_missing() {
    let class = tenants(serde_json::json!({
        "aws": {"assumeRoleArn": "arn:aws:iam::444455556666:role/lanyard"},
        "enforcedTags": {"cost-center": "42"}, "provider": "Require",
        "defaults": {"method": "IRSA", "maxSessionDuration": "4h", "driftPolicy": "Report", "rolePath": "/t/"},
    }));
    let (requested, status, inventory) = applied_under(&class);
    let record = Record {
        status: &status,
        inventory: inventory.as_ref(),
    };
    let ClassDecision::Accepted(free) = decision_on(&requested, &Selection::Chosen(&class), record, true)
    else {
        panic!("not accepted");
    };
    for selection in [
        Selection::Missing { name: "tenants" },
        Selection::Chosen(&closed()),
    ] {
        let held = frozen(decision_on(&requested, &selection, record, true));
        let same = (&held.binding, &held.managed, &held.class);
        let is_missing = matches!(selection, Selection::Missing { .. });
        if is_missing {
            assert_eq!(same, (&free.binding, &free.managed, &free.class));
            assert_eq!(
                (held.drift_policy, held.provider),
                (free.drift_policy, free.provider)
            );
        } else {
            assert_eq!(same.1, &free.managed);
        }
    }
}
