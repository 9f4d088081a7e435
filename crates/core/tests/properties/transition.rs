//! Properties of transitions: a refused one changes nothing, a complete one leaves nothing of the old binding, and a reverted
//! one restores it, whatever part of the binding changes and whatever records are lost. No I/O.

use lanyard_core::identity::Identity;
use lanyard_core::model::condition::{ConditionStatus, ConditionType};
use lanyard_core::model::fact::Fact;
use lanyard_core::model::observed::Agent;
use lanyard_core::model::reason::Reason;
use lanyard_core::model::spec::{DeletionPolicy, DriftPolicy, Method};
use lanyard_core::reconcile::transition::TransitionState;
use proptest::prelude::*;

use crate::fake_world::World;
use crate::operator_model::Model;
use crate::setups::{Recorded, Setup, setup};
use crate::specs::identity;

/// A setup in which one binding is effective and the spec asks for another.
fn changing() -> impl Strategy<Value = (Setup, Identity)> {
    setup().prop_filter_map("the binding changes and the old one is effective", |mut setup| {
        setup.edits.clear();
        let before = identity(setup.before.as_ref()?);
        let after = setup.identity();
        // The owner of a foreign role's trust policy is no part of the binding, and changes at once.
        let trust_owner_changes =
            before.managed.is_none() && after.managed.is_none() && before.shares_trust != after.shares_trust;
        if before.binding == after.binding || trust_owner_changes {
            return None;
        }
        let mut whole = setup.clone();
        whole.recorded = Recorded::Complete;
        let model = whole.model().ok()?;
        let ready = model.status.condition(ConditionType::Ready)?.status == ConditionStatus::True;
        ready.then_some((setup, before))
    })
}

/// The binding in the cluster and the trust policy of its role.
fn binding_state(world: &World, identity: &Identity) -> (String, Option<String>) {
    let mut association = world.association.clone();
    if let Fact::Present(association) = &mut association {
        association.modified_at = None;
        // A recreated association has another ID.
        association.id.clear();
    }
    let account = world.service_account.present();
    let annotations = account
        .map(|account| account.annotations.clone())
        .unwrap_or_default();
    let role = world.roles.get(identity.role_arn());
    let trust = role
        .and_then(|role| role.trust.present())
        .map(|trust| trust.to_json());
    (format!("{association:?} {annotations:?}"), trust)
}

fn ready(model: &Model) -> Option<ConditionStatus> {
    model
        .status
        .condition(ConditionType::Ready)
        .map(|ready| ready.status)
}

/// The world after the spec alone was applied.
fn alone(setup: &Setup) -> Result<Model, TestCaseError> {
    let mut setup = setup.clone();
    (setup.before, setup.recorded) = (None, Recorded::Complete);
    let mut model = setup.model()?;
    model.settle(&setup.identity())?;
    model.reconcile(&setup.identity())?;
    Ok(model)
}

proptest! {
    #![proptest_config(crate::cases())]

    /// A complete transition results in the same world as the spec alone.
    #[test]
    fn complete_transition_leaves_nothing_of_old_binding((setup, _) in changing()) {
        // Under Report, differences that a lost status cannot tell from drift are only reported.
        let setup = setup.correcting();
        let identity = setup.identity();
        let (mut model, alone) = (setup.model()?, alone(&setup)?);
        if ready(&alone) != Some(ConditionStatus::True) {
            return Ok(());
        }
        model.settle(&identity)?;
        model.reconcile(&identity)?;
        prop_assert_eq!(ready(&model), Some(ConditionStatus::True));
        prop_assert_eq!(model.status.transition.clone(), None);
        let (mut now, mut expected) = (binding_state(&model.world, &identity), binding_state(&alone.world, &identity));
        if identity.managed.is_none() {
            // The trust policy of a foreign role belongs to its owner.
            (now.1, expected.1) = (None, None);
        }
        prop_assert_eq!(now, expected);
        let roles = |world: &World| {
            let existing = world.roles.iter().filter(|(_, role)| role.id.present().is_some());
            existing.map(|(arn, _)| arn.clone()).collect::<Vec<_>>()
        };
        // Without the inventory the operator does not know the earlier role.
        if setup.recorded != Recorded::WithoutInventory && setup.spec.deletion_policy != Some(DeletionPolicy::Retain) {
            prop_assert_eq!(roles(&model.world), roles(&alone.world));
        }
    }

    #[test]
    fn refused_transition_changes_nothing((setup, before) in changing()) {
        let identity = setup.identity();
        if before.binding.method() != Method::Irsa || identity.binding.method() != Method::PodIdentity {
            return Ok(());
        }
        let mut model = setup.model()?;
        model.world.agent = Fact::Present(Agent { ready: false, found: "none".to_owned() });
        let initial = model.world.clone();
        let last = model.settle(&identity)?;
        prop_assert!(matches!(last.decision.transition, TransitionState::Moving(_)), "{:?}", last.decision.transition);
        prop_assert_eq!(binding_state(&model.world, &before), binding_state(&initial, &before));
        let condition = |kind| model.status.condition(kind).map(|condition| (condition.status, condition.reason));
        let refused = Some((ConditionStatus::True, Reason::AgentNotReady));
        prop_assert_eq!(condition(ConditionType::Transitioning), refused);
        prop_assert_eq!(condition(ConditionType::Stalled), refused);
        prop_assert_eq!(ready(&model), Some(ConditionStatus::False));
    }

    /// The spec can be reverted at every stage.
    #[test]
    fn reverted_spec_restores_binding((setup, before) in changing(), reconciles in 1..8usize) {
        let mut setup = setup.correcting();
        setup.recorded = Recorded::Complete;
        // Under Retain, Lanyard releases the obsolete role and owns it no longer.
        setup.spec.deletion_policy = Some(DeletionPolicy::Delete);
        let before = Identity {
            drift_policy: DriftPolicy::Correct,
            deletion_policy: DeletionPolicy::Delete,
            ..before
        };
        let mut model = setup.model()?;
        let initial = model.world.clone();
        for _ in 0..reconciles {
            model.reconcile(&setup.identity())?;
        }
        model.settle(&before)?;
        model.reconcile(&before)?;
        prop_assert_eq!(binding_state(&model.world, &before), binding_state(&initial, &before));
        prop_assert_eq!(ready(&model), Some(ConditionStatus::True));
        prop_assert_eq!(model.status.transition.clone(), None);
    }
}
