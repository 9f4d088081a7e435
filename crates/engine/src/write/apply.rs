//! Applies the steps of a plan in order, with a check of the write gate before each. Input: a plan and the
//! facts. Output: the outcome, and the facts as changed by the done steps. Does I/O: all writes of a reconcile
//! except its status.

use std::time::Duration;

use lanyard_core::model::observed::Observed;
use lanyard_core::model::reason::Reason;
use lanyard_core::reconcile::gate::WriteGate;
use lanyard_core::reconcile::outcome::{Disposition, Outcome, Skip, StepResult};
use lanyard_core::reconcile::plan::Plan;
use lanyard_core::reconcile::step::Step;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::target::Target;

/// Called for each finished step, with its result and duration.
pub type StepMeter<'a> = &'a (dyn Fn(&Step, &StepResult, Duration) + Sync);

/// Pauses before a release step is retried.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];

/// Returns true if a step has only this attempt, because the object is deleted after it regardless of the result. A
/// transient error must not prevent the release of the role.
fn is_release(step: &Step) -> bool {
    matches!(step, Step::ReleaseRole { .. } | Step::ReleaseAssociation {})
}

impl Engine {
    /// Applies a plan. A failed step skips the steps that depend on it. The outcome is always returned.
    pub async fn apply(
        &self,
        target: &Target,
        plan: &Plan,
        observed: &mut Observed,
        gate: &(dyn Fn() -> WriteGate + Sync),
        meter: StepMeter<'_>,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        for step in plan.steps() {
            let start = std::time::Instant::now();
            let result = match outcome.holds_back(step) {
                true => StepResult::Skipped(Skip::BehindAnother),
                false => self.apply_step(target, step, observed, gate).await,
            };
            meter(step, &result, start.elapsed());
            if let StepResult::Done(answer) = &result {
                observed.assume(step, answer);
                self.remember(target, step, observed).await;
            }
            outcome.steps.push((step.clone(), result));
        }
        outcome
    }

    async fn apply_step(
        &self,
        target: &Target,
        step: &Step,
        observed: &Observed,
        gate: &(dyn Fn() -> WriteGate + Sync),
    ) -> StepResult {
        if !gate().permits(step) {
            return StepResult::Skipped(Skip::WriteGate);
        }
        let mut performed = self.perform(target, step, observed).await;
        for pause in PAUSES.into_iter().filter(|_| is_release(step)) {
            match &performed {
                Err(error) if error.step_failure(false).disposition == Disposition::RetrySoon => {}
                _ => break,
            }
            tokio::time::sleep(pause).await;
            performed = self.perform(target, step, observed).await;
        }
        match performed {
            Ok(answer) => StepResult::Done(answer),
            Err(error) => self.failed(target, step, &error),
        }
    }

    /// AWS shows a new role to other services late. An error about a role or association that Lanyard wrote a
    /// moment ago is a reason to wait, not a failure.
    fn failed(&self, target: &Target, step: &Step, error: &EngineError) -> StepResult {
        let after_own_write =
            self.recent_writes()
                .propagating()
                .concerns(&target.subject, step, std::time::Instant::now());
        let failure = error.step_failure(after_own_write);
        tracing::debug!(step = step.as_str(), error = %error, "a step failed");
        let is_visible_later = matches!(failure.reason, Reason::Propagating | Reason::AwaitingConsistency);
        if is_visible_later && failure.disposition == Disposition::RetrySoon {
            StepResult::Waiting(failure)
        } else {
            StepResult::Failed(failure)
        }
    }
}
