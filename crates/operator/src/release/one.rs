//! One object that is let go: the same look, plan and steps with which the operator releases a suspended object that is
//! deleted. An object in, an account of what was done with it out. Talks to AWS and the API server.

use std::collections::BTreeSet;

use kube::Resource;
use lanyard_core::class::ClassEntry;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::observed::Observed;
use lanyard_core::reconcile::decide::{Decision, decide_deletion};
use lanyard_core::reconcile::deletion_mode::DeletionMode;
use lanyard_core::reconcile::gate::WriteGate;
use lanyard_core::reconcile::outcome::{Disposition, Outcome as Became, StepResult};
use lanyard_core::reconcile::plan::Plan;
use lanyard_core::reconcile::step::Step;
use lanyard_engine::{Engine, GuardedClient, let_go};
use serde::Serialize;

use crate::classes::account_of;
use crate::raw::{Decoded, RawIdentity};
use crate::reconcile::removal_scope;

/// What became of one object.
#[derive(Debug, Clone, Serialize)]
pub struct Account {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Whether it is free.
    pub outcome: Outcome,
    /// What in AWS is no longer Lanyard's, or would not be.
    pub released: Vec<String>,
    /// What in AWS still carries Lanyard's tags.
    pub left: Vec<Left>,
    /// Why it is still held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Whether an object is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Finalizer and custody are off.
    Released,
    /// The finalizer is still on.
    Held,
    /// Nothing was done, since nobody said `--yes`.
    WouldRelease,
}

/// A thing in AWS that keeps Lanyard's tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Left {
    /// Which thing.
    pub what: String,
    /// What is in the way.
    pub why: String,
}

/// The way to AWS, if there is one.
#[derive(Clone, Copy)]
pub(super) enum AwsSide<'a> {
    Reached {
        engine: &'a Engine,
        /// The classes, which say in which account roles are.
        classes: &'a [ClassEntry],
    },
    Silent {
        why: &'a str,
        guarded: GuardedClient<'a>,
    },
}

impl Account {
    fn of(object: &RawIdentity, outcome: Outcome) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Self {
            namespace: text(&object.meta().namespace),
            name: text(&object.meta().name),
            outcome,
            released: Vec::new(),
            left: Vec::new(),
            error: None,
        }
    }

    pub(super) fn key(&self) -> (String, String) {
        (self.namespace.clone(), self.name.clone())
    }
}

impl AwsSide<'_> {
    /// Says what a release would do.
    pub(super) async fn would_release(self, object: &RawIdentity) -> Account {
        let mut account = Account::of(object, Outcome::WouldRelease);
        match self {
            Self::Silent { why, .. } => account.left = unreached(object, why),
            Self::Reached { engine, classes } => {
                if let Some((_, observed, decision)) = look_at(engine, classes, object).await {
                    account.released = decision.plan.steps().filter_map(thing).collect();
                    account.left = unread(&observed);
                }
            }
        }
        account
    }

    /// Lets an object go. `last`: it goes even if AWS could let us tag its things at another try.
    pub(super) async fn release(self, object: &RawIdentity, last: bool) -> Account {
        match self {
            Self::Reached { engine, classes } => release(engine, classes, object, last).await,
            Self::Silent { why, guarded } => {
                let mut account = Account::of(object, Outcome::Released);
                account.left = unreached(object, why);
                if let Err(error) = let_go(guarded, object.meta()).await {
                    account.outcome = Outcome::Held;
                    account.error = Some(error.to_string());
                }
                account
            }
        }
    }
}

async fn look_at(
    engine: &Engine,
    classes: &[ClassEntry],
    object: &RawIdentity,
) -> Option<(Decoded, Observed, Decision)> {
    let mut decoded = object.decode(&engine.cluster().identity)?;
    decoded.target.access = account_of(classes, &decoded);
    let scope = removal_scope(&decoded, engine.cluster(), Fact::Unreadable(ReadError::NotRead));
    let observed = engine.observe(&scope).await;
    let subject = &decoded.target.subject;
    let decision = decide_deletion(subject, &decoded.status, &observed, DeletionMode::Release);
    Some((decoded, observed, decision))
}

