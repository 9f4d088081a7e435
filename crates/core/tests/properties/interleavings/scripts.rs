//! The shortest paths to known ways in which a transition could break its promise: one test for each. Inputs are fixed
//! actions of the model; the output is the state after them. No I/O.

use lanyard_core::model::condition::{ConditionStatus, ConditionType};
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::pods::{Credential, Place};
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

/// M1: a budget that allows no disruption keeps a workload from being restarted, so the association stays.
#[test]
fn budget_of_zero_keeps_association_until_approved() {
    let mut simulation = bound(POD_IDENTITY, &[WEB]);
    let change = [
        Action::SetBudget(WEB, Some(0)),
        Action::SetRollout(true),
        Action::ChangeSpec(IRSA),
    ];
    perform(&mut simulation, &change);
    minutes(&mut simulation, 10);
    assert_eq!(stage(&simulation), Some(Reason::ApprovalRequired));
    assert!(simulation.cluster.world.association.present().is_some());
}

/// M1: the budget becomes zero while the change waits, so the deletion is not permitted any more.
#[test]
fn budget_is_checked_again_before_unbinding() {
    let mut simulation = bound(POD_IDENTITY, &[WEB]);
    perform(
        &mut simulation,
        &[Action::SetRollout(true), Action::ChangeSpec(IRSA)],
    );
    until(&mut simulation, Reason::Settling);
    perform(&mut simulation, &[Action::SetBudget(WEB, Some(0))]);
    minutes(&mut simulation, 5);
    assert_eq!(stage(&simulation), Some(Reason::ApprovalRequired));
    assert!(simulation.cluster.world.association.present().is_some());
}

/// M1: a blocked workload does not keep the others from being restarted.
#[test]
fn blocked_first_workload_lets_others_restart() {
    let mut simulation = bound(IRSA, &[WEB, QUEUE, QUEUE]);
    let change = [
        Action::SetBudget(WEB, Some(0)),
        Action::SetRollout(true),
        Action::ChangeSpec(POD_IDENTITY),
    ];
    perform(&mut simulation, &change);
    until(&mut simulation, Reason::Draining);
    assert_eq!((restarts(&simulation, WEB), restarts(&simulation, QUEUE)), (0, 1));
}

/// M2: the new pods of the first workload carry nothing, so no other workload is restarted and the old binding stays.
#[test]
fn restart_without_effect_stops_the_others() {
    let mut simulation = bound(IRSA, &[WEB, QUEUE, QUEUE]);
    perform(
        &mut simulation,
        &[Action::SetRollout(true), Action::ChangeSpec(POD_IDENTITY)],
    );
    until(&mut simulation, Reason::Settling);
    perform(&mut simulation, &[Action::SetWebhookDown(true)]);
    until(&mut simulation, Reason::Draining);
    for _ in 0..30 {
        roll_out(&mut simulation);
        minutes(&mut simulation, 1);
    }
    assert_eq!(restarts(&simulation, QUEUE), 0);
    assert_eq!(
        reason(&simulation, ConditionType::Stalled),
        Some("RestartIneffective")
    );
    // Without the other workload too, nothing of the old binding is removed.
    simulation.cluster.pods.retain(|pod| pod.owner == owners()[WEB]);
    minutes(&mut simulation, 2);
    assert_eq!(stage(&simulation), Some(Reason::Draining));
    assert!(
        !simulation
            .cluster
            .world
            .service_account
            .present()
            .unwrap()
            .annotations
            .is_empty()
    );
}

/// M2: the webhook answers again, and the transition ends without a user.
#[test]
fn restart_without_effect_is_repeated_once() {
    let mut simulation = bound(IRSA, &[WEB, QUEUE]);
    perform(
        &mut simulation,
        &[Action::SetRollout(true), Action::ChangeSpec(POD_IDENTITY)],
    );
    until(&mut simulation, Reason::Settling);
    perform(&mut simulation, &[Action::SetWebhookDown(true)]);
    until(&mut simulation, Reason::Draining);
    roll_out(&mut simulation);
    minutes(&mut simulation, 1);
    perform(&mut simulation, &[Action::SetWebhookDown(false)]);
    for _ in 0..15 {
        roll_out(&mut simulation);
        minutes(&mut simulation, 1);
    }
    assert_eq!(stage(&simulation), None);
}

/// M4: an owner that reverts its template is restarted once, and the others follow.
#[test]
fn reverted_restart_is_left_to_users() {
    let mut simulation = bound(IRSA, &[WEB, QUEUE, QUEUE]);
    perform(
        &mut simulation,
        &[Action::SetRollout(true), Action::ChangeSpec(POD_IDENTITY)],
    );
    until(&mut simulation, Reason::Draining);
    for _ in 0..25 {
        perform(&mut simulation, &[Action::RevertTemplate(WEB)]);
        minutes(&mut simulation, 1);
        roll_out(&mut simulation);
    }
    assert_eq!((restarts(&simulation, WEB), restarts(&simulation, QUEUE)), (1, 1));
    assert!(
        transition_message(&simulation).contains("Deployment web"),
        "{}",
        transition_message(&simulation)
    );
}

