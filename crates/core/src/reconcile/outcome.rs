//! Outcome: what became of each step. The engine fills it; `summarise` reads it. Pure values.

use serde::{Deserialize, Serialize};

use crate::model::observed::Association;
use crate::model::reason::Reason;
use crate::reconcile::step::Step;
use lanyard_iam_policy::Document;

/// What became of a plan.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// Each step that was planned, in order.
    pub steps: Vec<(Step, StepResult)>,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq)]
pub enum StepResult {
    /// It took effect, and this is what the answer told.
    Done(Answer),
    /// AWS does not see an earlier step yet; the same step will be tried again soon.
    Waiting(StepFailure),
    /// It failed.
    Failed(StepFailure),
    /// It was not tried.
    Skipped(Skip),
}

/// What the answer to a step told that nobody could know before.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Answer {
    /// Nothing.
    #[default]
    Nothing,
    /// The unique id of the role that was created.
    RoleId(String),
    /// The association that was created or updated.
    Association(Box<Association>),
    /// The trust policy that was written, with whatever else stands in it.
    Trust(Document),
}

/// Why a step was not tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skip {
    /// A step before it is not done.
    BehindAnother,
    /// The gate does not permit it.
    WriteGate,
}

/// What went wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepFailure {
    /// Whether trying again can help.
    pub disposition: Disposition,
    /// The word for it.
    pub reason: Reason,
    /// The sentence for it, safe to show.
    pub message: String,
}

/// What to do about trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Disposition {
    /// Try again soon, with backoff.
    RetrySoon,
    /// Trying again does not help until something changes: a person, a policy, a quota, the spec.
    WaitForChange,
}

impl StepResult {
    /// The word for it, as a metric label.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Done(_) => "done",
            Self::Waiting(_) => "waiting",
            Self::Failed(_) => "failed",
            Self::Skipped(_) => "skipped",
        }
    }
}

impl Outcome {
    /// The steps that took effect, with what their answers told.
    pub fn done(&self) -> impl Iterator<Item = (&Step, &Answer)> {
        self.steps.iter().filter_map(|(step, ended)| match ended {
            StepResult::Done(answer) => Some((step, answer)),
            StepResult::Waiting(_) | StepResult::Failed(_) | StepResult::Skipped(_) => None,
        })
    }

    /// The first step that failed, with its trouble: one that waits for a change goes before one that will be retried.
    #[must_use]
    pub fn failure(&self) -> Option<(&Step, &StepFailure)> {
        let failed = || {
            self.steps.iter().filter_map(|(step, ended)| match ended {
                StepResult::Failed(trouble) => Some((step, trouble)),
                StepResult::Done(_) | StepResult::Waiting(_) | StepResult::Skipped(_) => None,
            })
        };
        failed()
            .find(|(_, trouble)| trouble.disposition == Disposition::WaitForChange)
            .or_else(|| failed().next())
    }

    /// The first step that waits for AWS to see an earlier one.
    #[must_use]
    pub fn waiting(&self) -> Option<(&Step, &StepFailure)> {
        self.steps.iter().find_map(|(step, ended)| match ended {
            StepResult::Waiting(trouble) => Some((step, trouble)),
            StepResult::Done(_) | StepResult::Failed(_) | StepResult::Skipped(_) => None,
        })
    }

    /// Whether every step took effect.
    #[must_use]
    pub fn all_done(&self) -> bool {
        self.steps
            .iter()
            .all(|(_, ended)| matches!(ended, StepResult::Done(_)))
    }
}
