//! A model of the operator: a reconcile observes the fake world, applies every step of the plan and writes the status.
//! Inputs are an identity and a world; outputs are the changed world, the status and the events. No I/O.

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
use lanyard_core::reconcile::decide::{
    Decision, decide, decide_deletion, roles_to_read, roles_to_read_on_deletion,
};
use lanyard_core::reconcile::deletion_mode::DeletionMode;
use lanyard_core::reconcile::gate::WriteGate;
use lanyard_core::reconcile::outcome::{Outcome, Skip, StepResult};
use lanyard_core::reconcile::plan::WaitReason;
use lanyard_core::reconcile::step::Step;
use lanyard_core::reconcile::summary::{Summary, SummaryInput, summarise};
use lanyard_core::reconcile::transition::{Phase, TransitionState};
use proptest::test_runner::TestCaseError;

use crate::fake_world::{World, apply_step, observe};
use crate::specs::subject;
use crate::unreadable_facts::UnreadableFact;

/// The number of reconciles after which the state has to be steady.
const MAX_RECONCILES: usize = 24;

/// An object and the world.
#[derive(Debug, Clone)]
pub struct Model {
    pub world: World,
    /// The status of the object.
    pub status: Status,
    /// The facts that cannot be read.
    pub unreadable: Vec<UnreadableFact>,
    /// The write gate.
    pub gate: WriteGate,
    pub now: Timestamp,
}

/// The decision and the summary of one reconcile.
#[derive(Debug, Clone)]
pub struct ReconcileRun {
    pub decision: Decision,
    pub summary: Summary,
}

impl Model {
    pub fn new(world: World) -> Self {
        Self {
            world,
            status: Status::default(),
            unreadable: Vec::new(),
            gate: WriteGate::Open,
            now: "2026-03-01T12:00:00Z".parse().unwrap(),
        }
    }

    /// The observed state of a reconcile.
    pub fn observe(&self, identity: &Identity) -> Observed {
        let mut roles = roles_to_read(identity, &self.status, self.world.object.inventory.as_ref());
        roles.extend(
            self.status
                .bindings
                .iter()
                .map(|known| known.binding.role_arn.clone()),
        );
        self.observe_roles(&roles)
    }

    /// The observed state of a reconcile of the deleted object.
    pub fn observe_deletion(&self, identity: Option<&Identity>) -> Observed {
        let inventory = self.inventory(identity);
        let mut observed =
            self.observe_roles(&roles_to_read_on_deletion(&self.status, inventory.as_ref(), None));
        observed.object.inventory = inventory;
        observed
    }

    /// The inventory, or the one that the identity derives if it is lost.
    fn inventory(&self, identity: Option<&Identity>) -> Option<Inventory> {
        let inventory = self.world.object.inventory.clone();
        inventory.or_else(|| identity.map(Identity::inventory))
    }

