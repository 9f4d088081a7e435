//! Tests of steps that fail because a policy does not exist yet: awaited first, and stalled if that persists. No I/O.

use super::*;
use crate::example::{decide, identity, now, spec, world};
use crate::model::condition::{Condition, ConditionType};
use crate::model::reason::Reason;
use crate::model::spec::Method;
use crate::model::timings::Timings;
use crate::reconcile::gate::WriteGate;
use crate::reconcile::outcome::{Disposition, Outcome, StepFailure, StepResult};
use crate::reconcile::step::Step;

fn condition(status: &Status, kind: ConditionType) -> &Condition {
    status.condition(kind).unwrap()
}

/// The summary of a reconcile at a time in which the attachment of a policy failed.
fn missing_policy(previous: &Status, minutes: i64) -> Summary {
    let mut spec = spec(Method::PodIdentity);
    let policy = "arn:aws:iam::111122223333:policy/team";
    spec.managed.as_mut().unwrap().policy_arns = vec![policy.to_owned()];
    let identity = identity(&spec);
    let observed = world(&identity);
    let decision = decide(&identity, previous, &observed);
    let attach = |step: &&Step| matches!(step, Step::AttachPolicy { .. });
    let step = decision.plan.steps().find(attach).unwrap().clone();
    let failure = StepFailure {
        disposition: Disposition::RetryThenStall,
        reason: Reason::PolicyNotFound,
        message: format!("Policy {policy} does not exist."),
    };
    let outcome = Outcome {
        steps: vec![(step, StepResult::Failed(failure))],
    };
    summarise(&SummaryInput {
        generation: 1,
        decision: &decision,
        outcome: &outcome,
        after: &observed,
        previous,
        gate: WriteGate::Open,
        timings: &Timings::default(),
        now: now() + jiff::SignedDuration::from_mins(minutes),
    })
}

#[test]
fn missing_policy_is_awaited_before_it_stalls() {
    let first = missing_policy(&Status::default(), 0);
    let second = missing_policy(&first.status, 1);
    for summary in [&first, &second] {
        assert_eq!(summary.next, Next::After(Timings::default().waiting));
        assert!(summary.status.condition(ConditionType::Stalled).is_none());
        let reason = |kind| condition(&summary.status, kind).reason;
        assert_eq!(reason(ConditionType::Reconciling), Reason::PolicyNotFound);
        assert_eq!(reason(ConditionType::Ready), Reason::PolicyNotFound);
    }
    let third = missing_policy(&second.status, 2);
    let fourth = missing_policy(&third.status, 30);
    for summary in [&third, &fourth] {
        assert_eq!(summary.next, Next::After(Timings::default().waiting));
        let stalled = condition(&summary.status, ConditionType::Stalled);
        let ready = condition(&summary.status, ConditionType::Ready);
        assert_eq!(stalled.reason, Reason::PolicyNotFound);
        assert_eq!((ready.reason, &ready.message), (stalled.reason, &stalled.message));
        assert_eq!(
            stalled
                .message
                .matches("arn:aws:iam::111122223333:policy/team")
                .count(),
            1,
            "{}",
            stalled.message
        );
    }
}
