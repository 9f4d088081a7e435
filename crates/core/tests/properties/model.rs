//! The operator as a model: one pass is a look, the steps, and the status of it. Nothing fails unless told to.
//! An identity and a world in, the world after and what was told out. Called by every property.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lanyard_core::identity::Identity;
use lanyard_core::model::binding::MethodSettings;
use lanyard_core::model::inventory::Inventory;
use lanyard_core::model::observed::Observed;
use lanyard_core::model::pods::Credential;
use lanyard_core::model::reason::Reason;
use lanyard_core::model::status::Status;
use lanyard_core::model::timings::Timings;
use lanyard_core::reconcile::decide::{Decision, decide, decide_deletion, roles_of, roles_to_remove};
use lanyard_core::reconcile::deletion_mode::DeletionMode;
use lanyard_core::reconcile::gate::WriteGate;
use lanyard_core::reconcile::outcome::{Outcome, Skip, StepResult};
use lanyard_core::reconcile::plan::WaitReason;
use lanyard_core::reconcile::step::Step;
use lanyard_core::reconcile::summary::{Summary, SummaryInput, summarise};
use lanyard_core::reconcile::transition::{Phase, TransitionState};
use proptest::test_runner::TestCaseError;

use crate::blinds::Blind;
use crate::specs::subject;
use crate::world::{Truth, read, take};

/// Passes after which everything has to have come to rest.
const ROUNDS: usize = 24;

/// One object with the world around it.
#[derive(Debug, Clone)]
pub struct Model {
    pub truth: Truth,
    /// What `status` says now.
    pub status: Status,
    /// What cannot be read for the time being.
    pub blinds: Vec<Blind>,
    /// What may be written.
    pub gate: WriteGate,
    pub now: Timestamp,
}

/// What one pass thought and told.
#[derive(Debug, Clone)]
pub struct Pass {
    pub decision: Decision,
    pub summary: Summary,
}

impl Model {
    pub fn new(truth: Truth) -> Self {
        Self {
            truth,
            status: Status::default(),
            blinds: Vec::new(),
            gate: WriteGate::Open,
            now: "2026-03-01T12:00:00Z".parse().unwrap(),
        }
    }

    /// What a look at the object sees.
    pub fn observe(&self, identity: &Identity) -> Observed {
        let mut roles = roles_of(identity, &self.status, self.truth.object.inventory.as_ref());
        roles.extend(
            self.status
                .bindings
                .iter()
                .map(|known| known.binding.role_arn.clone()),
        );
        self.see(&roles)
    }

    /// What a look at the object that goes sees.
    pub fn observe_removal(&self, identity: Option<&Identity>) -> Observed {
        let inventory = self.inventory(identity);
        let mut observed = self.see(&roles_to_remove(&self.status, inventory.as_ref(), None));
        observed.object.inventory = inventory;
        observed
    }

    /// Custody, or what takes its place where it is lost.
    fn inventory(&self, identity: Option<&Identity>) -> Option<Inventory> {
        let inventory = self.truth.object.inventory.clone();
        inventory.or_else(|| identity.map(Identity::inventory))
    }

    fn see(&self, roles: &[lanyard_core::model::arn::RoleArn]) -> Observed {
        let mut observed = read(&self.truth, roles);
        for blind in &self.blinds {
            blind.put_on(&mut observed);
        }
        observed
    }

    pub fn decide(&self, identity: &Identity) -> Decision {
        decide(
            identity,
            &self.status,
            &self.observe(identity),
            &Timings::default(),
            self.now,
        )
    }

    /// What becomes of everything, as far as custody knows: of the spec there is only what was validated.
    fn leaving(&self, release: bool) -> DeletionMode {
        match release {
            true => DeletionMode::Release,
            false => DeletionMode::of(None, self.truth.object.inventory.as_ref()),
        }
    }

    pub fn decide_deletion(&self, identity: Option<&Identity>, release: bool) -> Decision {
        let leaving = self.leaving(release);
        decide_deletion(&subject(), &self.status, &self.observe_removal(identity), leaving)
    }

    /// Looks, takes every step, writes the status. A minute passes.
    pub fn pass(&mut self, identity: &Identity) -> Result<Pass, TestCaseError> {
        let observed = self.observe(identity);
        let decision = decide(identity, &self.status, &observed, &Timings::default(), self.now);
        let (outcome, after) = self.take(decision.plan.steps(), observed)?;
        let summary = self.tell(&decision, &outcome, &after);
        self.status = summary.status.clone();
        Ok(Pass { decision, summary })
    }

