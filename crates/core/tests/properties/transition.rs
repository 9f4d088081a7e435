//! A change of the binding is recognised, whatever part of it changes and whatever was forgotten, and does nothing rash.

use lanyard_core::condition::{ConditionStatus, ConditionType};
use lanyard_core::fact::Fact;
use lanyard_core::identity::Identity;
use lanyard_core::reason::Reason;
use lanyard_core::stage::Stage;
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
            if before.binding == scene.identity().binding || scene.memory == Memory::WithoutApplied {
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

/// What holds the binding in effect: association, annotations, role and its trust.
fn held(truth: &Truth, binding: &Identity) -> (String, Option<String>) {
    let role = truth.roles.get(binding.role_arn());
    let association = serde_json::to_string(&truth.association).unwrap();
    let account = truth.service_account.present();
    let annotations = account
        .map(|account| account.annotations.clone())
        .unwrap_or_default();
    let trust = role
        .and_then(|role| role.trust.present())
        .map(|trust| trust.to_json());
    (format!("{association} {annotations:?}"), trust)
}

fn settled(model: &mut Model, identity: &Identity) -> Result<Stage, TestCaseError> {
    model.settle(identity)?;
    Ok(model.pass(identity)?.look.stage)
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn the_binding_in_effect_is_not_touched((scene, before) in changing()) {
        let identity = scene.identity();
        let mut model = scene.model()?;
        let was = model.truth.clone();
        let stage = settled(&mut model, &identity)?;
        let waits = matches!(&stage, Stage::Waiting { change, .. } if !change.is_empty());
        prop_assert!(waits, "{:?}", stage);
        prop_assert_eq!(held(&model.truth, &before), held(&was, &before));
        let roles = |truth: &Truth| {
            let there = truth.roles.iter().filter(|(_, role)| role.id.present().is_some());
            there.map(|(arn, _)| arn.clone()).collect::<Vec<_>>()
        };
        prop_assert_eq!(roles(&model.truth), roles(&was));
    }

    #[test]
    fn the_status_says_that_the_change_waits((scene, _) in changing()) {
        let identity = scene.identity();
        let mut model = scene.model()?;
        settled(&mut model, &identity)?;
        let condition = |kind| model.status.condition(kind).map(|found| (found.status, found.reason));
        let waits = Reason::BindingChangeWaiting;
        prop_assert_eq!(condition(ConditionType::Transitioning), Some((ConditionStatus::True, waits)));
        prop_assert_eq!(condition(ConditionType::Ready), Some((ConditionStatus::False, waits)));
    }

    #[test]
    fn putting_the_spec_back_is_ready_again((scene, before) in changing()) {
        let mut model = scene.model()?;
        let was = model.truth.clone();
        settled(&mut model, &scene.identity())?;
        let stage = settled(&mut model, &before)?;
        prop_assert_eq!(stage, Stage::Settled);
        prop_assert_eq!(held(&model.truth, &before), held(&was, &before));
        let ready = model.status.condition(ConditionType::Ready).map(|found| found.status);
        prop_assert_eq!(ready, Some(ConditionStatus::True));
    }

    /// Somebody's edit of the binding that is held is repaired, or told; never taken for the change.
    #[test]
    fn the_binding_in_effect_is_kept_true_while_the_change_waits((scene, before) in changing()) {
        let scene = scene.correcting();
        if scene.memory == Memory::WithoutStatus {
            return Ok(());
        }
        let mut model = scene.model()?;
        let was = model.truth.clone();
        if let Fact::Present(association) = &mut model.truth.association {
            association.role_arn = lanyard_core::arn::RoleArn::parse(crate::edits::OTHER_ROLE).unwrap();
        }
        settled(&mut model, &scene.identity())?;
        let untimed = |truth: &Truth| {
            let mut truth = truth.clone();
            if let Fact::Present(association) = &mut truth.association {
                association.modified_at = None;
            }
            held(&truth, &before)
        };
        prop_assert_eq!(untimed(&model.truth), untimed(&was));
    }
}
