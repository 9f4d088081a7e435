//! The operator as a model: one pass is a look, the steps, and the status of it. Nothing fails unless told to.
//! An identity and a world in, the world after and what was told out. Called by every property.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lanyard_core::binding::By;
use lanyard_core::custody::Custody;
use lanyard_core::gate::Gate;
use lanyard_core::holder::Carries;
use lanyard_core::identity::Identity;
use lanyard_core::leaving::Leaving;
use lanyard_core::look::{Look, roles_of, roles_to_remove, think, think_removal};
use lanyard_core::observed::Observed;
use lanyard_core::outcome::{Ended, Outcome, Skip};
use lanyard_core::plan::Await;
use lanyard_core::reason::Reason;
use lanyard_core::stage::{Phase, Stage};
use lanyard_core::status::Status;
use lanyard_core::step::Step;
use lanyard_core::summarise::{Summary, Told, summarise};
use lanyard_core::timings::Timings;
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
    pub gate: Gate,
    pub now: Timestamp,
}

/// What one pass thought and told.
#[derive(Debug, Clone)]
pub struct Pass {
    pub look: Look,
    pub summary: Summary,
}

impl Model {
    pub fn new(truth: Truth) -> Self {
        Self {
            truth,
            status: Status::default(),
            blinds: Vec::new(),
            gate: Gate::Open,
            now: "2026-03-01T12:00:00Z".parse().unwrap(),
        }
    }

    /// What a look at the object sees.
    pub fn observe(&self, identity: &Identity) -> Observed {
        let mut roles = roles_of(identity, &self.status, self.truth.object.custody.as_ref());
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
        let custody = self.custody(identity);
        let mut observed = self.see(&roles_to_remove(&self.status, custody.as_ref(), None));
        observed.object.custody = custody;
        observed
    }

    /// Custody, or what takes its place where it is lost.
    fn custody(&self, identity: Option<&Identity>) -> Option<Custody> {
        let custody = self.truth.object.custody.clone();
        custody.or_else(|| identity.map(Identity::custody))
    }

    fn see(&self, roles: &[lanyard_core::arn::RoleArn]) -> Observed {
        let mut observed = read(&self.truth, roles);
        for blind in &self.blinds {
            blind.put_on(&mut observed);
        }
        observed
    }

    pub fn think(&self, identity: &Identity) -> Look {
        think(
            identity,
            &self.status,
            &self.observe(identity),
            &Timings::default(),
            self.now,
        )
    }

    /// What becomes of everything, as far as custody knows: of the spec there is only what was validated.
    fn leaving(&self, release: bool) -> Leaving {
        match release {
            true => Leaving::Release,
            false => Leaving::of(None, self.truth.object.custody.as_ref()),
        }
    }

    pub fn think_removal(&self, identity: Option<&Identity>, release: bool) -> Look {
        let leaving = self.leaving(release);
        think_removal(&subject(), &self.status, &self.observe_removal(identity), leaving)
    }

    /// Looks, takes every step, writes the status. A minute passes.
    pub fn pass(&mut self, identity: &Identity) -> Result<Pass, TestCaseError> {
        let observed = self.observe(identity);
        let look = think(identity, &self.status, &observed, &Timings::default(), self.now);
        let (outcome, after) = self.take(look.plan.steps(), observed)?;
        let summary = self.tell(&look, &outcome, &after);
        self.status = summary.status.clone();
        Ok(Pass { look, summary })
    }

    /// The same for an object that goes.
    pub fn pass_removal(
        &mut self,
        identity: Option<&Identity>,
        release: bool,
    ) -> Result<Pass, TestCaseError> {
        let observed = self.observe_removal(identity);
        let look = think_removal(&subject(), &self.status, &observed, self.leaving(release));
        let (outcome, after) = self.take(look.plan.steps(), observed)?;
        let summary = self.tell(&look, &outcome, &after);
        self.status = summary.status.clone();
        Ok(Pass { look, summary })
    }

    /// Takes steps whose answers are lost: the world changes and the status does not.
    pub fn take_unheard<'a>(&mut self, steps: impl Iterator<Item = &'a Step>) -> Result<(), TestCaseError> {
        self.take(steps, Observed::nothing()).map(drop)
    }

    fn take<'a>(
        &mut self,
        steps: impl Iterator<Item = &'a Step>,
        mut seen: Observed,
    ) -> Result<(Outcome, Observed), TestCaseError> {
        let mut outcome = Outcome::default();
        for step in steps {
            if !self.gate.permits(step) {
                outcome.steps.push((step.clone(), Ended::Skipped(Skip::Gate)));
                continue;
            }
            let answer = take(&mut self.truth, step, self.now).map_err(TestCaseError::fail)?;
            seen.assume(step, &answer);
            outcome.steps.push((step.clone(), Ended::Done(answer)));
        }
        Ok((outcome, seen))
    }

    pub fn tell(&mut self, look: &Look, outcome: &Outcome, after: &Observed) -> Summary {
        let summary = summarise(&Told {
            generation: 1,
            look,
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
            let reads_more = pass.look.plan.then.contains(&Await::Reading);
            let goes_on = matches!(&pass.look.stage, Stage::Moving(moving) if !matches!(moving.phase, Phase::Refused(_)))
                && pass.look.plan.then == [Await::Transition];
            if pass.look.plan.is_empty() && stands && !goes_on && (rested || !reads_more) {
                return Ok(pass);
            }
            rested = pass.look.plan.is_empty();
        }
        let stuck: Vec<String> = self
            .think(identity)
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
        if record.consent.is_some() {
            self.truth.object.consent.clone_from(&record.consent);
        }
        let carries = match &identity.binding.by {
            By::PodIdentity { .. } => Carries::PodIdentity,
            By::Irsa { audience, .. } => Carries::WebIdentity {
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
            .flat_map(|pods| &mut pods.holders)
        {
            pod.carries = [carries.clone()].into();
            pod.created = self.now;
        }
    }

    /// Passes over an object that goes, until it is released.
    pub fn remove(&mut self, identity: Option<&Identity>, release: bool) -> Result<(), TestCaseError> {
        for _ in 0..ROUNDS {
            let marked = self.truth.object.finalizer;
            let pass = self.pass_removal(identity, release)?;
            // The API server removes the object with its last finalizer.
            if pass.look.plan.is_empty() || (marked && !self.truth.object.finalizer) {
                return Ok(());
            }
        }
        Err(TestCaseError::fail("the removal does not come to rest"))
    }
}
