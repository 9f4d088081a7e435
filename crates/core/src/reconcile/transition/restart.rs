//! Restarts: the owners of stale pods that the operator restarts now, those that it waits for, and those that a user has
//! to restart. Towards Pod Identity one workload is restarted at a time, and the next one follows when every new pod of
//! the last one carries the desired binding. Input is the transition view. No I/O.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use candidate::{Candidate, StalePods};

use super::refusal::{self, Refusal};
use super::view::TransitionView;
use crate::model::binding::MethodSettings;
use crate::model::fact::{Fact, ReadError};
use crate::model::pods::{PodCredentials, Replacement};
use crate::model::spec::PodRestart;
use crate::model::status::RestartStatus;
use crate::model::timings::remaining;
use crate::model::workload::{RestartedFor, Workload, WorkloadRef};

pub(crate) mod candidate;
pub(crate) mod history;
mod pace;
#[cfg(test)]
mod tests;

use history::{RestartResult, history};

/// The restarts of a transition at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restarts {
    /// True if the spec allows Lanyard to restart workloads.
    pub allowed: bool,
    /// The workloads to restart now, each with the annotation that prevents a second restart.
    pub due: Vec<(WorkloadRef, RestartedFor)>,
    /// The restarted workloads whose rollout is not complete.
    pub rolling: Vec<WorkloadRef>,
    /// The workloads that a disruption budget blocks.
    pub blocked_by_budget: Vec<WorkloadRef>,
    /// The workloads that are restarted later, so that not too many pods start within a minute.
    pub paced: Vec<WorkloadRef>,
    /// The owners that Lanyard cannot restart, each with the reason.
    pub manual: Vec<String>,
    /// The restarted workloads whose rollout makes no progress for `failAfter`.
    pub stuck: Vec<WorkloadRef>,
    /// The restarted workloads whose new pods do not carry the desired binding, each with what they carry.
    pub ineffective: Vec<(WorkloadRef, &'static str)>,
    /// The cause for which no workload is restarted.
    pub blocked: Option<RestartBlock>,
    /// The time until new pods of workloads whose pods carry nothing get the binding.
    pub applies_in: Option<Duration>,
    /// The restarts made in this transition, for the status.
    pub history: Vec<RestartStatus>,
}

pub(super) fn restarts(view: &TransitionView<'_>) -> Restarts {
    let mut restarts = Restarts {
        allowed: view.identity.pod_restart == PodRestart::Rollout && !view.is_halted(),
        history: history(view),
        ..Restarts::default()
    };
    for entry in &restarts.history {
        if let RestartResult::Ineffective(carried) = entry.result(view) {
            restarts.ineffective.push((entry.owner.clone(), carried));
        }
    }
    if !restarts.allowed {
        return restarts;
    }
    // A working pod is not replaced by one that would get no credentials.
    restarts.blocked = blocked(view);
    let workloads = match &view.observed.workloads {
        Fact::Present(workloads) if restarts.blocked.is_none() => workloads,
        Fact::Present(_) => return restarts,
        Fact::Absent => {
            restarts.blocked = Some(RestartBlock::Workloads(ReadError::NotRead));
            return restarts;
        }
        Fact::Unreadable(error) => {
            restarts.blocked = Some(RestartBlock::Workloads(error.clone()));
            return restarts;
        }
    };
    let stale = by_owner(view.pods().filter(|pod| view.depends_on_old_binding(pod)));
    let mut candidates: Vec<Candidate<'_>> = Vec::new();
    for (owner, pods) in stale {
        match restartable(owner, workloads) {
            Ok(workload) => candidates.extend(restarts.candidate(view, workload, pods)),
            Err(reason) => restarts.manual.push(reason),
        }
    }
    match restarts.ineffective.is_empty() {
        true => restarts.select(view, candidates),
        false => restarts.select_repeated(view),
    }
    restarts
}

