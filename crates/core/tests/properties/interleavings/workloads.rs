//! The workloads of the model: restarts by the operator, rollouts, disruption budgets, and owners that revert their template.
//! Checks that restarts are bounded and make the pods of at most one workload worse. Inputs are actions; the output is the
//! changed cluster, or the broken rule. No I/O.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::pods::{PodCredentials, PodList};
use lanyard_core::model::timings::Timings;
use lanyard_core::model::workload::{Workload, WorkloadRef};

use super::cluster::{Cluster, Pod};

/// The maximum number of restarts of one workload in a transition.
const MAX_RESTARTS: usize = 2;

/// The owners of the pods: two workloads that can be restarted, and a Job.
pub fn owners() -> Vec<WorkloadRef> {
    let owner = |kind: &str, name: &str| WorkloadRef {
        kind: kind.to_owned(),
        name: name.to_owned(),
    };
    vec![
        owner("Deployment", "web"),
        owner("StatefulSet", "queue"),
        owner("Job", "report"),
    ]
}

fn workload(owner: WorkloadRef) -> Workload {
    Workload {
        owner,
        restarted_for: None,
        rolled_out: true,
        restarted_at: None,
        obstacle: None,
        disruptions_allowed: None,
    }
}

impl Cluster {
    /// Records a restart by the operator.
    pub fn restart(&mut self, owner: &WorkloadRef) -> Result<(), String> {
        let now = self.now;
        let Some(workload) = self.workload_mut(owner) else {
            return Err(format!("{owner} restarted, which is no readable workload"));
        };
        if workload.disruptions_allowed == Some(0) {
            return Err(format!("{owner} restarted against its budget"));
        }
        workload.restarted_at = Some(now);
        let restarts = self.restarts.entry(owner.clone()).or_default();
        let fail_after = SignedDuration::try_from(Timings::default().fail_after).unwrap();
        if restarts.last().is_some_and(|last| now < *last + fail_after) || restarts.len() >= MAX_RESTARTS {
            return Err(format!("{owner} restarted at {now} and at {restarts:?}"));
        }
        restarts.push(now);
        Ok(())
    }

    /// A new transition, or a lost record: restarts before it do not count.
    pub fn forget_restarts(&mut self) {
        self.restarts.clear();
        self.pods.iter_mut().for_each(|pod| pod.worsened = false);
    }

    /// The restarts are complete: a later restart is another one, but not within the same time.
    pub fn end_restarts(&mut self) {
        for restarts in self.restarts.values_mut() {
            let last = restarts.pop();
            *restarts = last.into_iter().collect();
        }
    }

    fn workload_mut(&mut self, owner: &WorkloadRef) -> Option<&mut Workload> {
        let mut workloads = self.world.workloads.present_mut()?.iter_mut();
        workloads.find(|workload| workload.owner == *owner)
    }

    pub fn workload(&mut self, owner: usize) -> Option<&mut Workload> {
        self.report_pods();
        self.workload_mut(&owners()[owner])
    }

    /// The owner of a workload restores its pod template, and Kubernetes the pods of that template.
    pub fn revert_template(&mut self, owner: usize) {
        let owner = owners()[owner].clone();
        let is_recorded = self.status.restarts.iter().any(|entry| entry.owner == owner);
        if let Some(workload) = self.workload_mut(&owner) {
            (workload.restarted_for, workload.restarted_at) = (None, None);
            workload.rolled_out = true;
        }
        // A restart that neither the record nor the template shows may be repeated.
        if !is_recorded {
            self.forget_restarts();
        }
    }

    /// Returns true if every pod that loses access with the association belongs to a workload that can be restarted now.
    pub fn can_restart_all(&self) -> bool {
        let workloads = self.world.workloads.present();
        let can_restart = |pod: &Pod| {
            let mut workloads = workloads.into_iter().flatten();
            let workload = workloads.find(|workload| workload.owner == pod.owner);
            workload.is_some_and(|workload| workload.disruptions_allowed != Some(0))
        };
        self.pods
            .iter()
            .filter(|pod| pod.has_pod_identity())
            .all(can_restart)
    }

    /// Replaces one old pod of a restarted workload, and creates the new one first.
    pub fn roll_out(&mut self, chance: (u8, u8)) -> Result<(), String> {
        let restarted = self.world.workloads.present().into_iter().flatten();
        let Some(owner) = restarted
            .filter(|workload| !workload.rolled_out)
            .map(|workload| workload.owner.clone())
            .next()
        else {
            return Ok(());
        };
        let oldest = self
            .pods
            .iter()
            .position(|pod| pod.owner == owner && pod.created < self.now);
        if let Some(oldest) = oldest {
            let at = owners().iter().position(|known| *known == owner).unwrap_or(0);
            self.create_pod(chance, at)?;
            let old = self.pods.remove(oldest);
            let is_restarted = self.restarts.contains_key(&owner);
            if let Some(new) = self.pods.last_mut() {
                new.worsened =
                    is_restarted && new.carries.is_empty() && (old.worsened || !old.carries.is_empty());
            }
            return self.at_most_one_is_worsened();
        }
        if let Some(workload) = self.workload_mut(&owner) {
            workload.rolled_out = true;
        }
        Ok(())
    }

    fn at_most_one_is_worsened(&self) -> Result<(), String> {
        let worsened = self.pods.iter().filter(|pod| pod.worsened);
        let owners: BTreeSet<&WorkloadRef> = worsened.map(|pod| &pod.owner).collect();
        match owners.len() {
            0 | 1 => Ok(()),
            _ => Err(format!("restarts left {owners:?} without credentials")),
        }
    }

    /// Writes the pods and the workloads into the world, as a reconcile reads them.
    pub fn report_pods(&mut self) {
        let pod = |pod: &Pod| PodCredentials {
            overridden_by: None,
            loads_variables: false,
            skips_webhook: false,
            credentials: pod.carries.clone(),
            token_volume: self.token_volume.clone(),
            created: pod.created,
            owner: Some(pod.owner.clone()),
            place: self.place,
        };
        self.world.pods = Fact::Present(PodList {
            items: self.pods.iter().map(pod).collect(),
            fresh: true,
        });
        if self.world.workloads == Fact::Unreadable(ReadError::NotRead) {
            let [web, queue, _] = owners().try_into().unwrap();
            self.world.workloads = Fact::Present([web, queue].map(workload).to_vec());
        }
    }

    /// The world heals: the webhook answers, and no budget blocks a restart.
    pub fn heal(&mut self) {
        self.webhook_down = false;
        for workload in self.world.workloads.present_mut().into_iter().flatten() {
            workload.disruptions_allowed = None;
        }
    }
}
