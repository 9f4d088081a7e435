//! Loss of access, approvals and waits: each is said, and asked once. Fixed scripts of the model; no I/O.

use lanyard_core::model::condition::ConditionType;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::pods::Place;
use lanyard_core::model::reason::Reason;

use super::*;

/// A transition to IRSA whose association is deleted with approval.
fn unbound(until_stage: Reason) -> Simulation {
    let mut simulation = bound(POD_IDENTITY, &[WEB]);
    perform(&mut simulation, &[Action::ChangeSpec(IRSA)]);
    until(&mut simulation, Reason::ApprovalRequired);
    perform(&mut simulation, &[Action::Approve]);
    until(&mut simulation, until_stage);
    simulation
}

/// Turning back while pods lose access is neither asked for nor refused.
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

/// A workload that was migrated may scale up while the transition waits for a Job.
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

/// A pause after the association is deleted says who loses access, and by when, whatever stages follow.
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

/// A frozen identity is not left without access: its restarts continue.
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

/// Without the workloads, or with a pod that the agent does not reach, the message says why nothing is restarted.
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

/// A pod that carries nothing depends on no binding, so nothing waits for it.
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

/// Another leader recorded times of a clock that is an hour ahead.
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

/// A CronJob whose pods come and go is asked for once at most.
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

/// The question comes before anything is changed.
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

/// The CSI driver reads the annotation, although every pod works by the new binding.
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
