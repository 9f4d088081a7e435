//! Under `Correct`, whatever happened, the steps of a look leave nothing that is ours to do; and rest stays rest.

use lanyard_core::model::field::Resource;
use lanyard_core::reconcile::decide::Decision;
use lanyard_core::reconcile::diff::{Cause, Difference, Drift};
use lanyard_core::reconcile::plan::WaitReason;
use lanyard_core::reconcile::step::Step;
use lanyard_core::reconcile::transition::TransitionState;
use proptest::prelude::*;

use crate::scenes::scene;

/// Whether a difference may stand although every step was taken.
fn may_stand(decision: &Decision, drift: &Drift, difference: &Difference) -> bool {
    let resource = difference.field.resource();
    let binding = matches!(resource, Resource::Association | Resource::ServiceAccount);
    let awaited = decision.plan.waiting_for.iter().any(|what| {
        matches!(
            what,
            WaitReason::Role
                | WaitReason::Trust
                | WaitReason::Agent
                | WaitReason::ServiceAccount
                | WaitReason::Conflict
        )
    });
    matches!(
        difference.cause,
        Cause::Unmanaged | Cause::Adopted | Cause::Unreadable(_)
    ) || drift.conflict_on(resource).is_some()
        || (binding && awaited)
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn applying_a_plan_leaves_no_drift(scene in scene()) {
        let scene = scene.correcting();
        let identity = scene.identity();
        let mut model = scene.model()?;
        let last = model.settle(&identity)?;
        for difference in &last.decision.drift.differences {
            prop_assert!(
                may_stand(&last.decision, &last.decision.drift, difference),
                "still there: {difference:?}, awaiting {:?}", last.decision.plan.waiting_for
            );
        }
    }

    /// One pass is enough: what a step makes of the facts needs no second look, unless something was not read yet or a
    /// change of the binding takes its time.
    #[test]
    fn a_plan_of_the_world_that_a_plan_left_is_empty(scene in scene()) {
        let identity = scene.identity();
        let mut model = scene.model()?;
        let pass = model.pass(&identity)?;
        let moving = matches!(pass.decision.stage, TransitionState::Moving(_));
        if moving || pass.decision.plan.waiting_for.contains(&WaitReason::Reading) {
            return Ok(());
        }
        // Custody lets go of what was removed when it is seen to be gone.
        let plan = model.decide(&identity).plan;
        let steps = plan.steps().filter(|step| !matches!(step, Step::RecordInventory { .. }));
        let steps: Vec<String> = steps.map(ToString::to_string).collect();
        prop_assert!(steps.is_empty(), "{steps:?}");
    }

    #[test]
    fn plan_is_empty_when_nothing_differs(scene in scene()) {
        let identity = scene.identity();
        let mut model = scene.model()?;
        // Whatever the status has forgotten: a world that is as wanted is left alone.
        model.settle(&identity)?;
        model.status.last_applied_hashes.clear();
        let decision = model.decide(&identity);
        if decision.drift.differences.is_empty() && decision.drift.conflicts.is_empty() {
            prop_assert_eq!(decision.plan.steps().count(), 0);
        }
    }

    #[test]
    fn planning_is_deterministic(scene in scene()) {
        let identity = scene.identity();
        let model = scene.model()?;
        prop_assert_eq!(model.decide(&identity), model.decide(&identity));
    }

    #[test]
    fn steady_state_writes_nothing_and_says_nothing(scene in scene()) {
        let identity = scene.identity();
        let mut model = scene.model()?;
        model.settle(&identity)?;
        // An association that was just made reaches new pods a little later: one more status, and then none.
        model.pass(&identity)?;
        let before = model.status.clone();
        let pass = model.pass(&identity)?;
        prop_assert!(pass.decision.plan.is_empty());
        prop_assert_eq!(&pass.summary.status, &before);
        prop_assert_eq!(pass.summary.events, vec![]);
    }
}
