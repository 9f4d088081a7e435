//! What becomes of specs under classes that are there, narrowed, edited into what cannot be, or away.

use super::*;
use crate::class::Guardrails;
use crate::example::{applied, carry_out, cluster, decide, rendered, spec, subject, world};
use crate::model::fact::Fact;
use crate::model::from_class::FromClass;
use crate::model::observed::Provider;
use crate::model::spec::DEFAULT_AUDIENCE;
use crate::model::spec::Method;
use crate::reconcile::outcome::{Outcome, Skip, StepResult};

fn ruled(choice: &Selection<'_>, status: &Status, inventory: Option<&Inventory>) -> ClassDecision {
    ruled_on(&spec(Method::Irsa), choice, Record { status, inventory }, true)
}

fn ruled_on(spec: &Spec, choice: &Selection<'_>, record: Record<'_>, may_begin: bool) -> ClassDecision {
    let (subject, cluster) = (&subject(), &cluster());
    rule(spec, Whose { subject, cluster }, choice, record, |_| may_begin)
}

fn closed() -> Class {
    Class {
        name: Some("tenants".to_owned()),
        limits: Guardrails::default().into(),
        ..Class::default()
    }
}

#[test]
fn what_was_never_carried_out_is_refused_and_what_was_is_frozen() {
    let (_, world, status) = applied(&spec(Method::Irsa));
    let inventory = world.object.inventory.as_ref();
    for choice in [
        Selection::Missing { name: "tenants" },
        Selection::Chosen(&closed()),
    ] {
        assert!(matches!(
            ruled(&choice, &Status::default(), None),
            ClassDecision::Rejected(_)
        ));
        let ClassDecision::Accepted(identity) = ruled(&choice, &status, inventory) else {
            panic!("{choice:?}");
        };
        assert!(identity.frozen.is_some());
    }
}

#[test]
fn without_classes_nothing_is_frozen_and_no_class_is_recorded() {
    let ClassDecision::Accepted(identity) = ruled(&Selection::Unrestricted, &Status::default(), None) else {
        panic!("carried out");
    };
    assert_eq!((identity.frozen, identity.class), (None, None));
}

#[test]
fn a_class_that_is_away_moves_nothing_to_another_method() {
    let (_, world, status) = applied(&spec(Method::Irsa));
    let asked = Spec {
        method: None,
        ..spec(Method::Irsa)
    };
    let record = Record {
        status: &status,
        inventory: world.object.inventory.as_ref(),
    };
    let choice = Selection::Missing { name: "tenants" };
    let ClassDecision::Accepted(identity) = ruled_on(&asked, &choice, record, true) else {
        panic!("frozen");
    };
    assert_eq!(identity.binding.method(), Method::Irsa);
}

