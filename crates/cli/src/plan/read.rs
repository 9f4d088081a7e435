//! The plan of one object by reading AWS and the cluster, as the operator does. Input: a decoded object. Output: its item. Reads
//! through the engine; the decision is core's.

use jiff::Timestamp;
use lanyard_core::model::condition::ConditionType;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::observed::{Annotation, Observed, ServiceAccount};
use lanyard_core::model::text::quote;
use lanyard_core::reconcile::decide::{Decision, decide, decide_deletion};
use lanyard_core::reconcile::deletion_mode::DeletionMode;
use lanyard_core::reconcile::diff::{Cause, Difference};
use lanyard_core::reconcile::gate::{Reporting, WriteGate};
use lanyard_core::reconcile::outcome::Outcome;
use lanyard_core::reconcile::plan::WaitReason;
use lanyard_core::reconcile::scope::{ReadScope, live_scope};
use lanyard_core::reconcile::step::StepEffect;
use lanyard_core::reconcile::summary::{Summary, SummaryInput, summarise};
use lanyard_engine::raw::Decoded;
use lanyard_engine::{Engine, Scope};

use super::class_facts::ClassFacts;
use super::collect::Candidate;
use super::decision::{Accepted, accepted};
use super::item::{DriftLine, PlanItem};
use super::steps::planned_steps;
use super::unread::unread;

/// The field manager of annotations that only a file has.
const FILE_MANAGER: &str = "the file";

/// The prefix of the annotations of ServiceAccounts that the engine reads.
const EKS: &str = "eks.amazonaws.com/";

/// Plans one object. With `known` facts, nothing is read.
pub(super) async fn plan(
    item: PlanItem,
    decoded: &Decoded,
    candidate: &Candidate,
    (engine, known): (&Engine, Option<Observed>),
    facts: &ClassFacts,
    now: Timestamp,
) -> PlanItem {
    if decoded.is_deleting {
        return deletion(item, decoded, engine, now).await;
    }
    let (item, Accepted { identity, .. }) = match accepted(item, decoded, engine.cluster(), facts) {
        Ok(accepted) => accepted,
        Err(item) => return *item,
    };
    let inventory = decoded.target.control.inventory.as_ref();
    let mut observed = match known {
        Some(known) => Observed {
            object: decoded.target.control.clone(),
            ..known
        },
        None => observe(decoded, engine, live_scope(&identity, &decoded.status, inventory)).await,
    };
    add_account(&mut observed, candidate);
    let timings = engine.timings().with_rollout_policy(identity.queue.as_ref());
    engine
        .observe_surroundings(&identity, &decoded.status, &mut observed, &timings, now)
        .await;
    let decision = decide(&identity, &decoded.status, &observed, &timings, now);
    filled(item, decoded, &decision, &observed, engine, now)
}

/// The plan of an object that is being deleted.
async fn deletion(item: PlanItem, decoded: &Decoded, engine: &Engine, now: Timestamp) -> PlanItem {
    let inventory = decoded.target.control.inventory.as_ref();
    let mode = DeletionMode::of(decoded.spec.as_ref().ok(), inventory);
    let deleted = decoded.deleted(engine.cluster());
    let mut observed = observe(decoded, engine, deleted.scope(mode)).await;
    observed.object.inventory = deleted.inventory();
    let decision = decide_deletion(&decoded.target.subject, &decoded.status, &observed, mode);
    filled(item, decoded, &decision, &observed, engine, now)
}

/// Pods that only count for the status are not read.
async fn observe(decoded: &Decoded, engine: &Engine, scope: ReadScope) -> Observed {
    let scope = Scope::new(&decoded.target, scope, Fact::Unreadable(ReadError::NotRead));
    engine.observe(&scope).await
}

/// A ServiceAccount that is only in the files counts as applied.
fn add_account(observed: &mut Observed, candidate: &Candidate) {
    let (Some(annotations), Fact::Absent) = (&candidate.account, &observed.service_account) else {
        return;
    };
    let ours = annotations.iter().filter(|(key, _)| key.starts_with(EKS));
    let annotation = |(key, value): &(String, String)| {
        let manager = Some(FILE_MANAGER.to_owned());
        let annotation = Annotation {
            value: value.clone(),
            ours: false,
            manager,
        };
        (key.clone(), annotation)
    };
    observed.service_account = Fact::Present(ServiceAccount {
        annotations: ours.map(annotation).collect(),
        ..ServiceAccount::default()
    });
}

fn filled(
    mut item: PlanItem,
    decoded: &Decoded,
    decision: &Decision,
    observed: &Observed,
    engine: &Engine,
    now: Timestamp,
) -> PlanItem {
    item.suspended = decoded.is_suspended();
    let gate = match item.suspended {
        true => WriteGate::ReportOnly(Reporting::Suspended),
        false => WriteGate::Open,
    };
    item.steps = planned_steps(decision, observed, gate);
    item.waiting_for = decision
        .plan
        .waiting_for
        .iter()
        .map(|reason| waits_for(*reason).to_owned())
        .collect();
    if decision.plan.waiting_for.contains(&WaitReason::Transition) {
        let later = [StepEffect::Narrows, StepEffect::Unbinds];
        item.later_effects = later.map(StepEffect::as_str).to_vec();
    }
    item.drift = decision.drift.differences.iter().map(drift_line).collect();
    item.unread.extend(unread(observed, &decision.transition));
    let summary = summarise(&SummaryInput {
        generation: decoded.generation,
        decision,
        outcome: &Outcome::default(),
        after: observed,
        previous: &decoded.status,
        gate,
        timings: engine.timings(),
        now,
    });
    item.messages.splice(0..0, messages(&summary));
    item
}

/// The messages with which the operator would report obstacles and a transition.
fn messages(summary: &Summary) -> Vec<String> {
    let shown = [ConditionType::Stalled, ConditionType::Transitioning];
    let conditions = shown.iter().filter_map(|kind| summary.status.condition(*kind));
    conditions.map(|condition| condition.message.clone()).collect()
}

fn waits_for(reason: WaitReason) -> &'static str {
    match reason {
        WaitReason::Role => "the existing role to be created",
        WaitReason::Trust => "the trust policy of the existing role to admit the ServiceAccount",
        WaitReason::Provider => "the OIDC provider to exist and to accept the audience",
        WaitReason::Agent => "the EKS Pod Identity Agent to be ready",
        WaitReason::Webhook => "the pod identity webhook to be installed",
        WaitReason::ServiceAccount => "the ServiceAccount to be created",
        WaitReason::Propagation => "recent changes to reach new pods, before it creates the ServiceAccount",
        WaitReason::Conflict => "a conflict to be resolved",
        WaitReason::Pods => "the last pod of the ServiceAccount to terminate",
        WaitReason::Reading => "a fact to become readable",
        WaitReason::Transition => "the next stage of the transition, with further steps",
    }
}

fn drift_line(difference: &Difference) -> DriftLine {
    DriftLine {
        resource: difference.field.resource().as_str(),
        field: difference.field.to_string(),
        cause: match difference.cause {
            Cause::Spec => "spec",
            Cause::Frozen => "frozen",
            Cause::OutOfBand => "outOfBand",
            Cause::Contested => "contested",
            Cause::Unmanaged => "unmanaged",
            Cause::Adopted => "adopted",
            Cause::Unreadable(_) => "unreadable",
        },
        desired: difference.desired.as_ref().map(|value| quote(&value.text)),
        observed: difference.observed.as_ref().map(|value| quote(&value.text)),
    }
}