/// P01: pods that carry web identity in every generation are not restarted without end.
#[test]
fn template_with_web_identity_is_restarted_at_most_twice() {
    let mut simulation = bound(IRSA, &[WEB, QUEUE, QUEUE]);
    let credential = simulation.cluster.pods[0].carries.first().cloned().unwrap();
    assert!(matches!(credential, Credential::WebIdentity { .. }));
    simulation.cluster.template = Some((owners()[WEB].clone(), credential));
    perform(
        &mut simulation,
        &[Action::SetRollout(true), Action::ChangeSpec(POD_IDENTITY)],
    );
    until(&mut simulation, Reason::Draining);
    for _ in 0..40 {
        roll_out(&mut simulation);
        minutes(&mut simulation, 1);
    }
    assert!(restarts(&simulation, WEB) <= 2);
    assert_eq!(restarts(&simulation, QUEUE), 0);
    assert_eq!(
        reason(&simulation, ConditionType::Stalled),
        Some("RestartIneffective")
    );
}

/// A transition to IRSA whose association is deleted with approval.
fn unbound(until_stage: Reason) -> Simulation {
    let mut simulation = bound(POD_IDENTITY, &[WEB]);
    perform(&mut simulation, &[Action::ChangeSpec(IRSA)]);
    until(&mut simulation, Reason::ApprovalRequired);
    perform(&mut simulation, &[Action::Approve]);
    until(&mut simulation, until_stage);
    simulation
}

/// M5: turning back while pods lose access is neither asked for nor refused.
#[test]
fn rescue_needs_no_approval_and_is_not_refused() {
    for place in [Place::Reached, Place::WithoutAgent] {
        let mut simulation = unbound(Reason::Unbound);
        simulation.cluster.place = place;
        perform(&mut simulation, &[Action::ChangeSpec(POD_IDENTITY)]);
        for _ in 0..4 {
            perform(
                &mut simulation,
                &[Action::Reconcile(Ending::Complete), Action::Wait(12)],
            );
            assert!(!matches!(
                stage(&simulation),
                Some(Reason::ApprovalRequired | Reason::NodesUnsupported)
            ));
        }
        assert!(simulation.cluster.world.association.present().is_some());
    }
}

/// M6: a workload that was migrated may scale up while the transition waits for a Job.
#[test]
fn migrated_workload_that_scales_up_is_not_stuck() {
    let mut simulation = bound(IRSA, &[WEB, JOB]);
    perform(
        &mut simulation,
        &[Action::SetRollout(true), Action::ChangeSpec(POD_IDENTITY)],
    );
    until(&mut simulation, Reason::Draining);
    roll_out(&mut simulation);
    minutes(&mut simulation, 12);
    simulation.cluster.workload(WEB).unwrap().rolled_out = false;
    minutes(&mut simulation, 12);
    assert_eq!(stage(&simulation), Some(Reason::Draining));
    assert_eq!(reason(&simulation, ConditionType::Stalled), None);
}

/// M7: a pause after the association is deleted says who loses access, and by when, whatever stages follow.
#[test]
fn paused_after_unbinding_says_when_pods_lose_access() {
    let mut simulation = unbound(Reason::Draining);
    let record = simulation.cluster.status.transition.clone().unwrap();
    let end = record.effective_time.unwrap() + jiff::SignedDuration::from_hours(6);
    let end = end.round(jiff::Unit::Second).unwrap().to_string();
    perform(&mut simulation, &[Action::Wait(600), Action::SetPaused(true)]);
    minutes(&mut simulation, 1);
    let message = transition_message(&simulation);
    assert!(
        message.contains(&end) && message.contains("Deployment web"),
        "{message}"
    );
    assert!(!message.contains("keep their credentials"), "{message}");
    perform(&mut simulation, &[Action::SetPaused(false)]);
    minutes(&mut simulation, 1);
    let message = transition_message(&simulation);
    assert!(message.contains(&end), "{message}");
}

/// M7: a frozen identity is not left without access: its restarts continue.
#[test]
fn frozen_identity_continues_restarts_after_unbinding() {
    let mut simulation = bound(POD_IDENTITY, &[WEB]);
    perform(
        &mut simulation,
        &[Action::SetRollout(true), Action::ChangeSpec(IRSA)],
    );
    until(&mut simulation, Reason::Unbound);
    simulation.frozen = true;
    minutes(&mut simulation, 3);
    assert_eq!(restarts(&simulation, WEB), 1);
    roll_out(&mut simulation);
    minutes(&mut simulation, 2);
    assert_eq!(stage(&simulation), Some(Reason::Paused));
    simulation.frozen = false;
    minutes(&mut simulation, 3);
    assert_eq!(stage(&simulation), None);
}

