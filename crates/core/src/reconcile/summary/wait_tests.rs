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
            condition.message.contains("Waiting up to 20s"),
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
        reconciling.message.contains("AWS can take up to 2m"),
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

/// The status after a first reconcile in which every step succeeded.
fn first_applied(spec: &crate::model::spec::Spec, world: &mut Observed) -> Summary {
    let identity = identity(spec);
    let decision = decide(&identity, &Status::default(), world);
    crate::example::carry_out(&decision, &Status::default(), world)
}

#[test]
fn first_irsa_binding_is_ready_after_propagation() {
    let spec = spec(Method::Irsa);
    let identity = identity(&spec);
    let mut observed = world(&identity);
    let first = first_applied(&spec, &mut observed);
    let binding = condition(&first.status, ConditionType::BindingReady);
    assert_eq!(binding.reason, Reason::Propagating, "{}", binding.message);
    assert_eq!(
        first.next,
        Next::Settled(crate::model::timings::Timings::default().propagation)
    );
    let decision = decide(&identity, &first.status, &observed);
    let second = rendered(&decision, &first.status, &observed, &Outcome::default());
    let ready = condition(&second.status, ConditionType::Ready);
    assert_eq!(
        ready.reason,
        Reason::Propagating,
        "a second reconcile at the same time"
    );
    let later = crate::example::propagated(&identity, first.status, &observed);
    assert_eq!(
        condition(&later, ConditionType::Ready).status,
        ConditionStatus::True
    );
}

#[test]
fn young_role_or_provider_delays_ready() {
    let (identity, observed, status) = applied(&spec(Method::Irsa));
    let reason = |observed: &Observed| {
        let decision = decide(&identity, &status, observed);
        let summary = rendered(&decision, &status, observed, &Outcome::default());
        condition(&summary.status, ConditionType::Ready).reason
    };
    assert_eq!(reason(&observed), Reason::Bound);
    let seconds_ago = |seconds| now() - jiff::SignedDuration::from_secs(seconds);
    for (age, expected) in [(5, Reason::Propagating), (25, Reason::Bound)] {
        let mut young = observed.clone();
        let role = young.roles.get_mut(identity.role_arn()).unwrap();
        role.modified_at = Some(seconds_ago(age));
        assert_eq!(reason(&young), expected, "role, {age} s");
        let mut young = observed.clone();
        young.provider.present_mut().unwrap().modified_at = Some(seconds_ago(age));
        assert_eq!(reason(&young), expected, "provider, {age} s");
    }
}

#[test]
fn repaired_trust_delays_ready() {
    let (identity, mut observed, status) = applied(&spec(Method::Irsa));
    let role = observed.roles.get_mut(identity.role_arn()).unwrap();
    role.trust = Fact::Present(lanyard_iam_policy::Document::of(Vec::new()));
    let decision = decide(&identity, &status, &observed);
    let summary = crate::example::carry_out(&decision, &status, &mut observed);
    let ready = condition(&summary.status, ConditionType::Ready);
    assert_eq!(ready.reason, Reason::Propagating, "{}", ready.message);
}

#[test]
fn removed_foreign_statement_does_not_delay_ready() {
    let (identity, mut observed, status) = applied(&spec(Method::Irsa));
    let role = observed.roles.get_mut(identity.role_arn()).unwrap();
    let trust = role.trust.present().unwrap();
    let foreign = lanyard_iam_policy::Document::from_value(serde_json::json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "Machines", "Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole",
    }]}))
    .unwrap();
    let statements = trust
        .statements()
        .iter()
        .chain(foreign.statements())
        .cloned()
        .collect();
    role.trust = Fact::Present(lanyard_iam_policy::Document::of(statements));
    let decision = decide(&identity, &status, &observed);
    let sets_trust = |step: &Step| matches!(step, Step::SetTrust { admits: false, .. });
    assert!(decision.plan.steps().any(sets_trust), "{:?}", decision.plan);
    let summary = crate::example::carry_out(&decision, &status, &mut observed);
    let ready = condition(&summary.status, ConditionType::Ready);
    assert_eq!(ready.status, ConditionStatus::True, "{}", ready.message);
}

#[test]
fn trust_repaired_by_its_owner_delays_ready() {
    let (identity, mut observed, mut status) = applied(&spec(Method::Irsa));
    let role = observed.roles.get_mut(identity.role_arn()).unwrap();
    let trust = std::mem::replace(
        &mut role.trust,
        Fact::Present(lanyard_iam_policy::Document::of(Vec::new())),
    );
    let decision = decide(&identity, &status, &observed);
    status = rendered(&decision, &status, &observed, &Outcome::default()).status;
    observed.roles.get_mut(identity.role_arn()).unwrap().trust = trust;
    let decision = decide(&identity, &status, &observed);
    status = rendered(&decision, &status, &observed, &Outcome::default()).status;
    let ready = condition(&status, ConditionType::Ready);
    assert_eq!(ready.reason, Reason::Propagating, "{}", ready.message);
}

