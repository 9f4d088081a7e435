//! Apply: takes the steps of a plan in order, asks the gate before each, and says what became of every one.
//! A plan and the facts in; the outcome out, and the facts as the done steps left them. The only writer to AWS.

use std::time::Duration;

use lanyard_core::model::observed::Observed;
use lanyard_core::model::reason::Reason;
use lanyard_core::reconcile::gate::WriteGate;
use lanyard_core::reconcile::outcome::{Disposition, Outcome, Skip, StepResult};
use lanyard_core::reconcile::plan::Plan;
use lanyard_core::reconcile::step::Step;

use crate::Engine;
use crate::error::EngineError;
use crate::object::Target;

/// What is told of each step as it ends: the step, how it ended, and how long it took.
pub type StepMeter<'a> = &'a (dyn Fn(&Step, &StepResult, Duration) + Sync);

/// Before letting go is tried again.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];

/// Whether a step has only this pass: the object goes after it, whatever came of it, and nobody comes back. So what
/// passes by itself, such as a lost answer, is not to cost the role its release.
fn lets_go(step: &Step) -> bool {
    matches!(step, Step::ReleaseRole { .. } | Step::ReleaseAssociation {})
}

impl Engine {
    /// Applies a plan. A step that does not take effect keeps those of later stages from being tried; nothing stops
    /// the outcome from being told.
    pub async fn apply(
        &self,
        target: &Target,
        plan: &Plan,
        observed: &mut Observed,
        gate: &(dyn Fn() -> WriteGate + Sync),
        meter: StepMeter<'_>,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let mut held_up = false;
        for stage in &plan.waves {
            let mut all_done = true;
            for step in stage {
                let began = std::time::Instant::now();
                let ended = self.take(target, step, observed, gate, held_up).await;
                meter(step, &ended, began.elapsed());
                if let StepResult::Done(answer) = &ended {
                    observed.assume(step, answer);
                    self.remember(target, step, observed).await;
                } else {
                    all_done = false;
                }
                outcome.steps.push((step.clone(), ended));
            }
            held_up |= !all_done;
        }
        outcome
    }

    async fn take(
        &self,
        target: &Target,
        step: &Step,
        observed: &Observed,
        gate: &(dyn Fn() -> WriteGate + Sync),
        held_up: bool,
    ) -> StepResult {
        if held_up && !matches!(step, Step::ReleaseObject { regardless: true }) {
            return StepResult::Skipped(Skip::BehindAnother);
        }
        if !gate().permits(step) {
            return StepResult::Skipped(Skip::WriteGate);
        }
        let mut performed = self.perform(target, step, observed).await;
        for pause in PAUSES.into_iter().filter(|_| lets_go(step)) {
            match &performed {
                Err(error) if error.step_failure(false).disposition == Disposition::RetrySoon => {}
                _ => break,
            }
            tokio::time::sleep(pause).await;
            performed = self.perform(target, step, observed).await;
        }
        match performed {
            Ok(answer) => StepResult::Done(answer),
            Err(error) => self.failed(step, observed, &error),
        }
    }

    /// AWS shows a role to other services late: right after our own write, not being seen is waiting and not failure.
    /// A binding is only planned on a role that was seen to be there and to let the subject in, so what EKS says
    /// against it is never the last word.
    fn failed(&self, step: &Step, observed: &Observed, error: &EngineError) -> StepResult {
        let binds = matches!(
            step,
            Step::CreateAssociation { .. } | Step::UpdateAssociation { .. }
        );
        let young = binds || observed.roles.keys().any(|arn| self.recent().touched_role(arn));
        let trouble = error.step_failure(young);
        tracing::debug!(step = step.as_str(), error = %error, "a step did not take effect");
        if trouble.reason == Reason::Settling && trouble.disposition == Disposition::RetrySoon {
            StepResult::Waiting(trouble)
        } else {
            StepResult::Failed(trouble)
        }
    }
}
