//! Restarts: budgets, restarts without effect, reverted templates, and pods that missed the first binding. Fixed scripts of
//! the model; no I/O.

use lanyard_core::model::condition::ConditionType;
use lanyard_core::model::pods::Credential;
use lanyard_core::model::reason::Reason;

use super::*;

/// A budget that allows no disruption keeps a workload from being restarted, so the association stays.
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

/// The budget becomes zero while the change waits, so the deletion is not permitted any more.
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

/// A blocked workload does not keep the others from being restarted.
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

/// The new pods of the first workload carry nothing, so no other workload is restarted and the old binding stays.
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

/// The webhook answers again, and the transition ends without a user.
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

/// An owner that reverts its template is restarted once, and the others follow.
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

/// Pods that carry web identity in every generation are not restarted without end.
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

/// Pods that came before the first binding are restarted once.
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
