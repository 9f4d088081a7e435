//! Restarts: which owners of stale pods are restarted now, which are waited for, and which a person has to restart.
//! The scene in, a value out; no I/O. Called by `stage` only. One goes first, and the others when it is through.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::refusal;
use super::view::TransitionView;
use crate::model::binding::MethodSettings;
use crate::model::reason::Reason;
use crate::model::spec::PodRestart;
use crate::model::workload::{RestartedFor, Workload, WorkloadRef};

#[cfg(test)]
mod tests;

/// The restarts of a change at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restarts {
    /// Whether the spec has Lanyard restart what it can.
    pub allowed: bool,
    /// What is restarted now, each with the mark that keeps it from being restarted twice.
    pub now: Vec<(WorkloadRef, RestartedFor)>,
    /// What was restarted and is not through.
    pub rolling: Vec<WorkloadRef>,
    /// What waits for a disruption budget.
    pub held_back: Vec<WorkloadRef>,
    /// What Lanyard cannot restart, each with the reason.
    pub by_hand: Vec<String>,
    /// What was restarted so long ago that it should be through.
    pub stuck: Vec<WorkloadRef>,
}

pub(super) fn restarts(view: &TransitionView<'_>) -> Restarts {
    let allowed = view.identity.pod_restart == PodRestart::Rollout && !view.identity.is_held();
    let none = Restarts {
        allowed,
        ..Restarts::default()
    };
    // A pod that works is not replaced by one that would not.
    let Some(workloads) = view
        .observed
        .workloads
        .present()
        .filter(|_| allowed && would_work(view))
    else {
        return none;
    };
    let mut stale: BTreeMap<Option<&WorkloadRef>, Stale> = BTreeMap::new();
    for pod in view.pods().filter(|pod| view.depends_on_another(pod)) {
        stale.entry(pod.owner.as_ref()).or_default().add(pod.created);
    }
    let mut restarts = none;
    let mut fit: Vec<(Stale, &Workload)> = Vec::new();
    for (owner, pods) in stale {
        match restartable(owner, workloads) {
            Ok(workload) => fit.push((pods, workload)),
            Err(why) => restarts.by_hand.push(why),
        }
    }
    restarts.choose(view, fit, workloads);
    restarts
}

/// The pods of one owner that a restart would replace.
#[derive(Debug, Clone, Copy)]
struct Stale {
    pods: usize,
    youngest: Timestamp,
}

impl Default for Stale {
    fn default() -> Self {
        Self {
            pods: 0,
            youngest: Timestamp::MIN,
        }
    }
}

impl Stale {
    fn add(&mut self, created: Timestamp) {
        self.pods += 1;
        self.youngest = self.youngest.max(created);
    }
}

/// Whether a pod that is made now could use the wanted binding, as far as can be told.
fn would_work(view: &TransitionView<'_>) -> bool {
    let usable = match &view.identity.binding.settings {
        MethodSettings::PodIdentity { .. } => {
            let agent = view.observed.agent.present().is_some_and(|agent| agent.ready);
            agent && refusal::places(view).is_none()
        }
        MethodSettings::Irsa { audience, .. } => {
            let provider = view.observed.provider.present();
            provider.is_some_and(|provider| provider.client_ids.contains(audience.as_str()))
        }
    };
    usable && view.is_let_in()
}

/// Whether every pod that loses access with the association belongs to something that can be restarted.
pub(super) fn reaches_all(view: &TransitionView<'_>) -> bool {
    let Some(workloads) = view.observed.workloads.present() else {
        return false;
    };
    let mut pods = view.pods().filter(|pod| pod.has_pod_identity());
    pods.all(|pod| restartable(pod.owner.as_ref(), workloads).is_ok())
}

impl Restarts {
    /// One first: the workload with the fewest stale pods. The others follow when all that was begun is through.
    fn choose(&mut self, view: &TransitionView<'_>, mut fit: Vec<(Stale, &Workload)>, all: &[Workload]) {
        let token = view.token.as_str();
        let begun = all.iter().filter(|workload| is_begun(workload, view));
        let mut proven = false;
        for workload in begun {
            proven = true;
            if !workload.rolled_out && is_late(workload, view) {
                self.stuck.push(workload.owner.clone());
            } else if !workload.rolled_out {
                self.rolling.push(workload.owner.clone());
            }
        }
        if !self.stuck.is_empty() || !self.rolling.is_empty() {
            return;
        }
        // Pods that its restart replaces may take their time to end; younger ones call for another.
        let replaces = |mark: &RestartedFor, pods: &Stale| mark.replaces(token, pods.youngest);
        fit.retain(|(pods, workload)| {
            !workload
                .restarted_for
                .as_ref()
                .is_some_and(|mark| replaces(mark, pods))
        });
        fit.sort_by(|a, b| (a.0.pods, &a.1.owner).cmp(&(b.0.pods, &b.1.owner)));
        if !proven {
            fit.truncate(1);
        }
        for (pods, workload) in fit {
            if workload.disruptions_allowed.is_some_and(|allowed| allowed < 1) {
                self.held_back.push(workload.owner.clone());
                continue;
            }
            let mark = RestartedFor {
                binding: token.to_owned(),
                created_until: pods.youngest,
            };
            self.now.push((workload.owner.clone(), mark));
        }
    }
}

/// Whether a workload was restarted in this change, and not in an earlier one to the same binding.
fn is_begun(workload: &Workload, view: &TransitionView<'_>) -> bool {
    let mark = workload.restarted_for.as_ref();
    let for_this = mark.is_some_and(|mark| mark.binding == view.token);
    // Kubernetes tells times in whole seconds.
    let since = view.began().as_second();
    for_this && workload.restarted_at.is_some_and(|at| at.as_second() >= since)
}

/// Whether a restart should be through by now.
fn is_late(workload: &Workload, view: &TransitionView<'_>) -> bool {
    let at = workload
        .restarted_at
        .unwrap_or_else(|| view.since(Reason::Draining));
    super::left_of(view.timings.fail_after, at, view.now).is_none()
}

/// The workload to restart for pods of an owner, or why Lanyard cannot.
fn restartable<'a>(owner: Option<&WorkloadRef>, workloads: &'a [Workload]) -> Result<&'a Workload, String> {
    let Some(owner) = owner else {
        return Err("bare pods".to_owned());
    };
    let found = workloads.iter().find(|workload| workload.owner == *owner);
    match found.map(|workload| (workload, workload.obstacle)) {
        None => Err(owner.to_string()),
        Some((_, Some(obstacle))) => Err(format!("{owner} ({obstacle})")),
        Some((workload, None)) => Ok(workload),
    }
}