#[test]
fn a_class_moves_an_identity_that_rests_only_when_it_is_its_turn() {
    let (_, world, status) = applied(&spec(Method::Irsa));
    let mut class = Class::unrestricted();
    class.defaults.method = Some(Method::PodIdentity);
    let record = Record {
        status: &status,
        inventory: world.object.inventory.as_ref(),
    };
    let method = |asked: Option<Method>, may_begin| {
        let asked = Spec {
            method: asked,
            ..spec(Method::Irsa)
        };
        match ruled_on(&asked, &Selection::Chosen(&class), record, may_begin) {
            ClassDecision::Accepted(identity) => (identity.binding.method(), identity.queued_for),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(method(None, false), (Method::Irsa, Some(Method::PodIdentity)));
    assert_eq!(method(None, true), (Method::PodIdentity, None));
    // What a spec asks for itself waits for nobody.
    assert_eq!(
        method(Some(Method::PodIdentity), false),
        (Method::PodIdentity, None)
    );
}

/// A spec that leaves the method to its class, after it was carried out under that class.
fn carried_out_under(class: &Class) -> (Spec, Status, Option<Inventory>) {
    let asked = Spec {
        method: None,
        ..spec(Method::Irsa)
    };
    let nothing = Record {
        status: &Status::default(),
        inventory: None,
    };
    let ClassDecision::Accepted(identity) = ruled_on(&asked, &Selection::Chosen(class), nothing, true) else {
        panic!("free");
    };
    let mut world = world(&identity);
    world.provider = Fact::Present(Provider {
        client_ids: [DEFAULT_AUDIENCE.to_owned()].into(),
    });
    let decision = decide(&identity, nothing.status, &world);
    let status = carry_out(&decision, nothing.status, &mut world).status;
    (asked, status, world.object.inventory)
}

fn tenants(says: serde_json::Value) -> Class {
    let mut all = serde_json::json!({
        "defaults": {"method": "IRSA"}, "guardrails": {"namespaceSelector": {}, "methods": ["IRSA", "PodIdentity"]},
    });
    all.as_object_mut()
        .unwrap()
        .extend(says.as_object().unwrap().clone());
    Class::read("tenants", all).unwrap()
}

fn frozen(ruling: ClassDecision) -> Identity {
    match ruling {
        ClassDecision::Accepted(identity) if identity.frozen.is_some() => *identity,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_class_edited_into_what_cannot_be_freezes_and_is_named_as_what_does_not_fit() {
    let elsewhere = serde_json::json!({"assumeRoleArn": "arn:aws:iam::444455556666:role/lanyard"});
    let tags: std::collections::BTreeMap<String, &str> = (0..48).map(|at| (format!("t{at}"), "")).collect();
    for (before, after, told) in [
        (
            tenants(serde_json::json!({"aws": elsewhere})),
            tenants(serde_json::json!({"aws": elsewhere, "defaults": {"method": "PodIdentity"}})),
            "its defaults.method: Pod Identity takes roles of the cluster's account alone",
        ),
        (
            tenants(serde_json::json!({"enforcedTags": {"cost-center": "42"}})),
            tenants(serde_json::json!({"enforcedTags": tags})),
            "its enforcedTags: spec.role.managed.tags would have 48 tags",
        ),
    ] {
        let (asked, status, inventory) = carried_out_under(&before);
        let record = Record {
            status: &status,
            inventory: inventory.as_ref(),
        };
        let ClassDecision::Accepted(free) = ruled_on(&asked, &Selection::Chosen(&before), record, true)
        else {
            panic!("free");
        };
        let held = frozen(ruled_on(&asked, &Selection::Chosen(&after), record, true));
        assert_eq!((&held.binding, &held.managed), (&free.binding, &free.managed));
        let freeze = held.frozen.unwrap();
        assert_eq!(freeze.reason, Reason::ClassIncompatible);
        assert!(freeze.message.contains(told), "{}", freeze.message);
        assert!(freeze.message.ends_with(KEPT_AFTER_LIST), "{}", freeze.message);
        // Who never had anything is told what is wrong, as a spec.
        let nothing = Record {
            status: &Status::default(),
            inventory: None,
        };
        let new = ruled_on(&asked, &Selection::Chosen(&after), nothing, true);
        assert!(matches!(new, ClassDecision::Invalid(_)), "{new:?}");
    }
}

#[test]
fn what_a_class_asks_for_is_remembered_only_once_it_is_there() {
    let before = tenants(serde_json::json!({"enforcedTags": {"cost-center": "42"}}));
    let after = tenants(serde_json::json!({"enforcedTags": {"cost-center": "43"}}));
    let (asked, status, inventory) = carried_out_under(&before);
    let record = Record {
        status: &status,
        inventory: inventory.as_ref(),
    };
    let ClassDecision::Accepted(identity) = ruled_on(&asked, &Selection::Chosen(&after), record, true) else {
        panic!("free");
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
fn what_a_class_put_in_is_wanted_while_it_is_away() {
    let class = tenants(serde_json::json!({
        "aws": {"assumeRoleArn": "arn:aws:iam::444455556666:role/lanyard"},
        "enforcedTags": {"cost-center": "42"}, "provider": "Require",
        "defaults": {"method": "IRSA", "maxSessionDuration": "4h", "driftPolicy": "Report", "rolePath": "/t/"},
    }));
    let (asked, status, inventory) = carried_out_under(&class);
    let record = Record {
        status: &status,
        inventory: inventory.as_ref(),
    };
    let ClassDecision::Accepted(free) = ruled_on(&asked, &Selection::Chosen(&class), record, true) else {
        panic!("free");
    };
    for choice in [
        Selection::Missing { name: "tenants" },
        Selection::Chosen(&closed()),
    ] {
        let held = frozen(ruled_on(&asked, &choice, record, true));
        let same = (&held.binding, &held.managed, &held.class);
        let away = matches!(choice, Selection::Missing { .. });
        if away {
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
