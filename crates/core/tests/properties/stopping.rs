//! Every stop is safe: killed after any step, answers lost, once or often, the next passes come to the same world.

use jiff::Timestamp;
use lanyard_core::identity::Identity;
use lanyard_core::model::fact::Fact;
use lanyard_core::model::status::Status;
use lanyard_core::reconcile::plan::Plan;
use lanyard_core::reconcile::step::Step;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::deleting::{deleting, ours};
use crate::foreign::foreign_is_as_it_was;
use crate::model::Model;
use crate::scenes::{Memory, scene};
use crate::world::Truth;

/// Where a plan is cut off: all stages before one, and of that one any of its siblings.
#[derive(Debug, Clone, Copy)]
pub struct Stop {
    stage: usize,
    siblings: u16,
}

pub fn stop() -> impl Strategy<Value = Stop> {
    (0..10usize, any::<u16>()).prop_map(|(stage, siblings)| Stop { stage, siblings })
}

impl Stop {
    pub fn cut(self, plan: &Plan) -> Vec<Step> {
        let stage = self.stage % (plan.waves.len() + 1);
        let before = plan.waves[..stage].iter().flatten();
        let within = plan.waves.get(stage).into_iter().flatten().enumerate();
        let within = within
            .filter(|(at, _)| self.siblings >> (at % 16) & 1 == 1)
            .map(|(_, step)| step);
        before.chain(within).cloned().collect()
    }
}

fn stopped(model: &mut Model, identity: &Identity, stops: &[Stop]) -> Result<(), TestCaseError> {
    for stop in stops {
        let steps = stop.cut(&model.decide(identity).plan);
        model.take_unheard(steps.iter())?;
    }
    Ok(())
}

/// The world without what tells only when something happened.
pub fn timeless(truth: &Truth) -> Truth {
    let mut truth = truth.clone();
    if let Fact::Present(association) = &mut truth.association {
        association.modified_at = None::<Timestamp>;
    }
    for pod in truth
        .pods
        .present_mut()
        .into_iter()
        .flat_map(|pods| &mut pods.items)
    {
        pod.created = Timestamp::UNIX_EPOCH;
    }
    truth.roles.retain(|_, role| role.id.present().is_some());
    truth
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn after_any_stop_the_world_comes_out_the_same(scene in scene(), stops in vec(stop(), 1..4)) {
        let identity = scene.identity();
        let mut straight = scene.model()?;
        let mut torn = straight.clone();
        straight.settle(&identity)?;
        stopped(&mut torn, &identity, &stops)?;
        torn.settle(&identity)?;
        prop_assert_eq!(timeless(&torn.truth), timeless(&straight.truth));
    }

    /// Custody was written before anything was made, so whatever the stop left behind is found again.
    #[test]
    fn a_removal_after_any_stop_leaves_nothing(scene in scene(), stops in vec(stop(), 1..4), forget in any::<bool>()) {
        let scene = deleting(scene);
        let identity = scene.identity();
        let mut model = scene.model()?;
        stopped(&mut model, &identity, &stops)?;
        let left = ours(&model);
        prop_assert!(left.is_empty() || model.truth.object.finalizer || scene.before.is_none(), "{:?}", left);
        // Custody or status: one of them has to be there.
        if forget && scene.memory != Memory::WithoutCustody {
            model.status = Status::default();
        }
        model.remove(None, false)?;
        prop_assert_eq!(ours(&model), Vec::<String>::new());
    }

    #[test]
    fn a_removal_that_is_stopped_goes_on_where_it_was(scene in scene(), stops in vec(stop(), 1..4), forget in any::<bool>()) {
        let scene = deleting(scene);
        let mut model = scene.model()?;
        let before = model.clone();
        for stop in stops {
            let steps = stop.cut(&model.decide_deletion(None, false).plan);
            model.take_unheard(steps.iter())?;
        }
        if forget && model.truth.object.inventory.is_some() {
            model.status = Status::default();
        }
        model.remove(None, false)?;
        prop_assert_eq!(ours(&model), Vec::<String>::new());
        foreign_is_as_it_was(&before, &model.truth)?;
    }
}
