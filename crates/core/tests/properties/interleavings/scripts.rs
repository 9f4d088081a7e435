//! The shortest paths to known ways in which a transition could break its promise: one test for each. Inputs are fixed
//! actions of the model; the output is the state after them. No I/O.

mod approvals;
mod narrow_trust;
mod restarts;
mod surroundings;

use lanyard_core::model::condition::{ConditionStatus, ConditionType};
use lanyard_core::model::reason::Reason;

use super::actions::{Action, Ending, Simulation};
use super::cluster::Pod;
use super::workloads::owners;

const IRSA: usize = 0;
const POD_IDENTITY: usize = 3;
const WEB: usize = 0;
const QUEUE: usize = 1;
const JOB: usize = 2;

/// A subject with an effective binding and one pod for each of these owners, which was created under it.
fn bound(spec: usize, pods: &[usize]) -> Simulation {
    let mut simulation = Simulation::new(0, spec);
    for _ in 0..3 {
        perform(
            &mut simulation,
            &[Action::Reconcile(Ending::Complete), Action::Wait(61)],
        );
    }
    for owner in pods {
        perform(
            &mut simulation,
            &[Action::CreatePod(255, 255, *owner), Action::Wait(5)],
        );
    }
    simulation
}

fn perform(simulation: &mut Simulation, actions: &[Action]) {
    for action in actions {
        simulation
            .perform(action)
            .unwrap_or_else(|error| panic!("{action:?}: {error}"));
    }
}

fn stage(simulation: &Simulation) -> Option<Reason> {
    let record = simulation.cluster.status.transition.as_ref();
    record.map(|record| record.stage)
}

/// Reconciles until the transition reaches a stage.
fn until(simulation: &mut Simulation, expected: Reason) {
    for _ in 0..40 {
        perform(simulation, &[Action::Reconcile(Ending::Complete)]);
        if stage(simulation) == Some(expected) {
            return;
        }
        perform(simulation, &[Action::Wait(12)]);
    }
    panic!("{expected:?} is not reached: {:?}", stage(simulation));
}

/// Lets minutes pass, each with a reconcile.
fn minutes(simulation: &mut Simulation, count: usize) {
    for _ in 0..count {
        perform(
            simulation,
            &[Action::Wait(60), Action::Reconcile(Ending::Complete)],
        );
    }
}

/// Completes the rollout of the restarted workload.
fn roll_out(simulation: &mut Simulation) {
    perform(simulation, &[Action::Wait(5)]);
    for _ in 0..6 {
        perform(simulation, &[Action::RollOut(255, 255)]);
    }
}

fn reason(simulation: &Simulation, kind: ConditionType) -> Option<&'static str> {
    let condition = simulation.cluster.status.condition(kind)?;
    (condition.status == ConditionStatus::True).then(|| condition.reason.as_str())
}

fn transition_message(simulation: &Simulation) -> String {
    let status = &simulation.cluster.status;
    let condition = status.condition(ConditionType::Transitioning);
    condition.map_or(String::new(), |condition| condition.message.clone())
}

fn restarts(simulation: &Simulation, owner: usize) -> usize {
    simulation
        .cluster
        .restarts
        .get(&owners()[owner])
        .map_or(0, Vec::len)
}
