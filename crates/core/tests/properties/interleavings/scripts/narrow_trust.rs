//! The trust policy admits no binding longer than a pod or an agent can use it. Fixed scripts of the model; no I/O.

use lanyard_core::model::reason::Reason;

use super::*;

/// Pod Identity with the other session tags, on the same role.
const OTHER_TAGS: usize = 5;

/// The number of statements of the role while old pods drain.
fn statements_while_draining(simulation: &mut Simulation) -> usize {
    until(simulation, Reason::Draining);
    minutes(simulation, 2);
    assert_eq!(stage(simulation), Some(Reason::Draining));
    let roles = simulation.cluster.world.roles.values();
    let trusts = roles.filter_map(|role| role.trust.present());
    trusts.map(|trust| trust.statements().len()).sum()
}

/// Sessions last without the trust policy, and the agent fetches new ones by the association in place.
#[test]
fn statement_of_earlier_session_tags_goes_once_in_effect() {
    for (from, to) in [(POD_IDENTITY, OTHER_TAGS), (OTHER_TAGS, POD_IDENTITY)] {
        let mut simulation = bound(from, &[WEB]);
        perform(&mut simulation, &[Action::ChangeSpec(to)]);
        until(&mut simulation, Reason::Settling);
        let role = simulation.cluster.world.roles.values().next().unwrap();
        assert_eq!(role.trust.present().unwrap().statements().len(), 2);
        assert_eq!(statements_while_draining(&mut simulation), 1);
    }
}

/// Without an association the statement for Pod Identity serves no pod.
#[test]
fn statement_for_pod_identity_goes_with_association() {
    let mut simulation = bound(POD_IDENTITY, &[WEB]);
    perform(&mut simulation, &[Action::ChangeSpec(IRSA)]);
    until(&mut simulation, Reason::ApprovalRequired);
    perform(&mut simulation, &[Action::Approve]);
    assert_eq!(statements_while_draining(&mut simulation), 1);
}

/// Old pods use their tokens until they end, so the statement for IRSA stays.
#[test]
fn statement_for_irsa_stays_while_pods_carry_it() {
    let mut simulation = bound(IRSA, &[WEB]);
    perform(&mut simulation, &[Action::ChangeSpec(POD_IDENTITY)]);
    assert_eq!(statements_while_draining(&mut simulation), 2);
}

/// Also while the transition is paused: the pause keeps what pods use.
#[test]
fn pause_does_not_keep_unused_statement() {
    let mut simulation = bound(OTHER_TAGS, &[WEB]);
    perform(&mut simulation, &[Action::ChangeSpec(POD_IDENTITY)]);
    until(&mut simulation, Reason::Draining);
    perform(&mut simulation, &[Action::SetPaused(true)]);
    minutes(&mut simulation, 2);
    let role = simulation.cluster.world.roles.values().next().unwrap();
    assert_eq!(role.trust.present().unwrap().statements().len(), 1);
}