/// The tags first and, when they are what they can be, the object.
async fn release(engine: &Engine, classes: &[ClassEntry], object: &RawIdentity, last: bool) -> Account {
    let mut account = Account::of(object, Outcome::Held);
    let Some((decoded, mut observed, decision)) = look_at(engine, classes, object).await else {
        account.error = Some("its name cannot be read".to_owned());
        return account;
    };
    account.left = unread(&observed);
    let (tags, control) = parted(decision.plan);
    let tagged = apply(engine, &decoded, &tags, &mut observed).await;
    account.released = tagged.done().filter_map(|(step, _)| thing(step)).collect();
    let passing = !account.left.is_empty() || has_passing_trouble(&tagged);
    account.left.extend(untagged(&tagged));
    if passing && !last {
        account.error = Some("AWS does not let its things be tagged for the moment".to_owned());
        return account;
    }
    let freed = apply(engine, &decoded, &control, &mut observed).await;
    match freed.failure() {
        None if freed.all_done() => account.outcome = Outcome::Released,
        None => account.error = Some("the lease was lost on the way".to_owned()),
        Some((_, trouble)) => account.error = Some(trouble.message.clone()),
    }
    account
}

async fn apply(engine: &Engine, decoded: &Decoded, plan: &Plan, observed: &mut Observed) -> Became {
    // Every write asks the lease for itself, on its way out.
    let gate = || WriteGate::Open;
    engine
        .apply(&decoded.target, plan, observed, &gate, &|_, _, _| {})
        .await
}

/// The steps on AWS, and the one that frees the object.
fn parted(plan: Plan) -> (Plan, Plan) {
    let frees = |step: &Step| matches!(step, Step::ReleaseObject { .. });
    let (control, tags) = plan.waves.into_iter().partition(|stage| stage.iter().any(frees));
    let plan = |stages| Plan {
        waves: stages,
        waiting_for: Vec::new(),
    };
    (plan(tags), plan(control))
}

fn has_passing_trouble(outcome: &Became) -> bool {
    outcome.steps.iter().any(|(_, ended)| match ended {
        StepResult::Failed(trouble) | StepResult::Waiting(trouble) => {
            trouble.disposition == Disposition::RetrySoon
        }
        StepResult::Done(_) | StepResult::Skipped(_) => false,
    })
}

/// The thing whose tags a step changes.
fn thing(step: &Step) -> Option<String> {
    match step {
        Step::ReleaseRole { role } => Some(format!("role {role}")),
        Step::ReleaseAssociation {} => Some("the association".to_owned()),
        _ => None,
    }
}

fn untagged(outcome: &Became) -> impl Iterator<Item = Left> {
    outcome.steps.iter().filter_map(|(step, ended)| {
        let why = match ended {
            StepResult::Done(_) => return None,
            StepResult::Failed(trouble) | StepResult::Waiting(trouble) => trouble.message.clone(),
            StepResult::Skipped(_) => "not tried, since a step before it failed".to_owned(),
        };
        thing(step).map(|what| Left { what, why })
    })
}

/// What could not be read cannot be known to be ours, so it keeps what tags it has.
fn unread(observed: &Observed) -> Vec<Left> {
    let roles = observed.roles.iter().filter_map(|(arn, facts)| {
        let why = facts.id.unreadable().or_else(|| facts.tags.unreadable())?;
        Some(left(format!("role {arn}"), why))
    });
    let association = observed.association.unreadable();
    let association = association.map(|why| left("the association".to_owned(), why));
    roles.chain(association).collect()
}

fn left(what: String, why: &ReadError) -> Left {
    let why = why.to_string();
    Left { what, why }
}

/// What the object's own notes say is in AWS, where nobody can be asked.
fn unreached(object: &RawIdentity, why: &str) -> Vec<Left> {
    let inventory = object.inventory();
    let entry = inventory.iter().flat_map(|inventory| &inventory.roles);
    let managed = entry.filter(|entry| entry.managed);
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
    let things = roles.iter().map(|arn| format!("role {arn}")).chain(associations);
    let why = why.to_owned();
    things
        .map(|what| Left {
            what,
            why: why.clone(),
        })
        .collect()
}
