//! Outcome: the result of each step of a plan. The engine fills it and `summarise` reads it. Plain values; no I/O.

use serde::{Deserialize, Serialize};

use crate::model::observed::Association;
use crate::model::reason::Reason;
use crate::reconcile::step::Step;
use lanyard_iam_policy::Document;

/// The results of a plan.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// Each planned step with its result, in order.
    pub steps: Vec<(Step, StepResult)>,
}

/// The result of a step.
#[derive(Debug, Clone, PartialEq)]
pub enum StepResult {
    /// The step took effect.
    Done(Answer),
    /// AWS does not show an earlier change yet. The step is retried soon.
    Waiting(StepFailure),
    /// The step failed.
    Failed(StepFailure),
    /// The step was not tried.
    Skipped(Skip),
}

/// Values that only the answer to a step contains.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Answer {
    /// No values.
    #[default]
    Nothing,
    /// The unique id of the created role.
    RoleId(String),
    /// The created or updated association.
    Association(Box<Association>),
    /// The written trust policy, with the statements of other writers.
    Trust(Document),
}

/// The cause of a skipped step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skip {
    /// A step that it depends on is not done.
    BehindAnother,
    /// The write gate does not permit it.
    WriteGate,
}

/// The failure of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepFailure {
    /// The reaction to the failure.
    pub disposition: Disposition,
    /// The reason of the conditions that report it.
    pub reason: Reason,
    /// The message for users. It contains no unquoted foreign text.
    pub message: String,
}

/// The reaction to a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Disposition {
    /// Retry soon, with backoff.
    RetrySoon,
    /// Retry within a minute, because another tool may be about to make the missing change. If the failure
    /// persists, a user has to act.
    RetryThenStall,
    /// A retry cannot succeed before a change of a policy, a quota or the spec.
    WaitForChange,
}

impl StepResult {
    /// The name of the result, as a metric label.
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

/// Returns whether a removal from a shared trust policy fails because of a statement that only its owner can change.
/// Such a removal does not keep the object: the member has no effect without the ServiceAccount.
fn cannot_end(step: &Step, result: &StepResult) -> bool {
    let reason = match result {
        StepResult::Failed(failure) => Some(failure.reason),
        StepResult::Done(_) | StepResult::Waiting(_) | StepResult::Skipped(_) => None,
    };
    matches!(step, Step::RemoveSubject { .. }) && reason == Some(Reason::PrincipalNotFound)
}

impl Outcome {
    /// The steps that took effect, with their answers.
    pub fn done(&self) -> impl Iterator<Item = (&Step, &Answer)> {
        self.steps.iter().filter_map(|(step, result)| match result {
            StepResult::Done(answer) => Some((step, answer)),
            StepResult::Waiting(_) | StepResult::Failed(_) | StepResult::Skipped(_) => None,
        })
    }

    /// Returns the first failed step, or `None` if no step failed. A step that waits for a change takes
    /// precedence over one that may need a user later, and that one over a step that is only retried.
    #[must_use]
    pub fn failure(&self) -> Option<(&Step, &StepFailure)> {
        let failed = || {
            self.steps.iter().filter_map(|(step, result)| match result {
                StepResult::Failed(failure) => Some((step, failure)),
                StepResult::Done(_) | StepResult::Waiting(_) | StepResult::Skipped(_) => None,
            })
        };
        let with = |disposition| failed().find(|(_, failure)| failure.disposition == disposition);
        with(Disposition::WaitForChange)
            .or_else(|| with(Disposition::RetryThenStall))
            .or_else(|| failed().next())
    }

    /// Returns whether a step failed with this disposition.
    #[must_use]
    pub fn has_failed(&self, disposition: Disposition) -> bool {
        self.steps.iter().any(
            |(_, result)| matches!(result, StepResult::Failed(failure) if failure.disposition == disposition),
        )
    }

    /// Returns the first step that waits for AWS to show an earlier change, or `None` if no step waits.
    #[must_use]
    pub fn waiting(&self) -> Option<(&Step, &StepFailure)> {
        self.steps.iter().find_map(|(step, result)| match result {
            StepResult::Waiting(failure) => Some((step, failure)),
            StepResult::Done(_) | StepResult::Failed(_) | StepResult::Skipped(_) => None,
        })
    }

    /// Returns whether a step depends on one that did not take effect.
    #[must_use]
    pub fn holds_back(&self, step: &Step) -> bool {
        self.steps.iter().any(|(earlier, result)| {
            let is_done = matches!(result, StepResult::Done(_));
            !is_done && step.depends_on(earlier) && !cannot_end(earlier, result)
        })
    }

    /// Returns whether every step took effect.
    #[must_use]
    pub fn all_done(&self) -> bool {
        self.steps
            .iter()
            .all(|(_, result)| matches!(result, StepResult::Done(_)))
    }
}