/// M8: without the workloads, or with a pod that the agent does not reach, the message says why nothing is restarted.
#[test]
fn missing_restart_says_what_it_waits_for() {
    let mut simulation = bound(IRSA, &[WEB]);
    simulation.cluster.world.workloads =
        Fact::Unreadable(ReadError::Denied("list deployments.apps".to_owned()));
    perform(
        &mut simulation,
        &[Action::SetRollout(true), Action::ChangeSpec(POD_IDENTITY)],
    );
    until(&mut simulation, Reason::Draining);
    minutes(&mut simulation, 1);
    let message = transition_message(&simulation);
    assert!(message.contains("workloads cannot be read"), "{message}");

    let mut simulation = bound(IRSA, &[WEB]);
    perform(
        &mut simulation,
        &[Action::SetRollout(true), Action::ChangeSpec(POD_IDENTITY)],
    );
    until(&mut simulation, Reason::Settling);
    simulation.cluster.place = Place::WithoutAgent;
    until(&mut simulation, Reason::Draining);
    let message = transition_message(&simulation);
    assert!(
        message.contains("without a ready EKS Pod Identity Agent"),
        "{message}"
    );
}

/// M8: a pod that carries nothing depends on no binding, so nothing waits for it.
#[test]
fn pod_without_credentials_is_not_waited_for() {
    let mut simulation = bound(IRSA, &[WEB]);
    perform(
        &mut simulation,
        &[Action::SetWebhookDown(true), Action::CreatePod(255, 255, JOB)],
    );
    perform(
        &mut simulation,
        &[Action::SetWebhookDown(false), Action::ChangeSpec(POD_IDENTITY)],
    );
    until(&mut simulation, Reason::Draining);
    let message = transition_message(&simulation);
    assert!(
        message.contains("Deployment web") && !message.contains("Job report"),
        "{message}"
    );
}

/// M10: another leader recorded times of a clock that is an hour ahead.
#[test]
fn record_from_the_future_delays_no_stage() {
    let mut simulation = bound(IRSA, &[WEB]);
    perform(&mut simulation, &[Action::ChangeSpec(POD_IDENTITY)]);
    until(&mut simulation, Reason::Propagating);
    let record = simulation.cluster.status.transition.as_mut().unwrap();
    record.stage_transition_time = simulation.cluster.now + jiff::SignedDuration::from_hours(1);
    minutes(&mut simulation, 2);
    assert_ne!(stage(&simulation), Some(Reason::Propagating));
}

/// M11: a CronJob whose pods come and go is asked for once at most.
#[test]
fn approval_is_not_required_again_after_preparing() {
    let mut simulation = bound(IRSA, &[JOB]);
    perform(
        &mut simulation,
        &[
            Action::ChangeSpec(POD_IDENTITY),
            Action::Reconcile(Ending::Complete),
        ],
    );
    assert_eq!(stage(&simulation), Some(Reason::Preparing));
    simulation.cluster.pods.clear();
    perform(
        &mut simulation,
        &[Action::Wait(2), Action::Reconcile(Ending::Complete)],
    );
    assert_ne!(stage(&simulation), Some(Reason::ApprovalRequired));
}

/// S4: the question comes before anything is changed.
#[test]
fn approval_to_unbind_is_required_first() {
    let mut simulation = bound(POD_IDENTITY, &[WEB]);
    perform(
        &mut simulation,
        &[Action::ChangeSpec(IRSA), Action::Reconcile(Ending::Complete)],
    );
    assert_eq!(stage(&simulation), Some(Reason::ApprovalRequired));
    assert!(
        simulation
            .cluster
            .world
            .service_account
            .present()
            .unwrap()
            .annotations
            .is_empty()
    );
    perform(&mut simulation, &[Action::Approve]);
    for _ in 0..16 {
        perform(
            &mut simulation,
            &[Action::Wait(12), Action::Reconcile(Ending::Complete)],
        );
        assert_ne!(stage(&simulation), Some(Reason::ApprovalRequired));
    }
    assert_eq!(stage(&simulation), Some(Reason::Draining));
}

/// P02: the CSI driver reads the annotation, although every pod works by the new binding.
#[test]
fn volume_that_needs_annotation_requires_approval() {
    let mut simulation = bound(IRSA, &[WEB]);
    simulation.cluster.token_volume = Some("orders-db".to_owned());
    perform(&mut simulation, &[Action::ChangeSpec(POD_IDENTITY)]);
    minutes(&mut simulation, 5);
    assert_eq!(stage(&simulation), Some(Reason::ApprovalRequired));
    assert!(transition_message(&simulation).contains("orders-db"));
    perform(&mut simulation, &[Action::Approve]);
    until(&mut simulation, Reason::Draining);
}

/// P05: pods that came before the first binding are restarted once.
#[test]
fn pods_before_first_binding_are_restarted_once() {
    let mut simulation = Simulation::new(0, POD_IDENTITY);
    perform(
        &mut simulation,
        &[
            Action::SetRollout(true),
            Action::CreatePod(255, 255, WEB),
            Action::Wait(5),
        ],
    );
    minutes(&mut simulation, 5);
    assert_eq!(restarts(&simulation, WEB), 1);
    roll_out(&mut simulation);
    minutes(&mut simulation, 15);
    assert_eq!(restarts(&simulation, WEB), 1);
    assert!(simulation.cluster.pods.iter().all(Pod::has_pod_identity));
}
