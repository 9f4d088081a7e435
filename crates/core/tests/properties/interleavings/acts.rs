//! What can happen between two moments: looks that end, are cut off or are not heard of; pods; time; people.
//! An act and a cluster in, what a pod lost out. Called by the interleavings.

use lanyard_core::identity::Identity;
use lanyard_core::model::fact::Fact;
use lanyard_core::model::observed::Observed;
use lanyard_core::model::reason::Reason;
use lanyard_core::model::spec::{IrsaSpec, ManagedRoleSpec, Method, PodIdentitySpec, PodRestart, Spec};
use lanyard_core::model::status::Status;
use lanyard_core::model::timings::Timings;
use lanyard_core::reconcile::decide::{Decision, decide, roles_of};
use lanyard_core::reconcile::gate::WriteGate;
use lanyard_core::reconcile::outcome::{Disposition, Outcome, Skip, StepFailure, StepResult};
use lanyard_core::reconcile::summary::{SummaryInput, summarise};
use proptest::prelude::*;
use proptest::sample::select;

use super::cluster::Cluster;
use crate::blinds::Blind;
use crate::specs::identity;
use crate::world::read;

/// One thing that happens.
#[derive(Debug, Clone)]
pub enum Act {
    Decision(Ends),
    Blind(Blind),
    Tick(i64),
    PodComes(u8, u8, usize),
    PodGoes(usize),
    Rolls(u8, u8),
    Wants(usize),
    Paused(bool),
    Rollout(bool),
    Agrees,
    StatusLost,
}

/// How a look ends.
#[derive(Debug, Clone, Copy)]
pub enum Ends {
    Well,
    /// Killed after so many steps: the status is not written.
    Killed(usize),
    /// The answer to this step is lost: it took effect, and the operator takes it for failed.
    Unheard(usize),
}

pub fn act() -> impl Strategy<Value = Act> {
    let ends = prop_oneof![
        6 => Just(Ends::Well),
        1 => (0..4usize).prop_map(Ends::Killed),
        1 => (0..4usize).prop_map(Ends::Unheard),
    ];
    let blind = select(vec![
        Blind::Association,
        Blind::ServiceAccount,
        Blind::Pods,
        Blind::Trust,
        Blind::WholeRole,
    ]);
    // Mostly looks and short waits, so that a change gets through before the next mind is changed.
    prop_oneof![
        40 => ends.prop_map(Act::Decision),
        2 => blind.prop_map(Act::Blind),
        24 => select(vec![1i64, 3, 12, 12, 12, 40, 61, 61, 600]).prop_map(Act::Tick),
        1 => select(vec![3 * 3600i64, 6 * 3600 + 400]).prop_map(Act::Tick),
        16 => (any::<u8>(), any::<u8>(), 0..2usize).prop_map(|(a, b, owner)| Act::PodComes(a, b, owner)),
        8 => (0..8usize).prop_map(Act::PodGoes),
        6 => (any::<u8>(), any::<u8>()).prop_map(|(a, b)| Act::Rolls(a, b)),
        4 => (0..6usize).prop_map(Act::Wants),
        1 => select(vec![true, false, false]).prop_map(Act::Paused),
        2 => any::<bool>().prop_map(Act::Rollout),
        6 => Just(Act::Agrees),
        1 => Just(Act::StatusLost),
    ]
}

/// What can be asked for.
fn spec(number: usize) -> Spec {
    let name = (number % 3 == 1).then(|| "orders-b".to_owned());
    let other = number % 3 == 2;
    Spec {
        method: Some(if number < 3 {
            Method::Irsa
        } else {
            Method::PodIdentity
        }),
        managed: Some(ManagedRoleSpec {
            name,
            ..ManagedRoleSpec::default()
        }),
        irsa: IrsaSpec {
            audience: (other && number < 3).then(|| "vault".to_owned()),
            ..IrsaSpec::default()
        },
        pod_identity: PodIdentitySpec {
            disable_session_tags: other && number >= 3,
            ..PodIdentitySpec::default()
        },
        ..Spec::default()
    }
}

/// The cluster and what is asked for now.
#[derive(Debug)]
pub struct Play {
    pub cluster: Cluster,
    pub spec: Spec,
}

impl Play {
    pub fn new(skew: i64, first: usize) -> Self {
        Self {
            cluster: Cluster::new(skew),
            spec: spec(first),
        }
    }

    pub fn identity(&self) -> Identity {
        identity(&self.spec)
    }

    pub fn act(&mut self, act: &Act) -> Result<(), String> {
        match act {
            Act::Decision(ends) => drop(self.decision(*ends, None)?),
            Act::Blind(blind) => drop(self.decision(Ends::Well, Some(*blind))?),
            Act::Tick(seconds) => self.cluster.tick(*seconds)?,
            Act::PodComes(a, b, owner) => self.cluster.pod_comes((*a, *b), *owner)?,
            Act::PodGoes(which) => self.cluster.pod_goes(*which),
            Act::Rolls(a, b) => self.cluster.rolls((*a, *b))?,
            Act::Wants(number) => {
                let (paused, restart) = (self.spec.transition_paused, self.spec.pod_restart);
                self.spec = Spec {
                    transition_paused: paused,
                    pod_restart: restart,
                    ..spec(*number)
                };
            }
            Act::Paused(paused) => self.spec.transition_paused = *paused,
            Act::Rollout(rollout) => self.spec.pod_restart = rollout.then_some(PodRestart::Rollout),
            Act::Agrees => self.agrees(),
            Act::StatusLost => self.cluster.status = Status::default(),
        }
        self.cluster.backed()
    }

