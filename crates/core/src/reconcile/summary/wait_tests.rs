//! Tests of waits that end by themselves: each has its own reason, and its message contains the limit of the wait.

use super::*;
use crate::example::{applied, decide, identity, now, rendered, spec, world};
use crate::model::condition::{Condition, ConditionStatus, ConditionType};
use crate::model::fact::{Fact, ReadError};
use crate::model::observed::{Observed, RoleFacts};
use crate::model::reason::Reason;
use crate::model::spec::Method;
use crate::reconcile::outcome::{Disposition, Outcome, StepFailure, StepResult};
use crate::reconcile::step::Step;

fn condition(status: &Status, kind: ConditionType) -> &Condition {
    status.condition(kind).unwrap()
}

/// The summary of a first reconcile that completes no step.
fn first_summary(observed: &Observed, outcome: &Outcome) -> Summary {
    let identity = identity(&spec(Method::PodIdentity));
    let previous = Status::default();
    let decision = decide(&identity, &previous, observed);
    rendered(&decision, &previous, observed, outcome)
}

/// The conditions after a step of a first reconcile could not complete.
fn after_waiting_step(reason: Reason) -> Status {
    let identity = identity(&spec(Method::PodIdentity));
    let observed = world(&identity);
    let decision = decide(&identity, &Status::default(), &observed);
    let is_binding = |step: &&Step| matches!(step, Step::CreateAssociation { .. });
    let step = decision.plan.steps().find(is_binding).unwrap().clone();
    let failure = StepFailure {
        disposition: Disposition::RetrySoon,
        reason,
        message: "role orders cannot be assumed.".to_owned(),
    };
    let outcome = Outcome {
        steps: vec![(step, StepResult::Waiting(failure))],
    };
    first_summary(&observed, &outcome).status
}

#[test]
fn stale_read_reports_awaiting_consistency() {
    let (identity, mut observed, _) = applied(&spec(Method::PodIdentity));
    let stale = RoleFacts::unreadable(&ReadError::AwaitingConsistency);
    observed.roles.insert(identity.role_arn().clone(), stale);
    let status = first_summary(&observed, &Outcome::default()).status;
    for kind in [ConditionType::RoleReady, ConditionType::InSync] {
        let condition = condition(&status, kind);
        assert_eq!(condition.status, ConditionStatus::Unknown, "{kind:?}");
        assert_eq!(condition.reason, Reason::AwaitingConsistency, "{kind:?}");
        assert!(
            condition
                .message
                .contains("Waiting up to 30s for AWS to show the write."),
            "{}",
            condition.message
        );
    }
    let reconciling = condition(&status, ConditionType::Reconciling);
    assert_eq!(reconciling.reason, Reason::AwaitingConsistency);
}

#[test]
fn failed_read_reports_unreadable() {
    let identity = identity(&spec(Method::PodIdentity));
    let mut observed = world(&identity);
    observed.association = Fact::Unreadable(ReadError::Throttled);
    let status = first_summary(&observed, &Outcome::default()).status;
    assert_eq!(
        condition(&status, ConditionType::InSync).reason,
        Reason::Unreadable
    );
}

#[test]
fn new_association_reports_propagating_with_limit() {
    let (identity, mut observed, previous) = applied(&spec(Method::PodIdentity));
    observed.association.present_mut().unwrap().modified_at = Some(now());
    let decision = decide(&identity, &previous, &observed);
    let summary = rendered(&decision, &previous, &observed, &Outcome::default());
    for kind in [ConditionType::Ready, ConditionType::BindingReady] {
        let condition = condition(&summary.status, kind);
        assert_eq!(condition.status, ConditionStatus::False, "{kind:?}");
        assert_eq!(condition.reason, Reason::Propagating, "{kind:?}");
        assert!(
            condition.message.contains("Waiting up to 10s"),
            "{}",
            condition.message
        );
    }
    assert!(matches!(summary.next, Next::Settled(_)), "{:?}", summary.next);
    assert_eq!(summary.events, vec![], "a wait is not an event");
}

#[test]
fn step_on_invisible_role_reports_propagating_with_limit() {
    let status = after_waiting_step(Reason::Propagating);
    let reconciling = condition(&status, ConditionType::Reconciling);
    assert_eq!(reconciling.reason, Reason::Propagating);
    assert!(
        reconciling.message.contains("AWS can take up to 30s"),
        "{}",
        reconciling.message
    );
}

#[test]
fn step_contradicting_a_read_reports_awaiting_consistency() {
    let status = after_waiting_step(Reason::AwaitingConsistency);
    let reconciling = condition(&status, ConditionType::Reconciling);
    assert_eq!(reconciling.reason, Reason::AwaitingConsistency);
}

#[test]
fn transition_stage_settling_names_its_limit() {
    let (_, mut observed, previous) = applied(&spec(Method::PodIdentity));
    let mut target = spec(Method::PodIdentity);
    target.managed.as_mut().unwrap().name = Some("orders-b".to_owned());
    let identity = identity(&target);
    observed
        .roles
        .insert(identity.role_arn().clone(), RoleFacts::absent());
    let mut status = previous;
    for _ in 0..10 {
        let decision = decide(&identity, &status, &observed);
        status = crate::example::carry_out(&decision, &status, &mut observed).status;
        let transition = status.transition.as_mut().unwrap();
        if transition.stage == Reason::Settling {
            break;
        }
        // The next reconcile is past the wait of this stage.
        transition.stage_transition_time = "2026-03-01T11:00:00Z".parse().unwrap();
    }
    let transitioning = condition(&status, ConditionType::Transitioning);
    assert_eq!(transitioning.reason, Reason::Settling);
    assert!(
        transitioning.message.contains("Waiting up to 1m"),
        "{}",
        transitioning.message
    );
}
