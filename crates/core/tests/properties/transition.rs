//! A change of the binding: refused, it touches nothing; carried out, it leaves nothing of the old; put back, it is as
//! it was. Whatever part of the binding changes and whatever was forgotten.

use lanyard_core::identity::Identity;
use lanyard_core::model::condition::{ConditionStatus, ConditionType};
use lanyard_core::model::fact::Fact;
use lanyard_core::model::observed::Agent;
use lanyard_core::model::reason::Reason;
use lanyard_core::model::spec::{DeletionPolicy, DriftPolicy, Method};
use lanyard_core::reconcile::transition::TransitionState;
use proptest::prelude::*;

use crate::model::Model;
use crate::scenes::{Memory, Scene, scene};
use crate::specs::identity;
use crate::world::Truth;

/// A scene in which one binding is in effect and another is asked for.
fn changing() -> impl Strategy<Value = (Scene, Identity)> {
    scene().prop_filter_map(
        "the binding has to change and the old one to be in effect",
        |mut scene| {
            scene.edits.clear();
            let before = identity(scene.before.as_ref()?);
            let after = scene.identity();
            // Who keeps the trust of somebody else's role is no part of the binding, and changes at once.
            let other_keeper = before.managed.is_none()
                && after.managed.is_none()
                && before.shares_trust != after.shares_trust;
            if before.binding == after.binding || other_keeper {
                return None;
            }
            let mut whole = scene.clone();
            whole.memory = Memory::Whole;
            let model = whole.model().ok()?;
            let ready = model.status.condition(ConditionType::Ready)?.status == ConditionStatus::True;
            ready.then_some((scene, before))
        },
    )
}

/// The cluster's side of a binding and the trust of its role.
fn held(truth: &Truth, binding: &Identity) -> (String, Option<String>) {
    let mut association = truth.association.clone();
    if let Fact::Present(association) = &mut association {
        association.modified_at = None;
        // One that is made again has another id.
        association.id.clear();
    }
    let account = truth.service_account.present();
    let annotations = account
        .map(|account| account.annotations.clone())
        .unwrap_or_default();
    let role = truth.roles.get(binding.role_arn());
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

/// The world that comes of a spec where there was nothing before.
fn alone(scene: &Scene) -> Result<Model, TestCaseError> {
    let mut scene = scene.clone();
    (scene.before, scene.memory) = (None, Memory::Whole);
    let mut model = scene.model()?;
    model.settle(&scene.identity())?;
    model.pass(&scene.identity())?;
    Ok(model)
}

proptest! {
    #![proptest_config(crate::cases())]

    /// Carried out, a change comes to what the spec alone would have come to.
    #[test]
    fn a_change_leaves_nothing_of_the_old_binding((scene, _) in changing()) {
        // Under Report, what a lost status cannot tell from drift stands and is told.
        let scene = scene.correcting();
        let identity = scene.identity();
        let (mut model, alone) = (scene.model()?, alone(&scene)?);
        if ready(&alone) != Some(ConditionStatus::True) {
            return Ok(());
        }
        model.settle(&identity)?;
        model.pass(&identity)?;
        prop_assert_eq!(ready(&model), Some(ConditionStatus::True));
        prop_assert_eq!(model.status.transition.clone(), None);
        let (mut now, mut fresh) = (held(&model.truth, &identity), held(&alone.truth, &identity));
        if identity.managed.is_none() {
            // Somebody else's role: its trust is what they made it.
            (now.1, fresh.1) = (None, None);
        }
        prop_assert_eq!(now, fresh);
        let roles = |truth: &Truth| {
            let there = truth.roles.iter().filter(|(_, role)| role.id.present().is_some());
            there.map(|(arn, _)| arn.clone()).collect::<Vec<_>>()
        };
        // Without custody nobody knows of a role before.
        if scene.memory != Memory::WithoutCustody && scene.spec.deletion_policy != Some(DeletionPolicy::Retain) {
            prop_assert_eq!(roles(&model.truth), roles(&alone.truth));
        }
    }

    #[test]
    fn a_refused_change_touches_nothing((scene, before) in changing()) {
        let identity = scene.identity();
        if before.binding.method() != Method::Irsa || identity.binding.method() != Method::PodIdentity {
            return Ok(());
        }
        let mut model = scene.model()?;
        model.truth.agent = Fact::Present(Agent { ready: false, found: "none".to_owned() });
        let was = model.truth.clone();
        let last = model.settle(&identity)?;
        prop_assert!(matches!(last.decision.stage, TransitionState::Moving(_)), "{:?}", last.decision.stage);
        prop_assert_eq!(held(&model.truth, &before), held(&was, &before));
        let condition = |kind| model.status.condition(kind).map(|found| (found.status, found.reason));
        let refused = Some((ConditionStatus::True, Reason::AgentNotReady));
        prop_assert_eq!(condition(ConditionType::Transitioning), refused);
        prop_assert_eq!(condition(ConditionType::Stalled), refused);
        prop_assert_eq!(ready(&model), Some(ConditionStatus::False));
    }

    /// At every stage the spec can be put back.
    #[test]
    fn putting_the_spec_back_is_as_it_was((scene, before) in changing(), passes in 1..8usize) {
        let mut scene = scene.correcting();
        scene.memory = Memory::Whole;
        // Under Retain, a role that was left is let go, and is not Lanyard's any more.
        scene.spec.deletion_policy = Some(DeletionPolicy::Delete);
        let before = Identity {
            drift_policy: DriftPolicy::Correct,
            deletion_policy: DeletionPolicy::Delete,
            ..before
        };
        let mut model = scene.model()?;
        let was = model.truth.clone();
        for _ in 0..passes {
            model.pass(&scene.identity())?;
        }
        model.settle(&before)?;
        model.pass(&before)?;
        prop_assert_eq!(held(&model.truth, &before), held(&was, &before));
        prop_assert_eq!(ready(&model), Some(ConditionStatus::True));
        prop_assert_eq!(model.status.transition.clone(), None);
    }
}
