//! The plan of one object from its status alone: which fields the spec changes. Input: a decoded object. Output: its item. No
//! I/O. The digests of the desired fields are those that the status would get if every step took effect on an empty account.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use lanyard_core::identity::Identity;
use lanyard_core::model::binding::MethodSettings;
use lanyard_core::model::cluster::Cluster;
use lanyard_core::model::fact::Fact;
use lanyard_core::model::observed::{Agent, Observed, Provider, RoleFacts, ServiceAccount};
use lanyard_core::model::pods::PodList;
use lanyard_core::model::status::Status;
use lanyard_core::model::timings::Timings;
use lanyard_core::reconcile::decide::decide;
use lanyard_core::reconcile::desired::Desired;
use lanyard_core::reconcile::gate::WriteGate;
use lanyard_core::reconcile::outcome::{Answer, Outcome, StepResult};
use lanyard_core::reconcile::summary::{SummaryInput, summarise};
use lanyard_core::reconcile::transition::TransitionState;
use lanyard_engine::raw::Decoded;

use super::class_facts::ClassFacts;
use super::decision::{Accepted, accepted};
use super::item::{ChangeKind, Depth, FieldChange, PlanItem};
use crate::envelope::Unread;

/// The unique id of a role that is not read.
const SOME_ID: &str = "AROA";

/// The maximum session duration of a role if none is set (IAM `CreateRole`).
const DEFAULT_SESSION: u32 = 3600;

/// Plans one object.
pub(super) fn plan(
    mut item: PlanItem,
    decoded: &Decoded,
    cluster: &Cluster,
    facts: &ClassFacts,
    now: Timestamp,
) -> PlanItem {
    item.depth = Depth::Status;
    item.suspended = decoded.is_suspended();
    if decoded.is_deleting {
        item.unread = vec![not_known(
            &item,
            "the resources that the deletion removes are not known",
        )];
        return item;
    }
    let (mut item, Accepted { identity, .. }) = match accepted(item, decoded, cluster, facts) {
        Ok(accepted) => accepted,
        Err(item) => return *item,
    };
    let adopted = decoded.status.role.as_ref().is_some_and(|role| role.adopted);
    let adoption = &identity.adoption;
    if adopted || adoption.role.is_some() || !adoption.associations.is_empty() {
        item.unread.push(not_known(
            &item,
            "the fields of an adopted role that Lanyard set are not known",
        ));
        return item;
    }
    if decoded.status.transition.is_some() {
        item.messages
            .push("a transition is in progress: some fields belong to the previous binding".to_owned());
    }
    item.fields = changes(
        &desired_digests(&identity, now),
        &decoded.status.last_applied_hashes,
    );
    item
}

fn not_known(item: &PlanItem, consequence: &str) -> Unread {
    Unread {
        resource: format!("AWS resources of {}/{}", item.namespace, item.name),
        cause: "AWS is not read".to_owned(),
        consequence: consequence.to_owned(),
    }
}

/// The difference between the desired and the last applied digests.
fn changes(desired: &BTreeMap<String, String>, applied: &BTreeMap<String, String>) -> Vec<FieldChange> {
    let keys: BTreeSet<&String> = desired.keys().chain(applied.keys()).collect();
    let change = |key: &String| match (desired.get(key), applied.get(key)) {
        (Some(desired), Some(applied)) if desired == applied => None,
        (Some(_), Some(_)) => Some(ChangeKind::Changed),
        (Some(_), None) => Some(ChangeKind::Added),
        (None, Some(_)) => Some(ChangeKind::Removed),
        (None, None) => None,
    };
    let field = |key: &String| {
        Some(FieldChange {
            field: key.clone(),
            change: change(key)?,
        })
    };
    keys.into_iter().filter_map(field).collect()
}

/// The digests of all fields of an identity after it was applied.
fn desired_digests(identity: &Identity, now: Timestamp) -> BTreeMap<String, String> {
    let mut observed = empty_account(identity);
    let (status, timings) = (Status::default(), Timings::default());
    let decision = decide(identity, &status, &observed, &timings, now);
    let mut outcome = Outcome::default();
    for step in decision.plan.steps() {
        observed.assume(step, &Answer::Nothing);
        outcome
            .steps
            .push((step.clone(), StepResult::Done(Answer::Nothing)));
    }
    let summary = summarise(&SummaryInput {
        generation: 1,
        decision: &decision,
        outcome: &outcome,
        after: &observed,
        previous: &status,
        gate: WriteGate::Open,
        timings: &timings,
        now,
    });
    summary.status.last_applied_hashes
}

/// An account and a cluster that have only what Lanyard does not create: the provider, the agent, the ServiceAccount, and an
/// existing role that admits the ServiceAccount.
pub(super) fn empty_account(identity: &Identity) -> Observed {
    let audience = match &identity.binding.settings {
        MethodSettings::Irsa { audience, .. } => Some(audience.to_string()),
        MethodSettings::PodIdentity { .. } => None,
    };
    let mut observed = Observed {
        roles: [(identity.role_arn().clone(), RoleFacts::absent())].into(),
        provider: Fact::Present(Provider {
            client_ids: audience.into_iter().collect(),
            modified_at: None,
        }),
        association: Fact::Absent,
        service_account: Fact::Present(ServiceAccount::default()),
        agent: Fact::Present(Agent {
            ready: true,
            found: String::new(),
        }),
        webhook: Fact::Present(String::new()),
        pods: Fact::Present(PodList {
            fresh: true,
            ..PodList::default()
        }),
        egress: Fact::Absent,
        token_clients: Fact::Absent,
        ..Observed::unread()
    };
    if identity.managed.is_none() {
        let desired = Desired::present(identity, &TransitionState::Settled, &Status::default(), &observed);
        if let Desired::Present(desired) = desired {
            let role = RoleFacts {
                id: Fact::Present(SOME_ID.to_owned()),
                trust: Fact::Present(desired.trust),
                max_session: Fact::Present(DEFAULT_SESSION),
                tags: Fact::Present(BTreeMap::new()),
                attached: Fact::Present(BTreeMap::new()),
                inline: Fact::Present(BTreeMap::new()),
                ..RoleFacts::absent()
            };
            observed.roles.insert(identity.role_arn().clone(), role);
        }
    }
    observed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digests(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(key, digest)| ((*key).to_owned(), (*digest).to_owned()))
            .collect()
    }

    #[test]
    fn fields_are_added_changed_and_removed() {
        let found = changes(
            &digests(&[("a", "1"), ("b", "2"), ("c", "3")]),
            &digests(&[("a", "1"), ("b", "9"), ("d", "4")]),
        );
        let shown: Vec<(&str, ChangeKind)> = found
            .iter()
            .map(|change| (change.field.as_str(), change.change))
            .collect();
        assert_eq!(
            shown,
            [
                ("b", ChangeKind::Changed),
                ("c", ChangeKind::Added),
                ("d", ChangeKind::Removed)
            ]
        );
    }
}
