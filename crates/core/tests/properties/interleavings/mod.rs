//! A model check of transitions. Whatever happens in any order, no running pod loses its credentials without approval. Once
//! nothing interferes any more, the desired binding is in place and nothing of another binding remains.

mod actions;
mod cluster;
mod messages;
mod scripts;
mod workloads;

use lanyard_core::model::reason::Reason;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use actions::{Action, Ending, Simulation, action};

/// Twice the cases of the other properties: a run is a path through many states, and most paths reveal nothing.
fn many() -> ProptestConfig {
    let cases = crate::cases();
    ProptestConfig {
        cases: cases.cases * 2,
        ..cases
    }
}

proptest! {
    #![proptest_config(many())]

    #[test]
    fn running_pod_keeps_credentials_without_approval(
        first in 0..6usize,
        skew in select(vec![-120i64, 0, 120]),
        actions in vec(action(), 1..100),
    ) {
        let mut simulation = Simulation::new(skew, first);
        // Start with an effective binding: before the first one no pod has credentials to lose.
        for action in [
            Action::Reconcile(Ending::Complete),
            Action::Wait(61),
            Action::Reconcile(Ending::Complete),
            Action::Wait(61),
        ] {
            simulation.perform(&action).map_err(TestCaseError::fail)?;
        }
        for action in &actions {
            simulation.perform(action).map_err(TestCaseError::fail)?;
        }
        simulation.settle().map_err(TestCaseError::fail)?;
        simulation.only_desired_state_remains().map_err(TestCaseError::fail)?;
        simulation.cluster.every_pod_has_access().map_err(TestCaseError::fail)?;
    }
}

/// The shortest path to a binding that the webhook still sees: a transition, and a pod created before it has propagated.
#[test]
fn late_pod_gets_credentials_of_old_binding() {
    let mut simulation = Simulation::new(0, 0);
    let reconcile = || Action::Reconcile(Ending::Complete);
    let actions = [
        reconcile(),
        Action::Wait(61),
        reconcile(),
        Action::Wait(61),
        Action::ChangeSpec(1),
        reconcile(),
        reconcile(),
        Action::Wait(15),
        reconcile(),
        reconcile(),
        reconcile(),
        Action::CreatePod(0, 0, 0),
        Action::Wait(40),
        reconcile(),
        Action::CreatePod(0, 0, 0),
    ];
    for action in &actions {
        simulation.perform(action).unwrap();
        println!(
            "{action:?} -> {:?}",
            simulation
                .cluster
                .status
                .transition
                .as_ref()
                .map(|transition| transition.stage)
        );
    }
}

/// The spec changes twice and the transition is then paused: the waiting binding is the one that pods got in between.
#[test]
fn paused_transition_keeps_binding_of_interim_pods() {
    let mut simulation = Simulation::new(0, 0);
    let reconcile = || Action::Reconcile(Ending::Complete);
    let change_to = |number| {
        [
            Action::ChangeSpec(number),
            reconcile(),
            reconcile(),
            Action::Wait(15),
            reconcile(),
            reconcile(),
        ]
    };
    let mut actions = vec![reconcile(), Action::Wait(61), reconcile(), Action::Wait(61)];
    actions.extend(change_to(2));
    actions.extend([Action::Wait(61), reconcile(), Action::CreatePod(255, 255, 0)]);
    actions.extend(change_to(0));
    actions.extend([
        Action::ChangeSpec(2),
        Action::SetPaused(true),
        reconcile(),
        Action::Wait(61),
        reconcile(),
    ]);
    for action in &actions {
        simulation.perform(action).unwrap();
    }
    assert_eq!(
        simulation.cluster.status.transition.map(|record| record.stage),
        Some(Reason::Paused)
    );
}
