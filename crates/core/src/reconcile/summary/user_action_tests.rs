//! Tests of states that do not end without a user: they are `Stalled`, at once or after the time for which a resource is
//! awaited, and never `Reconciling` for an unlimited time.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::example::{applied, carry_out, decide, identity, now, rendered, spec, world};
use crate::model::condition::{ConditionStatus, ConditionType};
use crate::model::fact::Fact;
use crate::model::observed::Observed;
use crate::model::pods::PodList;
use crate::model::reason::Reason;
use crate::model::spec::{Method, Spec};
use crate::model::status::TransitionStatus;
use crate::model::timings::Timings;
use crate::reconcile::decide::Decision;
use crate::reconcile::gate::{Reporting, WriteGate};
use crate::reconcile::outcome::Outcome;

/// The reasons of `Reconciling` and `Stalled`.
fn reasons(status: &Status) -> (Option<Reason>, Option<Reason>) {
    let reason = |kind| status.condition(kind).map(|condition| condition.reason);
    (reason(ConditionType::Reconciling), reason(ConditionType::Stalled))
}

/// The summary of a reconcile without a completed step.
fn summarised(
    decision: &Decision,
    previous: &Status,
    after: &Observed,
    gate: WriteGate,
    now: Timestamp,
) -> Summary {
    summarise(&SummaryInput {
        generation: 1,
        decision,
        outcome: &Outcome::default(),
        after,
        previous,
        gate,
        timings: &Timings::default(),
        now,
    })
}

/// The summary of one more reconcile of `spec`, `seconds` after the first one.
fn later(spec: &Spec, previous: &Status, observed: &Observed, seconds: i64) -> Summary {
    let identity = identity(spec);
    let decision = decide(&identity, previous, observed);
    let at = now().checked_add(SignedDuration::from_secs(seconds)).unwrap();
    summarised(&decision, previous, observed, WriteGate::Open, at)
}

fn awaited_then_stalled(spec: &Spec, mut observed: Observed, reason: Reason) -> Summary {
    let previous = Status::default();
    let decision = decide(&identity(spec), &previous, &observed);
    let first = carry_out(&decision, &previous, &mut observed);
    assert_eq!(reasons(&first.status), (Some(reason), None));
    let before = later(spec, &first.status, &observed, 119);
    assert_eq!(reasons(&before.status), (Some(reason), None));
    let after = later(spec, &first.status, &observed, 120);
    assert_eq!(reasons(&after.status), (None, Some(reason)));
    let again = later(spec, &after.status, &observed, 121);
    assert_eq!(reasons(&again.status), (None, Some(reason)));
    assert_eq!(again.next, Next::OnWake(None));
    before
}

#[test]
fn missing_service_account_is_stalled_after_two_minutes() {
    let spec = spec(Method::Irsa);
    let mut observed = world(&identity(&spec));
    observed.service_account = Fact::Absent;
    let before = awaited_then_stalled(&spec, observed, Reason::ServiceAccountMissing);
    assert_eq!(before.next, Next::OnWake(Some(Duration::from_secs(1))));
}

#[test]
fn missing_agent_is_stalled_after_two_minutes() {
    let spec = spec(Method::PodIdentity);
    let mut observed = world(&identity(&spec));
    observed.agent = Fact::Absent;
    awaited_then_stalled(&spec, observed, Reason::AgentNotReady);
}

#[test]
fn steps_of_a_suspended_object_stall_it_until_it_is_ready() {
    let (identity, mut observed, previous) = applied(&spec(Method::PodIdentity));
    observed.association = Fact::Absent;
    for reporting in [Reporting::Suspended, Reporting::ReadOnly] {
        let decision = decide(&identity, &previous, &observed);
        let gate = WriteGate::ReportOnly(reporting);
        let status = summarised(&decision, &previous, &observed, gate, now()).status;
        assert_eq!(reasons(&status), (None, Some(reporting.reason())));
        let ready = status.condition(ConditionType::Ready).unwrap();
        assert_eq!(
            (ready.status, ready.reason),
            (ConditionStatus::False, reporting.reason())
        );
    }
    let (identity, observed, previous) = applied(&spec(Method::PodIdentity));
    let decision = decide(&identity, &previous, &observed);
    let gate = WriteGate::ReportOnly(Reporting::Suspended);
    let status = summarised(&decision, &previous, &observed, gate, now()).status;
    assert_eq!(reasons(&status), (None, None));
}

