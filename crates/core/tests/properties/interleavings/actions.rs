//! The actions of the model check: reconciles that complete, are killed or lose an answer, pods, time, and users.
//! Inputs are an action and a cluster; the output is the changed cluster, or the access that a pod lost. No I/O.

use lanyard_core::identity::{Freeze, Identity};
use lanyard_core::model::fact::Fact;
use lanyard_core::model::observed::Observed;
use lanyard_core::model::reason::Reason;
use lanyard_core::model::spec::{IrsaSpec, ManagedRoleSpec, Method, PodIdentitySpec, PodRestart, Spec};
use lanyard_core::model::status::Status;
use lanyard_core::model::timings::Timings;
use lanyard_core::reconcile::decide::{Decision, decide, roles_to_read};
use lanyard_core::reconcile::gate::WriteGate;
use lanyard_core::reconcile::outcome::{Disposition, Outcome, Skip, StepFailure, StepResult};
use lanyard_core::reconcile::summary::{SummaryInput, summarise};
use lanyard_core::reconcile::transition::TransitionState;
use proptest::prelude::*;
use proptest::sample::select;

use super::cluster::Cluster;
use crate::fake_world::observe;
use crate::specs::identity;
use crate::unreadable_facts::UnreadableFact;

/// An action.
#[derive(Debug, Clone)]
pub enum Action {
    Reconcile(Ending),
    ReconcileUnreadable(UnreadableFact),
    /// A wait of so many seconds.
    Wait(i64),
    /// The two numbers decide how late the webhook sees the association and the annotation.
    CreatePod(u8, u8, usize),
    DeletePod(usize),
    RollOut(u8, u8),
    ChangeSpec(usize),
    SetPaused(bool),
    SetRollout(bool),
    Approve,
    LoseStatus,
    SetWebhookDown(bool),
    /// The allowed disruptions of a workload.
    SetBudget(usize, Option<i32>),
    RevertTemplate(usize),
}

/// The end of a reconcile.
#[derive(Debug, Clone, Copy)]
pub enum Ending {
    Complete,
    /// The operator is killed after so many steps and does not write the status.
    Killed(usize),
    /// The answer to this step is lost: the step took effect, and the operator records a failure.
    AnswerLost(usize),
}

pub fn action() -> impl Strategy<Value = Action> {
    let ending = prop_oneof![
        6 => Just(Ending::Complete),
        1 => (0..4usize).prop_map(Ending::Killed),
        1 => (0..4usize).prop_map(Ending::AnswerLost),
    ];
    let fact = select(vec![
        UnreadableFact::Association,
        UnreadableFact::ServiceAccount,
        UnreadableFact::Pods,
        UnreadableFact::Trust,
        UnreadableFact::WholeRole,
    ]);
    // Mostly reconciles and short waits, so that a transition completes before the spec changes again.
    prop_oneof![
        40 => ending.prop_map(Action::Reconcile),
        2 => fact.prop_map(Action::ReconcileUnreadable),
        24 => select(vec![1i64, 3, 12, 12, 12, 40, 61, 61, 600]).prop_map(Action::Wait),
        1 => select(vec![3 * 3600i64, 6 * 3600 + 400]).prop_map(Action::Wait),
        16 => (any::<u8>(), any::<u8>(), 0..3usize).prop_map(|(a, b, owner)| Action::CreatePod(a, b, owner)),
        8 => (0..8usize).prop_map(Action::DeletePod),
        6 => (any::<u8>(), any::<u8>()).prop_map(|(a, b)| Action::RollOut(a, b)),
        4 => (0..6usize).prop_map(Action::ChangeSpec),
        1 => select(vec![true, false, false]).prop_map(Action::SetPaused),
        2 => any::<bool>().prop_map(Action::SetRollout),
        6 => Just(Action::Approve),
        1 => Just(Action::LoseStatus),
        3 => select(vec![true, false, false]).prop_map(Action::SetWebhookDown),
        2 => (0..2usize, select(vec![None, Some(0), Some(1)])).prop_map(|(a, b)| Action::SetBudget(a, b)),
        1 => (0..2usize).prop_map(Action::RevertTemplate),
    ]
}

