//! NetworkPolicies and token clients between pods and Pod Identity: the transition asks for approval before any change. Fixed
//! scripts of the model; no I/O.

use lanyard_core::model::cluster_object::{ClusterObject, TokenClientFacts};
use lanyard_core::model::condition::ConditionType;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::network_policy::{EgressFacts, NetworkPolicy, PodNetwork};
use lanyard_core::model::reason::Reason;

use super::*;

/// A policy that permits no egress, and a pod that it selects.
fn deny_all() -> Fact<EgressFacts> {
    Fact::Present(EgressFacts {
        policies: vec![NetworkPolicy {
            name: "deny-all".to_owned(),
            policy_types: vec!["Egress".to_owned()],
            ..NetworkPolicy::default()
        }],
        pods: vec![PodNetwork::default()],
    })
}

/// The first reconcile of a transition to Pod Identity with this fact.
fn changed(egress: Fact<EgressFacts>) -> Simulation {
    let mut simulation = bound(IRSA, &[WEB]);
    simulation.cluster.world.egress = egress;
    perform(
        &mut simulation,
        &[
            Action::ChangeSpec(POD_IDENTITY),
            Action::Reconcile(Ending::Complete),
        ],
    );
    simulation
}

#[test]
fn egress_policy_without_agent_requires_approval_once() {
    let mut simulation = changed(deny_all());
    let before = simulation.cluster.world.clone();
    assert_eq!(stage(&simulation), Some(Reason::ApprovalRequired));
    assert_eq!(
        reason(&simulation, ConditionType::Stalled),
        Some("ApprovalRequired")
    );
    let message = transition_message(&simulation);
    for part in [
        "deny-all",
        "169.254.170.23",
        "fd00:ec2::23",
        "lanyard.dev/approve=",
    ] {
        assert!(message.contains(part), "{message}");
    }
    minutes(&mut simulation, 3);
    assert_eq!(simulation.cluster.world.roles, before.roles);
    perform(
        &mut simulation,
        &[Action::Approve, Action::Reconcile(Ending::Complete)],
    );
    assert_ne!(stage(&simulation), Some(Reason::ApprovalRequired));
    // The approval is used: it is not asked again while the trust policy propagates.
    simulation.cluster.world.object.approval = None;
    until(&mut simulation, Reason::Draining);
}

#[test]
fn denied_list_of_egress_policies_requires_approval() {
    let right = "the RBAC of the operator lacks list on networkpolicies";
    let simulation = changed(Fact::Unreadable(ReadError::Denied(right.to_owned())));
    assert_eq!(stage(&simulation), Some(Reason::ApprovalRequired));
    let message = transition_message(&simulation);
    assert!(message.contains(right), "{message}");
}

#[test]
fn failed_list_of_egress_policies_waits_and_continues() {
    let mut simulation = changed(Fact::Unreadable(ReadError::Failed(
        "no answer in time".to_owned(),
    )));
    assert_eq!(stage(&simulation), None);
    assert!(simulation.cluster.world.association.is_absent());
    simulation.cluster.world.egress = Fact::Present(EgressFacts::default());
    until(&mut simulation, Reason::Draining);
}

/// A SecretStore that names the ServiceAccount of the model.
fn secret_store() -> ClusterObject {
    let account = crate::specs::subject();
    let reference = serde_json::json!({"name": account.name.as_str()});
    ClusterObject {
        group: "external-secrets.io".to_owned(),
        kind: "SecretStore".to_owned(),
        namespace: Some(account.namespace.as_str().to_owned()),
        name: "aws".to_owned(),
        spec: serde_json::json!({"provider": {"aws": {"auth": {"jwt": {"serviceAccountRef": reference}}}}}),
    }
}

/// The first reconcile of a transition to Pod Identity with this fact.
fn changed_beside(clients: Fact<TokenClientFacts>) -> Simulation {
    let mut simulation = bound(IRSA, &[WEB]);
    simulation.cluster.world.token_clients = clients;
    perform(
        &mut simulation,
        &[
            Action::ChangeSpec(POD_IDENTITY),
            Action::Reconcile(Ending::Complete),
        ],
    );
    simulation
}

#[test]
fn client_of_tokens_requires_approval_beside_pods() {
    let mut simulation = changed_beside(Fact::Present(TokenClientFacts {
        objects: vec![secret_store()],
        ..TokenClientFacts::default()
    }));
    assert_eq!(stage(&simulation), Some(Reason::ApprovalRequired));
    let message = transition_message(&simulation);
    assert!(
        message.contains("SecretStore") && message.contains("/aws"),
        "{message}"
    );
    perform(&mut simulation, &[Action::Approve]);
    until(&mut simulation, Reason::Draining);
}

#[test]
fn denied_kind_of_token_clients_requires_approval() {
    let right = "the RBAC of the operator lacks list on secretstores.external-secrets.io";
    let simulation = changed_beside(Fact::Present(TokenClientFacts {
        denied: [right.to_owned()].into(),
        ..TokenClientFacts::default()
    }));
    assert_eq!(stage(&simulation), Some(Reason::ApprovalRequired));
    let message = transition_message(&simulation);
    assert!(
        message.contains(right) && message.contains("token-clients"),
        "{message}"
    );
}

#[test]
fn absent_token_clients_require_no_approval() {
    let mut simulation = changed_beside(Fact::Present(TokenClientFacts::default()));
    assert_eq!(stage(&simulation), Some(Reason::Preparing));
    until(&mut simulation, Reason::Draining);
}

/// The rescue of pods that lose access is not asked for.
#[test]
fn egress_policy_does_not_hold_up_rescue() {
    let mut simulation = bound(POD_IDENTITY, &[WEB]);
    perform(&mut simulation, &[Action::ChangeSpec(IRSA)]);
    until(&mut simulation, Reason::ApprovalRequired);
    perform(&mut simulation, &[Action::Approve]);
    until(&mut simulation, Reason::Unbound);
    simulation.cluster.world.egress = deny_all();
    perform(&mut simulation, &[Action::ChangeSpec(POD_IDENTITY)]);
    until(&mut simulation, Reason::Settling);
}
