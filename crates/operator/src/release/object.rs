//! The release of one object, with the same decision and steps as for a suspended object that is deleted.
//! Input: an object. Output: the result. Reads from and writes to AWS and the API server.

use std::collections::BTreeSet;

use kube::Resource;
use lanyard_core::class::ClassEntry;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::observed::Observed;
use lanyard_core::reconcile::decide::{Decision, decide_deletion};
use lanyard_core::reconcile::deletion_mode::DeletionMode;
use lanyard_core::reconcile::gate::WriteGate;
use lanyard_core::reconcile::outcome::{Disposition, Outcome as PlanOutcome, StepResult};
use lanyard_core::reconcile::plan::Plan;
use lanyard_core::reconcile::step::Step;
use lanyard_engine::{Engine, GuardedClient, Scope, release_object};
use serde::Serialize;

use crate::class_state::account_of;
use lanyard_engine::raw::{Decoded, RawIdentity};

/// The result for one object.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectResult {
    /// The namespace of the object.
    pub namespace: String,
    /// The name of the object.
    pub name: String,
    /// The outcome.
    pub outcome: Outcome,
    /// The AWS resources without Lanyard's ownership tags, or those that a release would untag.
    pub released: Vec<String>,
    /// The AWS resources that keep Lanyard's tags.
    pub still_tagged: Vec<TaggedResource>,
    /// The cause of `Held`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The outcome for one object or class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Finalizer and inventory are removed.
    Released,
    /// The finalizer is still set.
    Held,
    /// Not changed, because `--yes` is missing.
    WouldRelease,
}

/// An AWS resource that keeps Lanyard's tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaggedResource {
    /// The resource.
    pub resource: String,
    /// The reason.
    pub reason: String,
}

/// The access to AWS.
#[derive(Clone, Copy)]
pub(super) enum AwsAccess<'a> {
    Available {
        engine: &'a Engine,
        /// The classes, which give the accounts of the roles.
        classes: &'a [ClassEntry],
    },
    Unavailable {
        cause: &'a str,
        guarded: GuardedClient<'a>,
    },
}

impl ObjectResult {
    fn of(object: &RawIdentity, outcome: Outcome) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Self {
            namespace: text(&object.meta().namespace),
            name: text(&object.meta().name),
            outcome,
            released: Vec::new(),
            still_tagged: Vec::new(),
            error: None,
        }
    }

    pub(super) fn key(&self) -> (String, String) {
        (self.namespace.clone(), self.name.clone())
    }
}

impl AwsAccess<'_> {
    /// Returns the result that a release would have, without changes.
    pub(super) async fn would_release(self, object: &RawIdentity) -> ObjectResult {
        let mut result = ObjectResult::of(object, Outcome::WouldRelease);
        match self {
            Self::Unavailable { cause, .. } => result.still_tagged = recorded_resources(object, cause),
            Self::Available { engine, classes } => {
                if let Some((_, observed, decision)) = decide(engine, classes, object).await {
                    result.released = decision.plan.steps().filter_map(resource_of).collect();
                    result.still_tagged = unreadable_resources(&observed);
                }
            }
        }
        result
    }

    /// Releases an object. `is_last`: release it even if AWS refuses to untag its resources for now.
    pub(super) async fn release(self, object: &RawIdentity, is_last: bool) -> ObjectResult {
        match self {
            Self::Available { engine, classes } => release(engine, classes, object, is_last).await,
            Self::Unavailable { cause, guarded } => {
                let mut result = ObjectResult::of(object, Outcome::Released);
                result.still_tagged = recorded_resources(object, cause);
                if let Err(error) = release_object(guarded, object.meta()).await {
                    result.outcome = Outcome::Held;
                    result.error = Some(error.to_string());
                }
                result
            }
        }
    }
}

async fn decide(
    engine: &Engine,
    classes: &[ClassEntry],
    object: &RawIdentity,
) -> Option<(Decoded, Observed, Decision)> {
    let mut decoded = object.decode(&engine.cluster().identity)?;
    decoded.target.access = account_of(classes, &decoded);
    let mode = DeletionMode::Release;
    let read = decoded.deleted(engine.cluster()).scope(mode);
    let scope = Scope::new(&decoded.target, read, Fact::Unreadable(ReadError::NotRead));
    let observed = engine.observe(&scope).await;
    let subject = &decoded.target.subject;
    let decision = decide_deletion(subject, &decoded.status, &observed, mode);
    Some((decoded, observed, decision))
}

