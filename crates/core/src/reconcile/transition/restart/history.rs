//! The restarts that were already made in a transition: the recorded ones, and those that only a pod template shows because
//! their answer was lost. The pods of each restarted workload tell whether its restart had an effect. Input is the
//! transition view; outputs are status entries and the result of each restart. No I/O.

use jiff::Timestamp;

use super::super::view::TransitionView;
use crate::model::pods::{Credential, PodCredentials};
use crate::model::status::{RESTARTS_LIMIT, RestartStatus};
use crate::model::timings::remaining;
use crate::model::workload::{RestartedFor, Workload, WorkloadRef};

/// The maximum number of restarts of one workload in a transition.
const MAX_RESTARTS: u32 = 2;

/// The result of a restart, as far as pods and workload show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RestartResult {
    /// New pods carry other credentials than the desired binding provides, or none. The text describes them.
    Ineffective(&'static str),
    /// The rollout is not complete.
    Rolling,
    /// The rollout was complete and every new pod carried the desired binding, or the workload has no pods.
    Complete,
}

/// The restarts of this transition. Progress and verification are updated by the observed pods and workloads.
pub(super) fn history(view: &TransitionView<'_>) -> Vec<RestartStatus> {
    let recorded = view.previous.restarts.iter();
    let mut history: Vec<RestartStatus> = recorded
        .filter(|entry| entry.target_hash == view.target_hash)
        .cloned()
        .collect();
    let workloads = view.observed.workloads.present();
    for workload in workloads.into_iter().flatten() {
        if let (Some(mark), Some(at)) = (workload.restarted_for.as_ref(), restarted_at(workload, view)) {
            record_restart(&mut history, &workload.owner, mark, at);
        }
    }
    for entry in &mut history {
        observe_progress(entry, view);
    }
    history
}

/// Adds a restart to the history, unless it is already recorded.
pub(crate) fn record_restart(
    history: &mut Vec<RestartStatus>,
    owner: &WorkloadRef,
    mark: &RestartedFor,
    at: Timestamp,
) {
    let known = history.iter().position(|entry| entry.owner == *owner);
    let before = known.map(|index| history.remove(index));
    if let Some(before) = before
        .as_ref()
        .filter(|before| before.created_until >= mark.created_until)
    {
        history.push(before.clone());
        return;
    }
    if history.len() >= RESTARTS_LIMIT {
        // A verified workload has no stale pods, so its entry is the one that is needed least.
        let verified = history.iter().position(|entry| entry.verified);
        drop(history.remove(verified.unwrap_or(0)));
    }
    history.push(RestartStatus {
        owner: owner.clone(),
        target_hash: mark.binding.clone(),
        time: at,
        count: before.map_or(0, |before| before.count).saturating_add(1),
        created_until: mark.created_until,
        current_pods: 0,
        progress_time: at,
        verified: false,
    });
}

/// The time at which the workload was restarted in this transition. Returns `None` if it was not restarted, or in an earlier
/// transition to the same binding.
fn restarted_at(workload: &Workload, view: &TransitionView<'_>) -> Option<Timestamp> {
    let mark = workload.restarted_for.as_ref()?;
    // Kubernetes stores times in whole seconds.
    let start = view.start_time().as_second();
    let at = workload.restarted_at.filter(|at| at.as_second() >= start)?;
    (mark.binding == view.target_hash).then(|| at.min(view.now))
}

fn observe_progress(entry: &mut RestartStatus, view: &TransitionView<'_>) {
    let owned = || view.pods().filter(|pod| pod.owner.as_ref() == Some(&entry.owner));
    let desired = &view.identity.binding;
    let current = owned().filter(|pod| pod.carries(desired, None)).count();
    let current = u32::try_from(current).unwrap_or(u32::MAX);
    let is_new = |pod: &PodCredentials| pod.created >= entry.created_until && pod.carries(desired, None);
    let rolled_out = workload(&entry.owner, view).is_some_and(|workload| workload.rolled_out);
    let verified = rolled_out && owned().any(is_new) && ineffective(entry, view).is_none();
    if current > entry.current_pods {
        entry.current_pods = current;
        entry.progress_time = view.now;
    }
    entry.verified |= verified;
}

/// Returns a description of the credentials of the first new pod that does not carry the desired binding. All times are
/// creation times of the API server.
fn ineffective(entry: &RestartStatus, view: &TransitionView<'_>) -> Option<&'static str> {
    let desired = &view.identity.binding;
    let mut new = view
        .pods()
        .filter(|pod| pod.owner.as_ref() == Some(&entry.owner) && pod.created > entry.created_until);
    let pod = new.find(|pod| !pod.carries(desired, None))?;
    let foreign = pod
        .credentials
        .iter()
        .find(|credential| !credential.is_of(desired));
    Some(match (foreign, desired.is_irsa()) {
        (None, _) => "no credentials",
        (Some(Credential::PodIdentity), _) => "Pod Identity",
        (Some(Credential::WebIdentity { .. }), true) => "another role or audience",
        (Some(Credential::WebIdentity { .. }), false) => "web identity",
    })
}

pub(super) fn workload<'a>(owner: &WorkloadRef, view: &TransitionView<'a>) -> Option<&'a Workload> {
    let mut workloads = view.observed.workloads.present().into_iter().flatten();
    workloads.find(|workload| workload.owner == *owner)
}

impl RestartStatus {
    pub(super) fn result(&self, view: &TransitionView<'_>) -> RestartResult {
        let mut pods = view.pods();
        let has_pods = pods.any(|pod| pod.owner.as_ref() == Some(&self.owner));
        match ineffective(self, view) {
            // A pod that comes later than a complete rollout is not the result of the restart.
            Some(carried) if !self.verified => RestartResult::Ineffective(carried),
            None if !self.verified && has_pods => RestartResult::Rolling,
            Some(_) | None => RestartResult::Complete,
        }
    }

    /// Returns true if the template no longer contains the restart: its owner reverted it.
    pub(super) fn is_reverted(&self, workload: &Workload, view: &TransitionView<'_>) -> bool {
        let mark = workload.restarted_for.as_ref();
        !mark.is_some_and(|mark| mark.replaces(&view.target_hash, self.created_until))
    }

    pub(super) fn is_used_up(&self) -> bool {
        self.count >= MAX_RESTARTS
    }

    /// Returns true if the last restart is older than `failAfter`.
    pub(super) fn is_repeatable(&self, view: &TransitionView<'_>) -> bool {
        !self.is_used_up() && remaining(view.timings.fail_after, self.time, view.now).is_none()
    }

    /// Returns true if the rollout made no progress for `failAfter`.
    pub(super) fn is_late(&self, view: &TransitionView<'_>) -> bool {
        remaining(view.timings.fail_after, self.progress_time, view.now).is_none()
    }
}
