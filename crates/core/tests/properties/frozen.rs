//! A frozen identity: its class is away or forbids what the spec asks for. Nothing new is applied, whatever was lost, and
//! what was applied before is kept true against everybody else.

use lanyard_core::class::{Class, Selection};
use lanyard_core::identity::{Freeze, Identity};
use lanyard_core::model::condition::{ConditionStatus, ConditionType};
use lanyard_core::model::fact::Fact;
use lanyard_core::model::reason::Reason;
use lanyard_core::model::spec::Spec;
use lanyard_core::model::status::RecordedRoles;
use lanyard_core::reconcile::class_decision::{ClassDecision, Record, Whose, rule};
use lanyard_core::reconcile::transition::TransitionState;
use lanyard_core::reconcile::validate::validate;
use proptest::prelude::*;
use serde_json::json;

use crate::model::Model;
use crate::scenes::{Memory, Scene, scene};
use crate::specs::{cluster, subject};
use crate::world::Truth;

fn frozen(identity: &Identity) -> Identity {
    identity.clone().with_freeze(Freeze {
        reason: Reason::Forbidden,
        message: "spec.role.managed.policyArns[0] is not allowed".to_owned(),
        bounds: false,
    })
}

/// Scenes in which something was carried out before.
fn applied() -> impl Strategy<Value = Scene> {
    scene().prop_filter("nothing was carried out before", |scene| scene.before.is_some())
}

/// The identity of a spec under a class that puts something of its own into every role.
fn classed(spec: &Spec) -> Identity {
    let class = json!({
        "enforcedTags": {"cost-center": "42"},
        "defaults": {"maxSessionDuration": "4h"},
        "guardrails": {"permissionsBoundaryArn": "arn:aws:iam::111122223333:policy/tenant"},
    });
    let class = Class::read("platform", class).unwrap();
    let judged = validate(spec, &subject(), &cluster(), &class, &RecordedRoles::default()).unwrap();
    judged.identity
}

/// The same identity once that class is away.
fn left_alone(spec: &Spec, model: &Model) -> Identity {
    let (subject, cluster) = (&subject(), &cluster());
    let record = Record {
        status: &model.status,
        inventory: model.truth.object.inventory.as_ref(),
    };
    let choice = Selection::Missing { name: "platform" };
    match rule(spec, Whose { subject, cluster }, &choice, record, |_| true) {
        ClassDecision::Accepted(identity) => *identity,
        other => panic!("{other:?}"),
    }
}

/// All of AWS and the ServiceAccount; apart from what only says when it was written.
fn world(truth: &Truth) -> String {
    let mut association = truth.association.clone();
    if let Fact::Present(association) = &mut association {
        association.modified_at = None;
        association.id.clear();
    }
    let mut account = truth.service_account.clone();
    if let Fact::Present(account) = &mut account {
        account.applied_at = None;
    }
    let (roles, provider) = (&truth.roles, &truth.provider);
    format!("{roles:?} {provider:?} {association:?} {account:?}")
}

fn status_of(model: &Model, kind: ConditionType) -> Option<ConditionStatus> {
    model.status.condition(kind).map(|condition| condition.status)
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn nothing_new_is_applied_whatever_was_lost(mut scene in applied()) {
        scene.edits.clear();
        let mut model = scene.model()?;
        let before = world(&model.truth);
        let identity = frozen(&scene.identity());
        for _ in 0..4 {
            model.pass(&identity)?;
            prop_assert_eq!(world(&model.truth), before.clone());
        }
        prop_assert_eq!(status_of(&model, ConditionType::Stalled), Some(ConditionStatus::True));
    }

    #[test]
    fn what_was_applied_is_kept_true(mut scene in applied().prop_map(Scene::correcting)) {
        scene.memory = Memory::Whole;
        scene.before = Some(scene.spec.clone());
        let whole = scene.clone().untouched().model()?;
        prop_assume!(status_of(&whole, ConditionType::Ready) == Some(ConditionStatus::True));
        let mut free = scene.model()?;
        let identity = scene.identity();
        // What looks like a change of the binding is held like one.
        prop_assume!(free.decide(&identity).stage == TransitionState::Settled);
        let mut held = free.clone();
        let is_steady = free.settle(&identity).is_ok();
        prop_assume!(is_steady);
        for _ in 0..24 {
            held.pass(&frozen(&identity))?;
        }
        prop_assert_eq!(world(&held.truth), world(&free.truth));
    }

    #[test]
    fn what_a_class_put_in_is_kept_true_while_it_is_away(mut scene in applied().prop_map(Scene::correcting)) {
        scene.memory = Memory::Whole;
        scene.before = Some(scene.spec.clone());
        let mut whole = scene.clone().untouched().model_under(classed)?;
        prop_assume!(status_of(&whole, ConditionType::Ready) == Some(ConditionStatus::True));
        let in_sync = status_of(&whole, ConditionType::InSync);
        whole.pass(&left_alone(&scene.spec, &whole))?;
        prop_assert_eq!(status_of(&whole, ConditionType::Ready), Some(ConditionStatus::True));
        prop_assert_eq!(status_of(&whole, ConditionType::InSync), in_sync);

        let mut free = scene.model_under(classed)?;
        let identity = classed(&scene.spec);
        prop_assume!(free.decide(&identity).stage == TransitionState::Settled);
        let (mut held, away) = (free.clone(), left_alone(&scene.spec, &free));
        let is_steady = free.settle(&identity).is_ok();
        prop_assume!(is_steady);
        for _ in 0..24 {
            held.pass(&away)?;
        }
        prop_assert_eq!(world(&held.truth), world(&free.truth));
    }

    #[test]
    fn a_thawed_identity_goes_on_as_if_nothing_had_been(scene in applied().prop_map(Scene::untouched)) {
        let identity = scene.identity();
        let mut free = scene.model()?;
        let mut held = free.clone();
        for _ in 0..3 {
            held.pass(&frozen(&identity))?;
        }
        let is_steady = free.settle(&identity).is_ok();
        prop_assume!(is_steady);
        held.settle(&identity)?;
        prop_assert_eq!(world(&held.truth), world(&free.truth));
        prop_assert_eq!(status_of(&held, ConditionType::Ready), status_of(&free, ConditionType::Ready));
    }
}