/// The specs between which the simulation changes.
fn spec(number: usize) -> Spec {
    let name = (number % 3 == 1).then(|| "orders-b".to_owned());
    let other_settings = number % 3 == 2;
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
            audience: (other_settings && number < 3).then(|| "vault".to_owned()),
            ..IrsaSpec::default()
        },
        pod_identity: PodIdentitySpec {
            disable_session_tags: other_settings && number >= 3,
            ..PodIdentitySpec::default()
        },
        ..Spec::default()
    }
}

/// A cluster and the current spec.
#[derive(Debug)]
pub struct Simulation {
    pub cluster: Cluster,
    pub spec: Spec,
    /// True if the class no longer allows the spec.
    pub frozen: bool,
}

impl Simulation {
    pub fn new(skew: i64, first: usize) -> Self {
        Self {
            cluster: Cluster::new(skew),
            spec: spec(first),
            frozen: false,
        }
    }

    pub fn identity(&self) -> Identity {
        let mut identity = identity(&self.spec);
        identity.frozen = self.frozen.then(|| Freeze {
            reason: Reason::Forbidden,
            message: "frozen".to_owned(),
            bounds: false,
        });
        identity
    }

    pub fn perform(&mut self, action: &Action) -> Result<(), String> {
        match action {
            Action::Reconcile(ending) => drop(self.reconcile(*ending, None)?),
            Action::ReconcileUnreadable(fact) => drop(self.reconcile(Ending::Complete, Some(*fact))?),
            Action::Wait(seconds) => self.cluster.wait(*seconds)?,
            Action::CreatePod(a, b, owner) => self.cluster.create_pod((*a, *b), *owner)?,
            Action::DeletePod(which) => self.cluster.delete_pod(*which),
            Action::RollOut(a, b) => self.cluster.roll_out((*a, *b))?,
            Action::ChangeSpec(number) => {
                self.cluster.forget_restarts();
                let (paused, restart) = (self.spec.transition_paused, self.spec.pod_restart);
                self.spec = Spec {
                    transition_paused: paused,
                    pod_restart: restart,
                    ..spec(*number)
                };
            }
            Action::SetPaused(paused) => self.spec.transition_paused = *paused,
            Action::SetRollout(rollout) => self.spec.pod_restart = rollout.then_some(PodRestart::Rollout),
            Action::Approve => self.approve(),
            Action::LoseStatus => {
                self.cluster.forget_restarts();
                self.cluster.status = Status::default();
            }
            Action::SetWebhookDown(down) => self.cluster.webhook_down = *down,
            Action::SetBudget(owner, budget) => {
                if let Some(workload) = self.cluster.workload(*owner) {
                    workload.disruptions_allowed = *budget;
                }
            }
            Action::RevertTemplate(owner) => self.cluster.revert_template(*owner),
        }
        self.cluster.every_pod_has_access()
    }

    /// A user sets the approval annotation that the condition names.
    pub fn approve(&mut self) {
        let record = self.cluster.status.transition.as_ref();
        let Some(token) = record.and_then(|record| record.approval_token.clone()) else {
            return;
        };
        self.cluster.world.object.approval = Some(token);
        let id = self
            .cluster
            .world
            .association
            .present()
            .map(|association| association.id.clone());
        self.cluster.approved = id.map(|id| (id, self.identity().binding));
    }

    /// One reconcile of the operator.
    pub fn reconcile(
        &mut self,
        ending: Ending,
        unreadable: Option<UnreadableFact>,
    ) -> Result<Decision, String> {
        self.cluster.report_pods();
        let identity = self.identity();
        let inventory = self.cluster.world.object.inventory.clone();
        let roles = roles_to_read(&identity, &self.cluster.status, inventory.as_ref());
        let mut observed = observe(&self.cluster.world, &roles);
        if let Some(fact) = unreadable {
            fact.hide_in(&mut observed);
        }
        let decision = decide(
            &identity,
            &self.cluster.status,
            &observed,
            &Timings::default(),
            self.cluster.now,
        );
        let (outcome, after) = self.apply(&decision, &identity, observed, ending)?;
        if !matches!(ending, Ending::Killed(_)) {
            self.summarise(&decision, &outcome, &after);
            self.cluster.says_the_truth(&decision.transition)?;
        }
        Ok(decision)
    }