#[test]
fn in_sync_names_all_that_is_not_applied() {
    let identity = identity(&spec(Method::PodIdentity));
    let observed = world(&identity);
    let previous = Status::default();
    let decision = decide(&identity, &previous, &observed);
    let status = rendered(&decision, &previous, &observed, &Outcome::default()).status;
    let in_sync = status.condition(ConditionType::InSync).unwrap();
    assert_eq!(in_sync.reason, Reason::Progressing);
    let named = in_sync.message.matches("Role ").count() + in_sync.message.matches("Association ").count();
    assert_eq!(named, 2, "{}", in_sync.message);
}

#[test]
fn missing_role_message_names_who_creates_it() {
    let identity = identity(&spec(Method::PodIdentity));
    let observed = world(&identity);
    let message = |previous: &Status| {
        let decision = decide(&identity, previous, &observed);
        let status = rendered(&decision, previous, &observed, &Outcome::default()).status;
        let role = status.condition(ConditionType::RoleReady).unwrap().clone();
        assert_eq!(role.reason, Reason::RoleMissing);
        role.message
    };
    let first = message(&Status::default());
    assert!(first.contains("Lanyard creates it next"), "{first}");
    let (.., applied) = applied(&spec(Method::PodIdentity));
    let deleted = message(&applied);
    assert!(deleted.contains("was deleted out of band"), "{deleted}");
}

#[test]
fn rollout_of_a_suspended_identity_awaits_a_user() {
    let (.., mut status) = applied(&spec(Method::PodIdentity));
    let at = Timestamp::UNIX_EPOCH;
    let stalled = Verdict::met(Reason::Suspended, "Nothing is changed.");
    let stalled = stalled.into_condition(ConditionType::Stalled, &status, 1, at);
    status.conditions.push(stalled);
    status.transition = Some(TransitionStatus {
        stage: Reason::Preparing,
        stage_transition_time: at,
        start_time: at,
        bound_time: None,
        effective_time: None,
        target_hash: String::new(),
        approval_token: None,
    });
    let state = crate::class::RolloutState::of(&status);
    assert_eq!(state, crate::class::RolloutState::AwaitingUser);
}

#[test]
fn first_binding_names_nodes_that_it_does_not_serve() {
    let (identity, mut observed, previous) = applied(&spec(Method::PodIdentity));
    let on = |place: &str| serde_json::json!({"created": "2026-02-01T12:00:00Z", "credentials": ["podIdentity"], "place": place});
    let pods = serde_json::json!({"items": [on("Fargate"), on("Windows"), on("Reached")], "fresh": true});
    observed.pods = Fact::Present(serde_json::from_value(pods).unwrap());
    let message = |observed: &Observed| {
        let decision = decide(&identity, &previous, observed);
        let status = rendered(&decision, &previous, observed, &Outcome::default()).status;
        status
            .condition(ConditionType::BindingReady)
            .unwrap()
            .message
            .clone()
    };
    let expected = " It does not serve pods on Fargate and Windows, see PodsCurrent.";
    assert!(message(&observed).ends_with(expected), "{}", message(&observed));
    observed.association = Fact::Absent;
    assert!(message(&observed).ends_with(expected), "{}", message(&observed));
    observed.pods = Fact::Present(PodList::default());
    assert!(
        !message(&observed).contains("does not serve"),
        "{}",
        message(&observed)
    );
}