    /// Somebody does what the condition asks for.
    pub fn agrees(&mut self) {
        let record = self.cluster.status.transition.as_ref();
        let Some(token) = record.and_then(|record| record.approval_token.clone()) else {
            return;
        };
        self.cluster.truth.object.approval = Some(token);
        let id = self
            .cluster
            .truth
            .association
            .present()
            .map(|found| found.id.clone());
        self.cluster.agreed = id.map(|id| (id, self.identity().binding));
    }

    /// One look of the operator.
    pub fn decision(&mut self, ends: Ends, blind: Option<Blind>) -> Result<Decision, String> {
        self.cluster.count();
        let identity = self.identity();
        let inventory = self.cluster.truth.object.inventory.clone();
        let roles = roles_of(&identity, &self.cluster.status, inventory.as_ref());
        let mut observed = read(&self.cluster.truth, &roles);
        if let Some(blind) = blind {
            blind.put_on(&mut observed);
        }
        let decision = decide(
            &identity,
            &self.cluster.status,
            &observed,
            &Timings::default(),
            self.cluster.now,
        );
        let (outcome, after) = self.apply(&decision, &identity, observed, ends)?;
        if !matches!(ends, Ends::Killed(_)) {
            self.tell(&decision, &outcome, &after);
        }
        Ok(decision)
    }

    fn apply(
        &mut self,
        decision: &Decision,
        identity: &Identity,
        mut seen: Observed,
        ends: Ends,
    ) -> Result<(Outcome, Observed), String> {
        let rollout = self.spec.pod_restart == Some(PodRestart::Rollout);
        let mut outcome = Outcome::default();
        let mut lost = false;
        for (at, step) in decision.plan.steps().enumerate() {
            let ended = match ends {
                Ends::Killed(after) if at >= after => break,
                _ if lost => StepResult::Skipped(Skip::BehindAnother),
                Ends::Unheard(which) if at == which => {
                    lost = true;
                    drop(self.cluster.take(step, identity, rollout)?);
                    StepResult::Failed(unheard())
                }
                _ => {
                    let answer = self.cluster.take(step, identity, rollout)?;
                    seen.assume(step, &answer);
                    StepResult::Done(answer)
                }
            };
            outcome.steps.push((step.clone(), ended));
            self.cluster
                .backed()
                .map_err(|why| format!("after {step}: {why}"))?;
        }
        Ok((outcome, seen))
    }

    fn tell(&mut self, decision: &Decision, outcome: &Outcome, after: &Observed) {
        let summary = summarise(&SummaryInput {
            generation: 1,
            decision,
            outcome,
            after,
            previous: &self.cluster.status,
            gate: WriteGate::Open,
            timings: &Timings::default(),
            now: self.cluster.now,
        });
        self.cluster.status = summary.status;
    }

    /// Nothing disturbs any more: people agree, pods are replaced by and by, time passes.
    pub fn comes_to_rest(&mut self) -> Result<(), String> {
        self.spec.transition_paused = false;
        for _ in 0..24 {
            let decision = self.decision(Ends::Well, None)?;
            let is_steady = decision.plan.is_empty()
                && decision.stage == lanyard_core::reconcile::transition::TransitionState::Settled;
            if is_steady && self.cluster.status.transition.is_none() {
                return Ok(());
            }
            self.agrees();
            self.cluster.tick(61)?;
            if self
                .cluster
                .status
                .transition
                .as_ref()
                .is_some_and(|record| record.stage == Reason::Draining)
            {
                self.replace_all()?;
            }
        }
        Err(format!(
            "does not come to rest: {:?}",
            self.cluster.status.transition
        ))
    }

    fn replace_all(&mut self) -> Result<(), String> {
        for _ in 0..self.cluster.pods.len() {
            self.cluster.pod_comes((255, 255), 0)?;
            drop(self.cluster.pods.remove(0));
        }
        let workloads = self.cluster.truth.workloads.present_mut();
        workloads
            .into_iter()
            .flatten()
            .for_each(|workload| workload.rolled_out = true);
        Ok(())
    }

    /// Whether the world is what the binding asked for makes of it, and nothing else.
    pub fn only_what_is_wanted(&self) -> Result<(), String> {
        let identity = self.identity();
        let truth = &self.cluster.truth;
        let roles: Vec<_> = truth
            .roles
            .iter()
            .filter(|(_, facts)| facts.id.present().is_some())
            .collect();
        let [(arn, facts)] = roles.as_slice() else {
            return Err(format!("{} roles are left", roles.len()));
        };
        if *arn != identity.role_arn() {
            return Err(format!("{arn} is left"));
        }
        let statements = facts.trust.present().map_or(0, |trust| trust.statements().len());
        if statements != 1 {
            return Err(format!("{statements} statements are in the trust"));
        }
        let annotations = truth
            .service_account
            .present()
            .map_or(0, |account| account.annotations.len());
        let associated = truth.association != Fact::Absent;
        let irsa = identity.binding.method() == Method::Irsa;
        if associated == irsa || (annotations > 0) != irsa {
            return Err(format!("associated: {associated}, {annotations} annotations"));
        }
        let inventory = truth
            .object
            .inventory
            .as_ref()
            .map_or(0, |inventory| inventory.roles.len());
        if inventory > 2 {
            return Err(format!("{inventory} roles in inventory"));
        }
        Ok(())
    }
}

fn unheard() -> StepFailure {
    StepFailure {
        disposition: Disposition::RetrySoon,
        reason: Reason::Unavailable,
        message: "no answer".to_owned(),
    }
}