    fn apply(
        &mut self,
        decision: &Decision,
        identity: &Identity,
        mut observed: Observed,
        ending: Ending,
    ) -> Result<(Outcome, Observed), String> {
        let rollout = self.spec.pod_restart == Some(PodRestart::Rollout);
        let mut outcome = Outcome::default();
        let mut lost = false;
        for (at, step) in decision.plan.steps().enumerate() {
            let result = match ending {
                Ending::Killed(after) if at >= after => break,
                _ if lost => StepResult::Skipped(Skip::BehindAnother),
                Ending::AnswerLost(index) if at == index => {
                    lost = true;
                    drop(self.cluster.apply_step(step, identity, rollout)?);
                    StepResult::Failed(no_answer())
                }
                _ => {
                    let answer = self.cluster.apply_step(step, identity, rollout)?;
                    observed.assume(step, &answer);
                    StepResult::Done(answer)
                }
            };
            outcome.steps.push((step.clone(), result));
            self.cluster
                .every_pod_has_access()
                .map_err(|error| format!("after {step}: {error}"))?;
        }
        Ok((outcome, observed))
    }

    fn summarise(&mut self, decision: &Decision, outcome: &Outcome, after: &Observed) {
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
        if self.cluster.status.transition.is_none() && self.cluster.status.restarts.is_empty() {
            self.cluster.end_restarts();
        }
    }

    /// Reconciles without interference until the state is steady: users approve, pods are replaced, and time passes.
    pub fn settle(&mut self) -> Result<(), String> {
        self.spec.transition_paused = false;
        self.cluster.heal();
        for _ in 0..24 {
            let decision = self.reconcile(Ending::Complete, None)?;
            let is_steady = decision.plan.is_empty() && decision.transition == TransitionState::Settled;
            if is_steady && self.cluster.status.transition.is_none() {
                return Ok(());
            }
            self.approve();
            self.cluster.wait(61)?;
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
            "the state does not become steady: {:?}",
            self.cluster.status.transition
        ))
    }

    fn replace_all(&mut self) -> Result<(), String> {
        for _ in 0..self.cluster.pods.len() {
            self.cluster.create_pod((255, 255), 0)?;
            drop(self.cluster.pods.remove(0));
        }
        let workloads = self.cluster.world.workloads.present_mut();
        workloads
            .into_iter()
            .flatten()
            .for_each(|workload| workload.rolled_out = true);
        Ok(())
    }

    /// Fails unless the world is in the desired state and nothing of another binding remains.
    pub fn only_desired_state_remains(&self) -> Result<(), String> {
        let identity = self.identity();
        let world = &self.cluster.world;
        let roles: Vec<_> = world
            .roles
            .iter()
            .filter(|(_, facts)| facts.id.present().is_some())
            .collect();
        let [(arn, facts)] = roles.as_slice() else {
            return Err(format!("{} roles remain", roles.len()));
        };
        if *arn != identity.role_arn() {
            return Err(format!("{arn} remains"));
        }
        let statements = facts.trust.present().map_or(0, |trust| trust.statements().len());
        if statements != 1 {
            return Err(format!("the trust policy has {statements} statements"));
        }
        let annotations = world
            .service_account
            .present()
            .map_or(0, |account| account.annotations.len());
        let associated = world.association != Fact::Absent;
        let irsa = identity.binding.method() == Method::Irsa;
        if associated == irsa || (annotations > 0) != irsa {
            return Err(format!("associated: {associated}, {annotations} annotations"));
        }
        let inventory = world
            .object
            .inventory
            .as_ref()
            .map_or(0, |inventory| inventory.roles.len());
        if inventory > 2 {
            return Err(format!("the inventory has {inventory} roles"));
        }
        Ok(())
    }
}

fn no_answer() -> StepFailure {
    StepFailure {
        disposition: Disposition::RetrySoon,
        reason: Reason::Unavailable,
        message: "no answer".to_owned(),
    }
}
