//! Restarts: which owners of stale pods are restarted now, which are waited for, and which a person has to restart.
//! The scene in, a value out; no I/O. Called by `stage` only. One goes first, and the others when it is through.

use std::collections::BTreeMap;

use super::refusal;
use super::scene::Scene;
use crate::binding::By;
use crate::reason::Reason;
use crate::spec::PodRestart;
use crate::subject::hex_hash;
use crate::workload::{Owner, Workload};

/// The restarts of a change at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restarts {
    /// Whether the spec has Lanyard restart what it can.
    pub allowed: bool,
    /// What is restarted now, with the mark that keeps it from being restarted twice.
    pub now: Vec<Owner>,
    /// That mark.
    pub mark: String,
    /// What was restarted and is not through.
    pub rolling: Vec<Owner>,
    /// What waits for a disruption budget.
    pub held_back: Vec<Owner>,
    /// What Lanyard cannot restart, each with the reason.
    pub by_hand: Vec<String>,
    /// What was restarted so long ago that it should be through.
    pub stuck: Vec<Owner>,
}

pub(super) fn restarts(scene: &Scene<'_>) -> Restarts {
    let allowed = scene.identity.pod_restart == PodRestart::Rollout && !scene.identity.paused;
    let none = Restarts {
        allowed,
        ..Restarts::default()
    };
    // A pod that works is not replaced by one that would not.
    let Some(workloads) = scene
        .observed
        .workloads
        .present()
        .filter(|_| allowed && would_work(scene))
    else {
        return none;
    };
    let mut stale: BTreeMap<Option<&Owner>, usize> = BTreeMap::new();
    for holder in scene.holders() {
        if scene.depends_on_another(holder) {
            *stale.entry(holder.owner.as_ref()).or_default() += 1;
        }
    }
    let mut restarts = Restarts {
        mark: hex_hash(&format!("{}/{}", scene.token, scene.began()), 16),
        ..none
    };
    let mut fit: Vec<(usize, &Workload)> = Vec::new();
    for (owner, pods) in stale {
        match restartable(owner, workloads) {
            Ok(workload) => fit.push((pods, workload)),
            Err(why) => restarts.by_hand.push(why),
        }
    }
    restarts.choose(scene, fit, workloads);
    restarts
}

/// Whether a pod that is made now could use the wanted binding, as far as can be told.
fn would_work(scene: &Scene<'_>) -> bool {
    let usable = match &scene.identity.binding.by {
        By::PodIdentity { .. } => {
            let agent = scene.observed.agent.present().is_some_and(|agent| agent.ready);
            agent && refusal::places(scene).is_none()
        }
        By::Irsa { audience, .. } => {
            let provider = scene.observed.provider.present();
            provider.is_some_and(|provider| provider.client_ids.contains(audience.as_str()))
        }
    };
    usable && scene.is_let_in()
}

/// Whether every pod that loses access with the association belongs to something that can be restarted.
pub(super) fn reaches_all(scene: &Scene<'_>) -> bool {
    let Some(workloads) = scene.observed.workloads.present() else {
        return false;
    };
    let mut holders = scene.holders().filter(|holder| holder.has_pod_identity());
    holders.all(|holder| restartable(holder.owner.as_ref(), workloads).is_ok())
}

impl Restarts {
    /// One first: the workload with the fewest stale pods. The others follow when all that was begun is through.
    fn choose(&mut self, scene: &Scene<'_>, mut fit: Vec<(usize, &Workload)>, all: &[Workload]) {
        fit.sort_by(|a, b| (a.0, &a.1.owner).cmp(&(b.0, &b.1.owner)));
        let is_begun = |workload: &Workload| workload.restarted_for.as_deref() == Some(self.mark.as_str());
        let (begun, mut open): (Vec<_>, Vec<_>) =
            fit.into_iter().partition(|(_, workload)| is_begun(workload));
        let any_begun = all.iter().any(is_begun);
        let rolling = all
            .iter()
            .filter(|workload| is_begun(workload) && !workload.rolled_out);
        let mut unfinished: Vec<Owner> = begun.iter().map(|(_, workload)| workload.owner.clone()).collect();
        unfinished.extend(rolling.map(|workload| workload.owner.clone()));
        unfinished.sort();
        unfinished.dedup();
        if !unfinished.is_empty() {
            let late =
                super::left_of(scene.timings.fail_after, scene.since(Reason::Draining), scene.now).is_none();
            if late {
                self.stuck = unfinished;
            } else {
                self.rolling = unfinished;
            }
            return;
        }
        if !any_begun {
            open.truncate(1);
        }
        for (_, workload) in open {
            if workload.disruptions_allowed.is_some_and(|allowed| allowed < 1) {
                self.held_back.push(workload.owner.clone());
            } else {
                self.now.push(workload.owner.clone());
            }
        }
    }
}

/// The workload to restart for pods of an owner, or why Lanyard cannot.
fn restartable<'a>(owner: Option<&Owner>, workloads: &'a [Workload]) -> Result<&'a Workload, String> {
    let Some(owner) = owner else {
        return Err("bare pods".to_owned());
    };
    let found = workloads.iter().find(|workload| workload.owner == *owner);
    match found {
        None => Err(owner.to_string()),
        Some(workload) if workload.on_delete => Err(format!("{owner} (OnDelete)")),
        Some(workload) if workload.paused => Err(format!("{owner} (paused)")),
        Some(workload) => Ok(workload),
    }
}