/// Replaces the tags first, and then removes finalizer and inventory of the object.
async fn release(
    engine: &Engine,
    classes: &[ClassEntry],
    object: &RawIdentity,
    is_last: bool,
) -> ObjectResult {
    let mut result = ObjectResult::of(object, Outcome::Held);
    let Some((decoded, mut observed, decision)) = decide(engine, classes, object).await else {
        result.error = Some("its name is not valid".to_owned());
        return result;
    };
    result.still_tagged = unreadable_resources(&observed);
    let (tags, control) = split(decision.plan);
    let tagged = apply(engine, &decoded, &tags, &mut observed).await;
    result.released = tagged.done().filter_map(|(step, _)| resource_of(step)).collect();
    let is_temporary = !result.still_tagged.is_empty() || has_temporary_failure(&tagged);
    result.still_tagged.extend(failed_resources(&tagged));
    if is_temporary && !is_last {
        result.error = Some("could not replace the tags of its AWS resources".to_owned());
        return result;
    }
    let released = apply(engine, &decoded, &control, &mut observed).await;
    match released.failure() {
        None if released.all_done() => result.outcome = Outcome::Released,
        None => result.error = Some("the lease was lost during the release".to_owned()),
        Some((_, failure)) => result.error = Some(failure.message.clone()),
    }
    result
}

async fn apply(engine: &Engine, decoded: &Decoded, plan: &Plan, observed: &mut Observed) -> PlanOutcome {
    // Each write checks the lease itself before it is sent.
    let gate = || WriteGate::Open;
    engine
        .apply(&decoded.target, plan, observed, &gate, &|_, _, _| {})
        .await
}

/// Splits a plan into the steps on AWS and the step that releases the object.
fn split(plan: Plan) -> (Plan, Plan) {
    let releases = |step: &Step| matches!(step, Step::ReleaseObject { .. });
    let (control, tags) = plan.waves.into_iter().partition(|wave| wave.iter().any(releases));
    let plan = |waves| Plan {
        waves,
        waiting_for: Vec::new(),
    };
    (plan(tags), plan(control))
}

fn has_temporary_failure(outcome: &PlanOutcome) -> bool {
    outcome.steps.iter().any(|(_, result)| match result {
        StepResult::Failed(failure) | StepResult::Waiting(failure) => {
            failure.disposition == Disposition::RetrySoon
        }
        StepResult::Done(_) | StepResult::Skipped(_) => false,
    })
}

/// The AWS resource whose tags a step changes.
fn resource_of(step: &Step) -> Option<String> {
    match step {
        Step::ReleaseRole { role } => Some(format!("role {role}")),
        Step::ReleaseAssociation {} => Some("the association".to_owned()),
        _ => None,
    }
}

/// The resources whose tags could not be replaced.
fn failed_resources(outcome: &PlanOutcome) -> impl Iterator<Item = TaggedResource> {
    outcome.steps.iter().filter_map(|(step, result)| {
        let reason = match result {
            StepResult::Done(_) => return None,
            StepResult::Failed(failure) | StepResult::Waiting(failure) => failure.message.clone(),
            StepResult::Skipped(_) => "skipped, because an earlier step failed".to_owned(),
        };
        resource_of(step).map(|resource| TaggedResource { resource, reason })
    })
}

/// The resources that could not be read. Their owner is unknown, so they keep their tags.
fn unreadable_resources(observed: &Observed) -> Vec<TaggedResource> {
    let roles = observed.roles.iter().filter_map(|(arn, facts)| {
        let error = facts.id.unreadable().or_else(|| facts.tags.unreadable())?;
        Some(tagged(format!("role {arn}"), error))
    });
    let association = observed.association.unreadable();
    let association = association.map(|error| tagged("the association".to_owned(), error));
    roles.chain(association).collect()
}

fn tagged(resource: String, error: &ReadError) -> TaggedResource {
    let reason = error.to_string();
    TaggedResource { resource, reason }
}

/// The AWS resources that inventory and status record, for a release without AWS.
fn recorded_resources(object: &RawIdentity, cause: &str) -> Vec<TaggedResource> {
    let inventory = object.inventory();
    let entries = inventory.iter().flat_map(|inventory| &inventory.roles);
    let managed = entries.filter(|entry| entry.managed);
    let status = object.decode_status();
    let recorded = status.role.iter().filter(|role| role.id.is_some());
    let roles: BTreeSet<String> = managed
        .map(|entry| entry.arn.to_string())
        .chain(recorded.map(|role| role.arn.to_string()))
        .collect();
    let bound = status
        .bindings
        .iter()
        .filter_map(|binding| binding.association.as_ref());
    let associations = bound.map(|association| format!("association {}", association.id));
    let resources = roles.iter().map(|arn| format!("role {arn}")).chain(associations);
    resources
        .map(|resource| TaggedResource {
            resource,
            reason: cause.to_owned(),
        })
        .collect()
}
