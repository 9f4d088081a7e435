//! Fixtures for unit tests: one subject of one cluster, a spec for it, and the observed state after the spec was
//! applied. Compiled for tests only; no I/O.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use crate::class::Class;
use crate::identity::Identity;
use crate::model::cluster::Cluster;
use crate::model::cluster_object::TokenClientFacts;
use crate::model::fact::Fact;
use crate::model::network_policy::EgressFacts;
use crate::model::observed::{Agent, Observed, RoleFacts, ServiceAccount};
use crate::model::pods::PodList;
use crate::model::spec::{ManagedRoleSpec, Method, Spec};
use crate::model::status::{RecordedRoles, Status};
use crate::model::subject::Subject;
use crate::model::timings::Timings;
use crate::reconcile::decide::Decision;
use crate::reconcile::gate::WriteGate;
use crate::reconcile::outcome::{Answer, Outcome, StepResult};
use crate::reconcile::summary::{Summary, SummaryInput, summarise};
use crate::reconcile::validate::validate;

pub(crate) fn cluster() -> Cluster {
    serde_json::from_str(include_str!("../tests/cluster.json")).unwrap()
}

/// A non-EKS cluster.
pub(crate) fn off_eks() -> Cluster {
    serde_json::from_value(json!({
        "identity": "prod.example.com",
        "platform": "Other",
        "partition": "aws",
        "account": "111122223333",
        "issuer": "https://oidc.example.com/prod",
    }))
    .unwrap()
}

pub(crate) fn subject() -> Subject {
    serde_json::from_value(json!({
        "cluster": cluster().identity,
        "namespace": "shop",
        "name": "orders",
    }))
    .unwrap()
}

/// A managed role without settings.
pub(crate) fn spec(method: Method) -> Spec {
    Spec {
        method: Some(method),
        managed: Some(ManagedRoleSpec::default()),
        ..Spec::default()
    }
}

pub(crate) fn identity(spec: &Spec) -> Identity {
    identity_in(spec, &cluster())
}

pub(crate) fn identity_in(spec: &Spec, cluster: &Cluster) -> Identity {
    let subject = Subject {
        cluster: cluster.identity.clone(),
        ..subject()
    };
    validate(
        spec,
        &subject,
        cluster,
        &Class::unrestricted(),
        &RecordedRoles::default(),
    )
    .unwrap()
    .identity
}

/// A decision with the default timings at the fixed time of [`now`].
pub(crate) fn decide(identity: &Identity, previous: &Status, observed: &Observed) -> Decision {
    crate::reconcile::decide::decide(identity, previous, observed, &Timings::default(), now())
}

pub(crate) fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

/// An observed state without obstacles: the agent is ready and the ServiceAccount exists.
pub(crate) fn world(identity: &Identity) -> Observed {
    Observed {
        roles: BTreeMap::from([(identity.role_arn().clone(), RoleFacts::absent())]),
        provider: Fact::Absent,
        association: Fact::Absent,
        service_account: Fact::Present(ServiceAccount::default()),
        agent: Fact::Present(Agent {
            ready: true,
            found: "add-on: ACTIVE".to_owned(),
        }),
        pods: Fact::Present(PodList {
            fresh: true,
            ..PodList::default()
        }),
        egress: Fact::Present(EgressFacts::default()),
        token_clients: Fact::Present(TokenClientFacts::default()),
        ..Observed::unread()
    }
}

/// The summary of a reconciliation in which every step succeeded.
pub(crate) fn carry_out(decision: &Decision, previous: &Status, world: &mut Observed) -> Summary {
    let mut outcome = Outcome::default();
    for step in decision.plan.steps() {
        world.assume(step, &Answer::Nothing);
        outcome
            .steps
            .push((step.clone(), StepResult::Done(Answer::Nothing)));
    }
    rendered(decision, previous, world, &outcome)
}

/// The summary of a reconciliation with this outcome.
pub(crate) fn rendered(
    decision: &Decision,
    previous: &Status,
    after: &Observed,
    outcome: &Outcome,
) -> Summary {
    summarise(&SummaryInput {
        generation: 1,
        decision,
        outcome,
        after,
        previous,
        gate: WriteGate::Open,
        timings: &Timings::default(),
        now: now(),
    })
}

/// The observed state and the status after a spec was applied and has propagated.
pub(crate) fn applied(spec: &Spec) -> (Identity, Observed, Status) {
    let identity = identity(spec);
    let mut world = world(&identity);
    let decision = decide(&identity, &Status::default(), &world);
    let status = carry_out(&decision, &Status::default(), &mut world).status;
    let status = propagated(&identity, status, &world);
    (identity, world, status)
}

/// The status after the changes of the binding have reached new pods.
pub(crate) fn propagated(identity: &Identity, mut status: Status, world: &Observed) -> Status {
    let long_ago: Timestamp = "2026-02-01T12:00:00Z".parse().unwrap();
    for condition in &mut status.conditions {
        condition.last_transition_time = long_ago;
    }
    let decision = decide(identity, &status, world);
    rendered(&decision, &status, world, &Outcome::default()).status
}
