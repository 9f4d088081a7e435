//! Properties of convergence: under `Correct`, the steps of a plan leave no drift, and a steady state stays steady.

use lanyard_core::model::field::Resource;
use lanyard_core::reconcile::decide::Decision;
use lanyard_core::reconcile::diff::{Cause, Difference, Drift};
use lanyard_core::reconcile::plan::WaitReason;
use lanyard_core::reconcile::step::Step;
use lanyard_core::reconcile::transition::TransitionState;
use proptest::prelude::*;

use crate::setups::setup;

/// Returns true if a difference may remain although every step was applied.
fn may_remain(decision: &Decision, drift: &Drift, difference: &Difference) -> bool {
    let resource = difference.field.resource();
    let is_of_binding = matches!(resource, Resource::Association | Resource::ServiceAccount);
    let is_waiting = decision.plan.waiting_for.iter().any(|reason| {
        matches!(
            reason,
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
        || (is_of_binding && is_waiting)
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn applied_plan_leaves_no_drift(setup in setup()) {
        let setup = setup.correcting();
        let identity = setup.identity();
        let mut model = setup.model()?;
        let last = model.settle(&identity)?;
        for difference in &last.decision.drift.differences {
            prop_assert!(
                may_remain(&last.decision, &last.decision.drift, difference),
                "remains: {difference:?}, waiting for {:?}", last.decision.plan.waiting_for
            );
        }
    }

    /// One reconcile is enough: no read follows a write, unless a fact was not read yet, a transition runs, or a
    /// ServiceAccount is created after the propagation.
    #[test]
    fn plan_after_applied_plan_is_empty(setup in setup()) {
        let identity = setup.identity();
        let mut model = setup.model()?;
        let run = model.reconcile(&identity)?;
        let moving = matches!(run.decision.transition, TransitionState::Moving(_));
        let waits = |reason: &WaitReason| matches!(reason, WaitReason::Reading | WaitReason::Propagation);
        if moving || run.decision.plan.waiting_for.iter().any(waits) {
            return Ok(());
        }
        // The inventory drops a removed resource once it is known to be gone.
        let plan = model.decide(&identity).plan;
        let steps = plan.steps().filter(|step| !matches!(step, Step::RecordInventory { .. }));
        let steps: Vec<String> = steps.map(ToString::to_string).collect();
        prop_assert!(steps.is_empty(), "{steps:?}");
    }

    #[test]
    fn no_difference_gives_empty_plan(setup in setup()) {
        let identity = setup.identity();
        let mut model = setup.model()?;
        // Lost hashes cause no step as long as the world is in the desired state.
        model.settle(&identity)?;
        model.status.last_applied_hashes.clear();
        let decision = model.decide(&identity);
        if decision.drift.differences.is_empty() && decision.drift.conflicts.is_empty() {
            prop_assert_eq!(decision.plan.steps().count(), 0);
        }
    }

    #[test]
    fn decision_is_deterministic(setup in setup()) {
        let identity = setup.identity();
        let model = setup.model()?;
        prop_assert_eq!(model.decide(&identity), model.decide(&identity));
    }

    #[test]
    fn steady_state_writes_nothing_and_emits_no_event(setup in setup()) {
        let identity = setup.identity();
        let mut model = setup.model()?;
        model.settle(&identity)?;
        // A new association takes a minute to propagate: the status changes once more.
        model.reconcile(&identity)?;
        let before = model.status.clone();
        let run = model.reconcile(&identity)?;
        prop_assert!(run.decision.plan.is_empty());
        prop_assert_eq!(&run.summary.status, &before);
        prop_assert_eq!(run.summary.events, vec![]);
    }
}