    /// The same for an object that goes.
    pub fn pass_removal(
        &mut self,
        identity: Option<&Identity>,
        release: bool,
    ) -> Result<Pass, TestCaseError> {
        let observed = self.observe_removal(identity);
        let decision = decide_deletion(&subject(), &self.status, &observed, self.leaving(release));
        let (outcome, after) = self.take(decision.plan.steps(), observed)?;
        let summary = self.tell(&decision, &outcome, &after);
        self.status = summary.status.clone();
        Ok(Pass { decision, summary })
    }

    /// Takes steps whose answers are lost: the world changes and the status does not.
    pub fn take_unheard<'a>(&mut self, steps: impl Iterator<Item = &'a Step>) -> Result<(), TestCaseError> {
        self.take(steps, Observed::unread()).map(drop)
    }

    fn take<'a>(
        &mut self,
        steps: impl Iterator<Item = &'a Step>,
        mut seen: Observed,
    ) -> Result<(Outcome, Observed), TestCaseError> {
        let mut outcome = Outcome::default();
        for step in steps {
            if !self.gate.permits(step) {
                outcome
                    .steps
                    .push((step.clone(), StepResult::Skipped(Skip::WriteGate)));
                continue;
            }
            let answer = take(&mut self.truth, step, self.now).map_err(TestCaseError::fail)?;
            seen.assume(step, &answer);
            outcome.steps.push((step.clone(), StepResult::Done(answer)));
        }
        Ok((outcome, seen))
    }

    pub fn tell(&mut self, decision: &Decision, outcome: &Outcome, after: &Observed) -> Summary {
        let summary = summarise(&SummaryInput {
            generation: 1,
            decision,
            outcome,
            after,
            previous: &self.status,
            gate: self.gate,
            timings: &Timings::default(),
            now: self.now,
        });
        self.now += SignedDuration::try_from(Duration::from_secs(60)).unwrap();
        summary
    }

    /// Passes until one has nothing to do; that one is given back.
    pub fn settle(&mut self, identity: &Identity) -> Result<Pass, TestCaseError> {
        let mut rested = false;
        for _ in 0..ROUNDS {
            let stage = |status: &Status| status.transition.as_ref().map(|record| record.stage);
            let before = stage(&self.status);
            let pass = self.pass(identity)?;
            let stands = stage(&self.status) == before;
            self.people_do_their_part(identity);
            // What was not read this time is read the next, and a change of the binding goes on.
            let reads_more = pass.decision.plan.waiting_for.contains(&WaitReason::Reading);
            let goes_on = matches!(&pass.decision.stage, TransitionState::Moving(moving) if !matches!(moving.phase, Phase::Refused(_)))
                && pass.decision.plan.waiting_for == [WaitReason::Transition];
            if pass.decision.plan.is_empty() && stands && !goes_on && (rested || !reads_more) {
                return Ok(pass);
            }
            rested = pass.decision.plan.is_empty();
        }
        let stuck: Vec<String> = self
            .decide(identity)
            .plan
            .steps()
            .map(ToString::to_string)
            .collect();
        Err(TestCaseError::fail(format!("does not come to rest: {stuck:?}")))
    }

    /// Whoever is asked agrees, and pods that hold up a change are replaced.
    fn people_do_their_part(&mut self, identity: &Identity) {
        let Some(record) = &self.status.transition else {
            return;
        };
        if record.approval_token.is_some() {
            self.truth.object.approval.clone_from(&record.approval_token);
        }
        let credential = match &identity.binding.settings {
            MethodSettings::PodIdentity { .. } => Credential::PodIdentity,
            MethodSettings::Irsa { audience, .. } => Credential::WebIdentity {
                role: identity.role_arn().to_string(),
                audience: audience.to_string(),
            },
        };
        if record.stage != Reason::Draining {
            return;
        }
        for pod in self
            .truth
            .pods
            .present_mut()
            .into_iter()
            .flat_map(|pods| &mut pods.items)
        {
            pod.credentials = [credential.clone()].into();
            pod.created = self.now;
        }
    }

    /// Passes over an object that goes, until it is released.
    pub fn remove(&mut self, identity: Option<&Identity>, release: bool) -> Result<(), TestCaseError> {
        for _ in 0..ROUNDS {
            let marked = self.truth.object.finalizer;
            let pass = self.pass_removal(identity, release)?;
            // The API server removes the object with its last finalizer.
            if pass.decision.plan.is_empty() || (marked && !self.truth.object.finalizer) {
                return Ok(());
            }
        }
        Err(TestCaseError::fail("the removal does not come to rest"))
    }
}