    fn observe_roles(&self, roles: &[lanyard_core::model::arn::RoleArn]) -> Observed {
        let mut observed = observe(&self.world, roles);
        for fact in &self.unreadable {
            fact.hide_in(&mut observed);
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

    /// The deletion mode of the inventory, since a deletion has no spec here.
    fn deletion_mode(&self, release: bool) -> DeletionMode {
        match release {
            true => DeletionMode::Release,
            false => DeletionMode::of(None, self.world.object.inventory.as_ref()),
        }
    }

    pub fn decide_deletion(&self, identity: Option<&Identity>, release: bool) -> Decision {
        let mode = self.deletion_mode(release);
        decide_deletion(&subject(), &self.status, &self.observe_deletion(identity), mode)
    }

    /// Observes, applies every step and writes the status. A minute passes.
    pub fn reconcile(&mut self, identity: &Identity) -> Result<ReconcileRun, TestCaseError> {
        let observed = self.observe(identity);
        let decision = decide(identity, &self.status, &observed, &Timings::default(), self.now);
        let (outcome, after) = self.apply(decision.plan.steps(), observed)?;
        let summary = self.summarise(&decision, &outcome, &after);
        self.status = summary.status.clone();
        Ok(ReconcileRun { decision, summary })
    }

    /// Reconciles the deleted object.
    pub fn reconcile_deletion(
        &mut self,
        identity: Option<&Identity>,
        release: bool,
    ) -> Result<ReconcileRun, TestCaseError> {
        let observed = self.observe_deletion(identity);
        let decision = decide_deletion(&subject(), &self.status, &observed, self.deletion_mode(release));
        let (outcome, after) = self.apply(decision.plan.steps(), observed)?;
        let summary = self.summarise(&decision, &outcome, &after);
        self.status = summary.status.clone();
        Ok(ReconcileRun { decision, summary })
    }

    /// Applies steps whose answers are lost: the world changes and the status does not.
    pub fn apply_without_answers<'a>(
        &mut self,
        steps: impl Iterator<Item = &'a Step>,
    ) -> Result<(), TestCaseError> {
        self.apply(steps, Observed::unread()).map(drop)
    }

    fn apply<'a>(
        &mut self,
        steps: impl Iterator<Item = &'a Step>,
        mut observed: Observed,
    ) -> Result<(Outcome, Observed), TestCaseError> {
        let mut outcome = Outcome::default();
        for step in steps {
            if !self.gate.permits(step) {
                outcome
                    .steps
                    .push((step.clone(), StepResult::Skipped(Skip::WriteGate)));
                continue;
            }
            let answer = apply_step(&mut self.world, step, self.now).map_err(TestCaseError::fail)?;
            observed.assume(step, &answer);
            outcome.steps.push((step.clone(), StepResult::Done(answer)));
        }
        Ok((outcome, observed))
    }

    pub fn summarise(&mut self, decision: &Decision, outcome: &Outcome, after: &Observed) -> Summary {
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

    /// Reconciles until there is nothing to do, and returns the last run.
    pub fn settle(&mut self, identity: &Identity) -> Result<ReconcileRun, TestCaseError> {
        let mut was_steady = false;
        for _ in 0..MAX_RECONCILES {
            let stage = |status: &Status| status.transition.as_ref().map(|record| record.stage);
            let before = stage(&self.status);
            let run = self.reconcile(identity)?;
            let is_unchanged = stage(&self.status) == before;
            self.simulate_users(identity);
            // The next reconcile reads the missing facts, or is past the propagation, and a transition proceeds.
            let waits = |reason: &WaitReason| matches!(reason, WaitReason::Reading | WaitReason::Propagation);
            let reads_more = run.decision.plan.waiting_for.iter().any(waits);
            let proceeds = matches!(&run.decision.transition, TransitionState::Moving(moving) if !matches!(moving.phase, Phase::Refused(_)))
                && run.decision.plan.waiting_for == [WaitReason::Transition];
            if run.decision.plan.is_empty() && is_unchanged && !proceeds && (was_steady || !reads_more) {
                return Ok(run);
            }
            was_steady = run.decision.plan.is_empty();
        }
        let stuck: Vec<String> = self
            .decide(identity)
            .plan
            .steps()
            .map(ToString::to_string)
            .collect();
        Err(TestCaseError::fail(format!(
            "the state does not become steady: {stuck:?}"
        )))
    }

    /// Approves a pending request and replaces the pods that delay a transition, as users would.
    fn simulate_users(&mut self, identity: &Identity) {
        let Some(record) = &self.status.transition else {
            return;
        };
        if record.approval_token.is_some() {
            self.world.object.approval.clone_from(&record.approval_token);
        }
        let carries = match &identity.binding.settings {
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
            .world
            .pods
            .present_mut()
            .into_iter()
            .flat_map(|pods| &mut pods.items)
        {
            pod.credentials = [carries.clone()].into();
            pod.created = self.now;
        }
    }

    /// Reconciles the deleted object until it has no finalizer.
    pub fn delete(&mut self, identity: Option<&Identity>, release: bool) -> Result<(), TestCaseError> {
        for _ in 0..MAX_RECONCILES {
            let had_finalizer = self.world.object.finalizer;
            let run = self.reconcile_deletion(identity, release)?;
            // The API server removes the object with its last finalizer.
            if run.decision.plan.is_empty() || (had_finalizer && !self.world.object.finalizer) {
                return Ok(());
            }
        }
        Err(TestCaseError::fail("the deletion does not end"))
    }
}
