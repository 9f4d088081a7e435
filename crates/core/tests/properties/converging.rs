//! Under `Correct`, whatever happened, the steps of a look leave nothing that is ours to do; and rest stays rest.

use lanyard_core::aspect::Resource;
use lanyard_core::drift::{Cause, Difference, Drift};
use lanyard_core::look::Look;
use lanyard_core::plan::Await;
use lanyard_core::stage::Stage;
use lanyard_core::step::Step;
use proptest::prelude::*;

use crate::scenes::scene;

/// Whether a difference may stand although every step was taken.
fn may_stand(look: &Look, drift: &Drift, difference: &Difference) -> bool {
    let resource = difference.aspect.resource();
    let binding = matches!(resource, Resource::Association | Resource::ServiceAccount);
    let awaited = look.plan.then.iter().any(|what| {
        matches!(
            what,
            Await::Role | Await::Trust | Await::Agent | Await::ServiceAccount | Await::Conflict
        )
    });
    matches!(
        difference.cause,
        Cause::NotOurs | Cause::Adopted | Cause::Unreadable(_)
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
        for difference in &last.look.drift.differences {
            prop_assert!(
                may_stand(&last.look, &last.look.drift, difference),
                "still there: {difference:?}, awaiting {:?}", last.look.plan.then
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
        let moving = matches!(pass.look.stage, Stage::Moving(_));
        if moving || pass.look.plan.then.contains(&Await::Reading) {
            return Ok(());
        }
        // Custody lets go of what was removed when it is seen to be gone.
        let plan = model.think(&identity).plan;
        let steps = plan.steps().filter(|step| !matches!(step, Step::TakeCustody { .. }));
        let steps: Vec<String> = steps.map(ToString::to_string).collect();
        prop_assert!(steps.is_empty(), "{steps:?}");
    }

    #[test]
    fn plan_is_empty_when_nothing_differs(scene in scene()) {
        let identity = scene.identity();
        let mut model = scene.model()?;
        // Whatever the status has forgotten: a world that is as wanted is left alone.
        model.settle(&identity)?;
        model.status.applied.clear();
        let look = model.think(&identity);
        if look.drift.differences.is_empty() && look.drift.conflicts.is_empty() {
            prop_assert_eq!(look.plan.steps().count(), 0);
        }
    }

    #[test]
    fn planning_is_deterministic(scene in scene()) {
        let identity = scene.identity();
        let model = scene.model()?;
        prop_assert_eq!(model.think(&identity), model.think(&identity));
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
        prop_assert!(pass.look.plan.is_empty());
        prop_assert_eq!(&pass.summary.status, &before);
        prop_assert_eq!(pass.summary.events, vec![]);
    }
}
