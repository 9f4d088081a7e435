//! Properties of interruptions: killed after any step, or with lost answers, once or repeatedly, the next reconciles converge
//! to the same world. No I/O.

use jiff::Timestamp;
use lanyard_core::identity::Identity;
use lanyard_core::model::fact::Fact;
use lanyard_core::model::status::Status;
use lanyard_core::reconcile::plan::Plan;
use lanyard_core::reconcile::step::Step;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::deletion::{deleting, owned};
use crate::fake_world::World;
use crate::foreign_resources::foreign_is_unchanged;
use crate::operator_model::Model;
use crate::setups::{Recorded, setup};

/// The point at which a plan is interrupted: after all waves before one, and after some steps of that wave.
#[derive(Debug, Clone, Copy)]
pub struct Stop {
    wave: usize,
    steps: u16,
}

pub fn stop() -> impl Strategy<Value = Stop> {
    (0..10usize, any::<u16>()).prop_map(|(wave, steps)| Stop { wave, steps })
}

impl Stop {
    pub fn cut(self, plan: &Plan) -> Vec<Step> {
        let wave = self.wave % (plan.waves.len() + 1);
        let before = plan.waves[..wave].iter().flatten();
        let within = plan.waves.get(wave).into_iter().flatten().enumerate();
        let within = within
            .filter(|(at, _)| self.steps >> (at % 16) & 1 == 1)
            .map(|(_, step)| step);
        before.chain(within).cloned().collect()
    }
}

fn interrupt(model: &mut Model, identity: &Identity, stops: &[Stop]) -> Result<(), TestCaseError> {
    for stop in stops {
        let steps = stop.cut(&model.decide(identity).plan);
        model.apply_without_answers(steps.iter())?;
    }
    Ok(())
}

/// The world without times.
pub fn timeless(world: &World) -> World {
    let mut world = world.clone();
    if let Fact::Present(association) = &mut world.association {
        association.modified_at = None::<Timestamp>;
    }
    for pod in world
        .pods
        .present_mut()
        .into_iter()
        .flat_map(|pods| &mut pods.items)
    {
        pod.created = Timestamp::UNIX_EPOCH;
    }
    world.roles.retain(|_, role| role.id.present().is_some());
    world
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn interrupted_plan_converges_to_same_world(setup in setup(), stops in vec(stop(), 1..4)) {
        let identity = setup.identity();
        let mut uninterrupted = setup.model()?;
        let mut interrupted = uninterrupted.clone();
        uninterrupted.settle(&identity)?;
        interrupt(&mut interrupted, &identity, &stops)?;
        interrupted.settle(&identity)?;
        prop_assert_eq!(timeless(&interrupted.world), timeless(&uninterrupted.world));
    }

    /// The inventory is written before any resource is created, so the deletion finds every resource.
    #[test]
    fn deletion_after_interruption_removes_everything(setup in setup(), stops in vec(stop(), 1..4), forget in any::<bool>()) {
        let setup = deleting(setup);
        let identity = setup.identity();
        let mut model = setup.model()?;
        interrupt(&mut model, &identity, &stops)?;
        let remaining = owned(&model);
        prop_assert!(remaining.is_empty() || model.world.object.finalizer || setup.before.is_none(), "{:?}", remaining);
        // Either the inventory or the status has to exist.
        if forget && setup.recorded != Recorded::WithoutInventory {
            model.status = Status::default();
        }
        model.delete(None, false)?;
        prop_assert_eq!(owned(&model), Vec::<String>::new());
    }

    #[test]
    fn interrupted_deletion_continues(setup in setup(), stops in vec(stop(), 1..4), forget in any::<bool>()) {
        let setup = deleting(setup);
        let mut model = setup.model()?;
        let before = model.clone();
        for stop in stops {
            let steps = stop.cut(&model.decide_deletion(None, false).plan);
            model.apply_without_answers(steps.iter())?;
        }
        if forget && model.world.object.inventory.is_some() {
            model.status = Status::default();
        }
        model.delete(None, false)?;
        prop_assert_eq!(owned(&model), Vec::<String>::new());
        foreign_is_unchanged(&before, &model.world)?;
    }
}