/// The restarts of workloads whose pods carry nothing although the binding is in effect: the pods were created before it,
/// or the webhook missed them. They lose nothing by a restart. Empty if the transition does not permit restarts.
pub(super) fn restarts_of_missed(view: &TransitionView<'_>) -> Restarts {
    let mut restarts = Restarts {
        allowed: view.identity.pod_restart == PodRestart::Rollout && !view.identity.is_held(),
        ..Restarts::default()
    };
    let missed = by_owner(view.pods().filter(|pod| pod.credentials.is_empty()));
    let workloads = view.observed.workloads.present();
    let is_possible = restarts.allowed && !missed.is_empty() && view.is_bound();
    let Some(workloads) = workloads.filter(|_| is_possible) else {
        return restarts;
    };
    restarts.applies_in = view.applies_in();
    if restarts.applies_in.is_some() {
        return restarts;
    }
    restarts.history = history(view);
    restarts.blocked = blocked(view);
    if restarts.blocked.is_some() {
        return restarts;
    }
    let mut candidates: Vec<Candidate<'_>> = Vec::new();
    for (owner, pods) in missed {
        let Ok(workload) = restartable(owner, workloads) else {
            continue;
        };
        // The record of an earlier restart may have ended.
        let restarted = workload.restarted_at.filter(|at| *at <= view.now);
        let is_recent =
            restarted.is_some_and(|at| remaining(view.timings.fail_after, at, view.now).is_some());
        if !is_recent {
            candidates.extend(restarts.candidate(view, workload, pods));
        }
    }
    restarts.select(view, candidates);
    restarts
}

fn by_owner<'a>(
    pods: impl Iterator<Item = &'a PodCredentials>,
) -> BTreeMap<Option<&'a WorkloadRef>, StalePods> {
    let mut owners: BTreeMap<Option<&WorkloadRef>, StalePods> = BTreeMap::new();
    for pod in pods {
        owners.entry(pod.owner.as_ref()).or_default().add(pod.created);
    }
    owners
}

/// The cause for which Lanyard restarts no workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestartBlock {
    /// The workloads could not be read.
    Workloads(ReadError),
    /// A new pod could not use Pod Identity.
    Refused(Refusal),
    /// The OIDC provider does not exist or does not accept the audience.
    Provider,
    /// The trust policy of the role does not admit the subject.
    Trust,
}

/// Returns true if a pod created now could use the desired binding, as far as the observed state shows.
pub(super) fn would_work(view: &TransitionView<'_>) -> bool {
    blocked(view).is_none()
}

/// The cause for which a pod created now could not use the desired binding.
fn blocked(view: &TransitionView<'_>) -> Option<RestartBlock> {
    let by_method = match &view.identity.binding.settings {
        MethodSettings::PodIdentity { .. } => refusal::agent_missing(view)
            .or_else(|| refusal::unsupported_nodes(view))
            .map(RestartBlock::Refused),
        MethodSettings::Irsa { audience, .. } => {
            let provider = view.observed.provider.present();
            let accepts = provider.is_some_and(|provider| provider.client_ids.contains(audience.as_str()));
            (!accepts).then_some(RestartBlock::Provider)
        }
    };
    by_method.or_else(|| (!view.is_admitted()).then_some(RestartBlock::Trust))
}

/// Returns true if Lanyard can restart the owner of every pod that loses access with the association, now: by its kind, by
/// its disruption budget, and by the restarts that were already made.
pub(super) fn can_restart_all(view: &TransitionView<'_>) -> bool {
    let Some(workloads) = view.observed.workloads.present() else {
        return false;
    };
    let history = history(view);
    let is_free = |workload: &Workload| {
        let mut entries = history.iter();
        let entry = entries.find(|entry| entry.owner == workload.owner);
        is_allowed_by_budget(workload)
            && entry.is_none_or(|entry| !entry.is_used_up() && !entry.is_reverted(workload, view))
    };
    let mut pods = view.pods().filter(|pod| pod.has_pod_identity());
    pods.all(|pod| restartable(pod.owner.as_ref(), workloads).is_ok_and(is_free))
}

fn is_allowed_by_budget(workload: &Workload) -> bool {
    workload.disruptions_allowed.is_none_or(|allowed| allowed > 0)
}

