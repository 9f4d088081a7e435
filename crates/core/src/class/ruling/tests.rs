//! What becomes of specs under classes that are there, narrowed, edited into what cannot be, or away.

use super::*;
use crate::class::FromClass;
use crate::class::Guardrails;
use crate::example::{carried_out, carry_out, cluster, spec, subject, think, told, world};
use crate::fact::Fact;
use crate::observed::Provider;
use crate::outcome::{Ended, Outcome, Skip};
use crate::spec::Method;
use crate::validate::DEFAULT_AUDIENCE;

fn ruled(choice: &Choice<'_>, status: &Status, custody: Option<&Custody>) -> Ruling {
    ruled_on(&spec(Method::Irsa), choice, Record { status, custody }, true)
}

fn ruled_on(spec: &Spec, choice: &Choice<'_>, record: Record<'_>, may_begin: bool) -> Ruling {
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
    let (_, world, status) = carried_out(&spec(Method::Irsa));
    let custody = world.object.custody.as_ref();
    for choice in [Choice::Missing { name: "tenants" }, Choice::Chosen(&closed())] {
        assert!(matches!(
            ruled(&choice, &Status::default(), None),
            Ruling::Refused(_)
        ));
        let Ruling::Carried(identity) = ruled(&choice, &status, custody) else {
            panic!("{choice:?}");
        };
        assert!(identity.frozen.is_some());
    }
}

#[test]
fn without_classes_nothing_is_frozen_and_no_class_is_recorded() {
    let Ruling::Carried(identity) = ruled(&Choice::Unrestricted, &Status::default(), None) else {
        panic!("carried out");
    };
    assert_eq!((identity.frozen, identity.class), (None, None));
}

#[test]
fn a_class_that_is_away_moves_nothing_to_another_method() {
    let (_, world, status) = carried_out(&spec(Method::Irsa));
    let asked = Spec {
        method: None,
        ..spec(Method::Irsa)
    };
    let record = Record {
        status: &status,
        custody: world.object.custody.as_ref(),
    };
    let choice = Choice::Missing { name: "tenants" };
    let Ruling::Carried(identity) = ruled_on(&asked, &choice, record, true) else {
        panic!("frozen");
    };
    assert_eq!(identity.binding.method(), Method::Irsa);
}

#[test]
fn a_class_moves_an_identity_that_rests_only_when_it_is_its_turn() {
    let (_, world, status) = carried_out(&spec(Method::Irsa));
    let mut class = Class::unrestricted();
    class.defaults.method = Some(Method::PodIdentity);
    let record = Record {
        status: &status,
        custody: world.object.custody.as_ref(),
    };
    let method = |asked: Option<Method>, may_begin| {
        let asked = Spec {
            method: asked,
            ..spec(Method::Irsa)
        };
        match ruled_on(&asked, &Choice::Chosen(&class), record, may_begin) {
            Ruling::Carried(identity) => (identity.binding.method(), identity.queued_for),
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
fn carried_out_under(class: &Class) -> (Spec, Status, Option<Custody>) {
    let asked = Spec {
        method: None,
        ..spec(Method::Irsa)
    };
    let nothing = Record {
        status: &Status::default(),
        custody: None,
    };
    let Ruling::Carried(identity) = ruled_on(&asked, &Choice::Chosen(class), nothing, true) else {
        panic!("free");
    };
    let mut world = world(&identity);
    world.provider = Fact::Present(Provider {
        client_ids: [DEFAULT_AUDIENCE.to_owned()].into(),
    });
    let look = think(&identity, nothing.status, &world);
    let status = carry_out(&look, nothing.status, &mut world).status;
    (asked, status, world.object.custody)
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

fn frozen(ruling: Ruling) -> Identity {
    match ruling {
        Ruling::Carried(identity) if identity.frozen.is_some() => *identity,
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
        let (asked, status, custody) = carried_out_under(&before);
        let record = Record {
            status: &status,
            custody: custody.as_ref(),
        };
        let Ruling::Carried(free) = ruled_on(&asked, &Choice::Chosen(&before), record, true) else {
            panic!("free");
        };
        let held = frozen(ruled_on(&asked, &Choice::Chosen(&after), record, true));
        assert_eq!((&held.binding, &held.managed), (&free.binding, &free.managed));
        let freeze = held.frozen.unwrap();
        assert_eq!(freeze.reason, Reason::ClassUnfit);
        assert!(freeze.message.contains(told), "{}", freeze.message);
        assert!(freeze.message.ends_with(KEPT_AFTER_LIST), "{}", freeze.message);
        // Who never had anything is told what is wrong, as a spec.
        let nothing = Record {
            status: &Status::default(),
            custody: None,
        };
        let new = ruled_on(&asked, &Choice::Chosen(&after), nothing, true);
        assert!(matches!(new, Ruling::Invalid(_)), "{new:?}");
    }
}

#[test]
fn what_a_class_asks_for_is_remembered_only_once_it_is_there() {
    let before = tenants(serde_json::json!({"enforcedTags": {"cost-center": "42"}}));
    let after = tenants(serde_json::json!({"enforcedTags": {"cost-center": "43"}}));
    let (asked, status, custody) = carried_out_under(&before);
    let record = Record {
        status: &status,
        custody: custody.as_ref(),
    };
    let Ruling::Carried(identity) = ruled_on(&asked, &Choice::Chosen(&after), record, true) else {
        panic!("free");
    };
    let world = world(&identity);
    let look = think(&identity, &status, &world);
    let skipped = look
        .plan
        .steps()
        .map(|step| (step.clone(), Ended::Skipped(Skip::Gate)));
    let outcome = Outcome {
        steps: skipped.collect(),
    };
    assert!(!outcome.steps.is_empty());
    let next = told(&look, &status, &world, &outcome).status;
    assert_eq!(next.from_class, status.from_class);
    assert_ne!(next.from_class, FromClass::of(&after));
}

#[test]
fn what_a_class_put_in_is_wanted_while_it_is_away() {
    let class = tenants(serde_json::json!({
        "aws": {"assumeRoleArn": "arn:aws:iam::444455556666:role/lanyard"},
        "enforcedTags": {"cost-center": "42"}, "provider": "Require",
        "defaults": {"method": "IRSA", "maxSessionDuration": "4h", "driftPolicy": "Report", "rolePath": "/t/"},
    }));
    let (asked, status, custody) = carried_out_under(&class);
    let record = Record {
        status: &status,
        custody: custody.as_ref(),
    };
    let Ruling::Carried(free) = ruled_on(&asked, &Choice::Chosen(&class), record, true) else {
        panic!("free");
    };
    for choice in [Choice::Missing { name: "tenants" }, Choice::Chosen(&closed())] {
        let held = frozen(ruled_on(&asked, &choice, record, true));
        let same = (&held.binding, &held.managed, &held.class);
        let away = matches!(choice, Choice::Missing { .. });
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