/// A trust policy that only AWS can evaluate.
fn undecided_trust() -> lanyard_iam_policy::Document {
    lanyard_iam_policy::Document::from_value(serde_json::json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
    }]}))
    .unwrap()
}

#[test]
fn unverifiable_trust_stalls_until_a_user_verifies_it() {
    let (identity, mut observed, status) = applied(&spec(Method::PodIdentity));
    let role = observed.roles.get_mut(identity.role_arn()).unwrap();
    role.trust = Fact::Present(undecided_trust());
    let reconcile = |observed: &Observed| {
        let decision = decide(&identity, &status, observed);
        rendered(&decision, &status, observed, &Outcome::default()).status
    };
    let first = reconcile(&observed);
    assert!(first.condition(ConditionType::Reconciling).is_none());
    let stalled = condition(&first, ConditionType::Stalled);
    assert_eq!(stalled.reason, Reason::TrustNotVerifiable);
    let digest = crate::reconcile::admission::trust_digest(&undecided_trust());
    let annotation = format!("lanyard.dev/verified-trust={digest}");
    assert!(stalled.message.contains(&annotation), "{}", stalled.message);

    observed.object.verified_trust = Some(digest);
    let verified = reconcile(&observed);
    assert!(verified.condition(ConditionType::Stalled).is_none());
    assert_eq!(
        condition(&verified, ConditionType::TrustReady).reason,
        Reason::TrustVerified
    );
    assert_eq!(
        condition(&verified, ConditionType::Ready).status,
        ConditionStatus::True
    );

    observed.object.verified_trust = Some("another".to_owned());
    assert!(reconcile(&observed).condition(ConditionType::Stalled).is_some());
}

#[test]
fn unverifiable_trust_does_not_replace_a_working_binding() {
    let mut existing = spec(Method::Irsa);
    existing.managed = None;
    existing.existing = Some(crate::model::spec::ExistingRoleSpec {
        arn: "arn:aws:iam::111122223333:role/team/orders".to_owned(),
        ..Default::default()
    });
    let before = identity(&existing);
    let mut observed = world(&before);
    let role = observed.roles.get_mut(before.role_arn()).unwrap();
    role.id = Fact::Present("AROA1".to_owned());
    role.tags = Fact::Present([].into());
    let statement = crate::reconcile::desired::statement_for(&before, &before.binding, "Owner");
    role.trust = Fact::Present(lanyard_iam_policy::Document::of(vec![statement]));
    let decision = decide(&before, &Status::default(), &observed);
    let status = crate::example::carry_out(&decision, &Status::default(), &mut observed).status;
    let status = crate::example::propagated(&before, status, &observed);
    assert_eq!(
        condition(&status, ConditionType::Ready).status,
        ConditionStatus::True
    );

    existing.method = Some(Method::PodIdentity);
    let target = identity(&existing);
    observed.roles.get_mut(target.role_arn()).unwrap().trust = Fact::Present(undecided_trust());
    observed.pods = serde_json::from_value(serde_json::json!({"present": {"fresh": true, "items": [{
        "credentials": [{"webIdentity": {"role": before.role_arn().to_string(), "audience": ""}}],
        "created": "2026-02-01T12:00:00Z",
    }]}}))
    .unwrap();
    let decision = decide(&target, &status, &observed);
    let binds = |step: &Step| matches!(step, Step::CreateAssociation { .. });
    assert!(!decision.plan.steps().any(binds), "{:?}", decision.plan);
    observed.object.verified_trust = Some(crate::reconcile::admission::trust_digest(&undecided_trust()));
    let decision = decide(&target, &status, &observed);
    let phase = match &decision.transition {
        crate::reconcile::transition::TransitionState::Moving(transition) => transition.phase.reason(),
        other => panic!("{other:?}"),
    };
    assert_eq!(phase, Reason::Propagating);
}

#[test]
fn service_account_is_created_after_propagation() {
    for method in [Method::Irsa, Method::PodIdentity] {
        let mut spec = spec(method);
        spec.create_service_account = true;
        let identity = identity(&spec);
        let mut observed = world(&identity);
        observed.service_account = Fact::Absent;
        let first = first_applied(&spec, &mut observed);
        assert!(observed.service_account.is_absent(), "{method:?}");
        let binding = condition(&first.status, ConditionType::BindingReady);
        assert_eq!(binding.reason, Reason::Propagating, "{method:?}");
        assert!(matches!(first.next, Next::Settled(_)), "{:?}", first.next);
        let decision = decide(&identity, &first.status, &observed);
        assert!(decision.plan.is_empty(), "{:?}", decision.plan);
        let later = crate::example::propagated(&identity, first.status, &observed);
        let decision = decide(&identity, &later, &observed);
        let steps: Vec<&Step> = decision.plan.steps().collect();
        assert!(
            matches!(steps.as_slice(), [Step::Annotate { create: true, .. }]),
            "{steps:?}"
        );
    }
}