impl Restarts {
    /// Returns true if a restart is due or was made.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.due.is_empty() || !self.history.is_empty()
    }

    /// Returns the workload if its stale pods require a restart that was not made yet. A workload that was restarted for
    /// them before is reported with the reason for which it is not restarted again.
    fn candidate<'a>(
        &mut self,
        view: &TransitionView<'_>,
        workload: &'a Workload,
        pods: StalePods,
    ) -> Option<Candidate<'a>> {
        let mark = workload.restarted_for.as_ref();
        let is_replaced = mark.is_some_and(|mark| mark.replaces(&view.target_hash, pods.youngest));
        let entry = self.history.iter().find(|entry| entry.owner == workload.owner);
        let repeated = match entry {
            // Pods that a restart replaces may take time to terminate.
            _ if is_replaced => return None,
            None => return Some(Candidate { workload, pods }),
            Some(entry) => entry,
        };
        let owner = &workload.owner;
        if repeated.is_reverted(workload, view) {
            self.manual
                .push(format!("{owner} (its owner reverts the pod template)"));
        } else if repeated.is_used_up() {
            self.manual
                .push(format!("{owner} (restarted {} times)", repeated.count));
        } else if repeated.is_repeatable(view) {
            return Some(Candidate { workload, pods });
        }
        None
    }

    /// Selects the workloads to restart: those that are rolled out and have the fewest stale pods first. A rollout that is
    /// not complete delays the others.
    fn select(&mut self, view: &TransitionView<'_>, mut candidates: Vec<Candidate<'_>>) {
        let is_rolling = |entry: &&RestartStatus| entry.result(view) == RestartResult::Rolling;
        for entry in self.history.iter().filter(is_rolling) {
            let Some(workload) = history::workload(&entry.owner, view) else {
                continue;
            };
            if entry.is_reverted(workload, view) {
                continue;
            }
            let mut pods = view.pods();
            let has_stale =
                pods.any(|pod| pod.owner.as_ref() == Some(&entry.owner) && view.depends_on_old_binding(pod));
            // Only a rollout that something waits for can be late.
            match entry.is_late(view) && (has_stale || !candidates.is_empty()) {
                true => self.stuck.push(entry.owner.clone()),
                false => self.rolling.push(entry.owner.clone()),
            }
        }
        candidates.retain(|candidate| {
            let is_allowed = is_allowed_by_budget(candidate.workload);
            if !is_allowed {
                self.blocked_by_budget.push(candidate.workload.owner.clone());
            }
            is_allowed
        });
        // Pods that lose access with their association cannot wait for each other.
        let is_proven = self.history.iter().any(|entry| entry.verified);
        let in_parallel = view.moves_to_irsa() && is_proven;
        candidates.sort_by_key(|candidate| {
            let Candidate { workload, pods } = candidate;
            (!workload.rolled_out, pods.count, workload.owner.clone())
        });
        if in_parallel {
            (candidates, self.paced) = pace::limit(candidates, &self.history, view);
        } else {
            let is_idle = self.rolling.is_empty() && self.stuck.is_empty();
            candidates.truncate(usize::from(is_idle));
        }
        for Candidate { workload, pods } in candidates {
            self.add(view, &workload.owner, pods.youngest);
        }
    }

    /// Selects the restarts that had no effect and may be repeated, in case the cause has ended since.
    fn select_repeated(&mut self, view: &TransitionView<'_>) {
        let mut repeated = Vec::new();
        for (owner, _) in &self.ineffective {
            let mut entries = self.history.iter();
            let entry = entries.find(|entry| entry.owner == *owner && entry.is_repeatable(view));
            let workload = history::workload(owner, view).filter(|workload| {
                let is_unchanged = entry.is_some_and(|entry| !entry.is_reverted(workload, view));
                is_unchanged && workload.obstacle.is_none() && is_allowed_by_budget(workload)
            });
            let owned = view.pods().filter(|pod| pod.owner.as_ref() == Some(owner));
            repeated
                .extend(workload.and_then(|_| Some((owner.clone(), owned.map(|pod| pod.created).max()?))));
        }
        for (owner, youngest) in repeated {
            self.add(view, &owner, youngest);
        }
    }

    fn add(&mut self, view: &TransitionView<'_>, owner: &WorkloadRef, created_until: Timestamp) {
        let mark = RestartedFor {
            binding: view.target_hash.clone(),
            created_until,
        };
        self.due.push((owner.clone(), mark));
    }
}

/// The workload to restart for the pods of an owner.
///
/// # Errors
/// Returns the owner, with the obstacle if one is known, if Lanyard cannot restart it.
fn restartable<'a>(owner: Option<&WorkloadRef>, workloads: &'a [Workload]) -> Result<&'a Workload, String> {
    let Some(owner) = owner else {
        return Err("bare pods (delete them and create them again)".to_owned());
    };
    let workload = workloads.iter().find(|workload| workload.owner == *owner);
    match workload.map(|workload| (workload, workload.obstacle)) {
        None if Replacement::of(Some(owner)) == Replacement::Job => {
            Err(format!("{owner} (wait for its end, or delete it)"))
        }
        None => Err(owner.to_string()),
        Some((_, Some(obstacle))) => Err(format!("{owner} ({obstacle})")),
        Some((workload, None)) => Ok(workload),
    }
}
