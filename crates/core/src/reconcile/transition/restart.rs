//! Restarts: the owners of stale pods that the operator restarts now, those that it waits for, and those that a user has
//! to restart. One workload goes first, and the rest follow when its rollout is complete. Input is the transition view. No I/O.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::refusal;
use super::view::TransitionView;
use crate::model::binding::MethodSettings;
use crate::model::reason::Reason;
use crate::model::spec::PodRestart;
use crate::model::timings::remaining;
use crate::model::workload::{RestartedFor, Workload, WorkloadRef};

#[cfg(test)]
mod tests;

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
    /// The owners that Lanyard cannot restart, each with the reason.
    pub manual: Vec<String>,
    /// The restarted workloads whose rollout takes longer than `failAfter`.
    pub stuck: Vec<WorkloadRef>,
}

pub(super) fn restarts(view: &TransitionView<'_>) -> Restarts {
    let allowed = view.identity.pod_restart == PodRestart::Rollout && !view.identity.is_held();
    let none = Restarts {
        allowed,
        ..Restarts::default()
    };
    // A working pod is not replaced by one that would get no credentials.
    let Some(workloads) = view
        .observed
        .workloads
        .present()
        .filter(|_| allowed && would_work(view))
    else {
        return none;
    };
    let mut stale: BTreeMap<Option<&WorkloadRef>, StalePods> = BTreeMap::new();
    for pod in view.pods().filter(|pod| view.depends_on_old_binding(pod)) {
        stale.entry(pod.owner.as_ref()).or_default().add(pod.created);
    }
    let mut restarts = none;
    let mut restartable_workloads: Vec<(StalePods, &Workload)> = Vec::new();
    for (owner, pods) in stale {
        match restartable(owner, workloads) {
            Ok(workload) => restartable_workloads.push((pods, workload)),
            Err(reason) => restarts.manual.push(reason),
        }
    }
    restarts.select(view, restartable_workloads, workloads);
    restarts
}

/// The pods of one owner that a restart would replace.
#[derive(Debug, Clone, Copy)]
struct StalePods {
    count: usize,
    youngest: Timestamp,
}

impl Default for StalePods {
    fn default() -> Self {
        Self {
            count: 0,
            youngest: Timestamp::MIN,
        }
    }
}

impl StalePods {
    fn add(&mut self, created: Timestamp) {
        self.count += 1;
        self.youngest = self.youngest.max(created);
    }
}

/// Returns true if a pod created now could use the desired binding, as far as the observed state shows.
fn would_work(view: &TransitionView<'_>) -> bool {
    let is_usable = match &view.identity.binding.settings {
        MethodSettings::PodIdentity { .. } => {
            let agent = view.observed.agent.present().is_some_and(|agent| agent.ready);
            agent && refusal::unsupported_nodes(view).is_none()
        }
        MethodSettings::Irsa { audience, .. } => {
            let provider = view.observed.provider.present();
            provider.is_some_and(|provider| provider.client_ids.contains(audience.as_str()))
        }
    };
    is_usable && view.is_admitted()
}

/// Returns true if Lanyard can restart the owner of every pod that loses access with the association.
pub(super) fn reaches_all(view: &TransitionView<'_>) -> bool {
    let Some(workloads) = view.observed.workloads.present() else {
        return false;
    };
    let mut pods = view.pods().filter(|pod| pod.has_pod_identity());
    pods.all(|pod| restartable(pod.owner.as_ref(), workloads).is_ok())
}

impl Restarts {
    /// Selects the workload with the fewest stale pods first. The rest follow when every started rollout is complete.
    fn select(
        &mut self,
        view: &TransitionView<'_>,
        mut candidates: Vec<(StalePods, &Workload)>,
        workloads: &[Workload],
    ) {
        let token = view.target_hash.as_str();
        let restarted = workloads.iter().filter(|workload| is_restarted(workload, view));
        let mut first_is_complete = false;
        for workload in restarted {
            first_is_complete = true;
            if !workload.rolled_out && is_late(workload, view) {
                self.stuck.push(workload.owner.clone());
            } else if !workload.rolled_out {
                self.rolling.push(workload.owner.clone());
            }
        }
        if !self.stuck.is_empty() || !self.rolling.is_empty() {
            return;
        }
        // Pods that a restart replaces may take time to terminate. Younger stale pods require another restart.
        let is_replaced = |mark: &RestartedFor, pods: &StalePods| mark.replaces(token, pods.youngest);
        candidates.retain(|(pods, workload)| {
            !workload
                .restarted_for
                .as_ref()
                .is_some_and(|mark| is_replaced(mark, pods))
        });
        candidates.sort_by(|a, b| (a.0.count, &a.1.owner).cmp(&(b.0.count, &b.1.owner)));
        if !first_is_complete {
            candidates.truncate(1);
        }
        for (pods, workload) in candidates {
            if workload.disruptions_allowed.is_some_and(|allowed| allowed < 1) {
                self.blocked_by_budget.push(workload.owner.clone());
                continue;
            }
            let mark = RestartedFor {
                binding: token.to_owned(),
                created_until: pods.youngest,
            };
            self.due.push((workload.owner.clone(), mark));
        }
    }
}

/// Returns true if the workload was restarted in this transition, and not in an earlier one to the same binding.
fn is_restarted(workload: &Workload, view: &TransitionView<'_>) -> bool {
    let mark = workload.restarted_for.as_ref();
    let same_binding = mark.is_some_and(|mark| mark.binding == view.target_hash);
    // Kubernetes stores times in whole seconds.
    let start = view.start_time().as_second();
    same_binding && workload.restarted_at.is_some_and(|at| at.as_second() >= start)
}

/// Returns true if the rollout takes longer than `failAfter`.
fn is_late(workload: &Workload, view: &TransitionView<'_>) -> bool {
    let restarted_at = workload
        .restarted_at
        .unwrap_or_else(|| view.stage_start(Reason::Draining));
    remaining(view.timings.fail_after, restarted_at, view.now).is_none()
}

/// The workload to restart for the pods of an owner.
///
/// # Errors
/// Returns the owner, with the obstacle if one is known, if Lanyard cannot restart it.
fn restartable<'a>(owner: Option<&WorkloadRef>, workloads: &'a [Workload]) -> Result<&'a Workload, String> {
    let Some(owner) = owner else {
        return Err("bare pods".to_owned());
    };
    let workload = workloads.iter().find(|workload| workload.owner == *owner);
    match workload.map(|workload| (workload, workload.obstacle)) {
        None => Err(owner.to_string()),
        Some((_, Some(obstacle))) => Err(format!("{owner} ({obstacle})")),
        Some((workload, None)) => Ok(workload),
    }
}
