//! Properties of a frozen identity, whose class is missing or forbids the spec. Nothing new is applied, whatever records are
//! lost, and the previously applied configuration stays in sync.

use lanyard_core::class::{Class, Selection};
use lanyard_core::identity::{Freeze, Identity};
use lanyard_core::model::condition::{ConditionStatus, ConditionType};
use lanyard_core::model::fact::Fact;
use lanyard_core::model::reason::Reason;
use lanyard_core::model::spec::Spec;
use lanyard_core::model::status::RecordedRoles;
use lanyard_core::reconcile::class_decision::{ClassDecision, Record, SpecContext, decide_class};
use lanyard_core::reconcile::transition::TransitionState;
use lanyard_core::reconcile::validate::validate;
use proptest::prelude::*;
use serde_json::json;

use crate::fake_world::World;
use crate::operator_model::Model;
use crate::setups::{Recorded, Setup, setup};
use crate::specs::{cluster, subject};

fn frozen(identity: &Identity) -> Identity {
    identity.clone().with_freeze(Freeze {
        reason: Reason::Forbidden,
        message: "spec.role.managed.policyArns[0] is not allowed".to_owned(),
        bounds: false,
    })
}

/// Setups in which a spec was applied before.
fn applied() -> impl Strategy<Value = Setup> {
    setup().prop_filter("nothing was applied before", |setup| setup.before.is_some())
}

/// The identity of a spec under a class that sets values of every role.
fn with_class(spec: &Spec) -> Identity {
    let class = json!({
        "enforcedTags": {"cost-center": "42"},
        "defaults": {"maxSessionDuration": "4h"},
        "guardrails": {"permissionsBoundaryArn": "arn:aws:iam::111122223333:policy/tenant"},
    });
    let class = Class::read("platform", class).unwrap();
    let validated = validate(spec, &subject(), &cluster(), &class, &RecordedRoles::default()).unwrap();
    validated.identity
}

/// The identity of the spec once that class is missing.
fn without_class(spec: &Spec, model: &Model) -> Identity {
    let (subject, cluster) = (&subject(), &cluster());
    let record = Record {
        status: &model.status,
        inventory: model.world.object.inventory.as_ref(),
    };
    let selection = Selection::Missing { name: "platform" };
    match decide_class(spec, SpecContext { subject, cluster }, &selection, record, |_| {
        true
    }) {
        ClassDecision::Accepted(identity) => *identity,
        other => panic!("{other:?}"),
    }
}

/// The state of AWS and of the ServiceAccount, without times.
fn comparable_state(world: &World) -> String {
    let mut association = world.association.clone();
    if let Fact::Present(association) = &mut association {
        association.modified_at = None;
        association.id.clear();
    }
    let mut account = world.service_account.clone();
    if let Fact::Present(account) = &mut account {
        account.applied_at = None;
    }
    let (roles, provider) = (&world.roles, &world.provider);
    format!("{roles:?} {provider:?} {association:?} {account:?}")
}

fn status_of(model: &Model, kind: ConditionType) -> Option<ConditionStatus> {
    model.status.condition(kind).map(|condition| condition.status)
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn frozen_identity_applies_nothing_new_whatever_is_lost(mut setup in applied()) {
        setup.edits.clear();
        let mut model = setup.model()?;
        let before = comparable_state(&model.world);
        let identity = frozen(&setup.identity());
        for _ in 0..4 {
            model.reconcile(&identity)?;
            prop_assert_eq!(comparable_state(&model.world), before.clone());
        }
        prop_assert_eq!(status_of(&model, ConditionType::Stalled), Some(ConditionStatus::True));
    }

    #[test]
    fn frozen_identity_keeps_applied_configuration_in_sync(mut setup in applied().prop_map(Setup::correcting)) {
        setup.recorded = Recorded::Complete;
        setup.before = Some(setup.spec.clone());
        let whole = setup.clone().untouched().model()?;
        prop_assume!(status_of(&whole, ConditionType::Ready) == Some(ConditionStatus::True));
        let mut free = setup.model()?;
        let identity = setup.identity();
        // A freeze also pauses a transition, so the setup must have none.
        prop_assume!(free.decide(&identity).transition == TransitionState::Settled);
        let mut held = free.clone();
        let is_steady = free.settle(&identity).is_ok();
        prop_assume!(is_steady);
        for _ in 0..24 {
            held.reconcile(&frozen(&identity))?;
        }
        prop_assert_eq!(comparable_state(&held.world), comparable_state(&free.world));
    }

    #[test]
    fn values_of_missing_class_stay_in_sync(mut setup in applied().prop_map(Setup::correcting)) {
        setup.recorded = Recorded::Complete;
        setup.before = Some(setup.spec.clone());
        let mut whole = setup.clone().untouched().model_under(with_class)?;
        prop_assume!(status_of(&whole, ConditionType::Ready) == Some(ConditionStatus::True));
        let in_sync = status_of(&whole, ConditionType::InSync);
        whole.reconcile(&without_class(&setup.spec, &whole))?;
        prop_assert_eq!(status_of(&whole, ConditionType::Ready), Some(ConditionStatus::True));
        prop_assert_eq!(status_of(&whole, ConditionType::InSync), in_sync);

        let mut free = setup.model_under(with_class)?;
        let identity = with_class(&setup.spec);
        prop_assume!(free.decide(&identity).transition == TransitionState::Settled);
        let (mut held, frozen) = (free.clone(), without_class(&setup.spec, &free));
        let is_steady = free.settle(&identity).is_ok();
        prop_assume!(is_steady);
        for _ in 0..24 {
            held.reconcile(&frozen)?;
        }
        prop_assert_eq!(comparable_state(&held.world), comparable_state(&free.world));
    }

    #[test]
    fn unfrozen_identity_converges_to_same_state(setup in applied().prop_map(Setup::untouched)) {
        let identity = setup.identity();
        let mut free = setup.model()?;
        let mut held = free.clone();
        for _ in 0..3 {
            held.reconcile(&frozen(&identity))?;
        }
        let is_steady = free.settle(&identity).is_ok();
        prop_assume!(is_steady);
        held.settle(&identity)?;
        prop_assert_eq!(comparable_state(&held.world), comparable_state(&free.world));
        prop_assert_eq!(status_of(&held, ConditionType::Ready), status_of(&free, ConditionType::Ready));
    }
}
