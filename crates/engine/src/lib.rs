//! The engine: the only place where steps touch the world, the same for the operator and the command line.
//!
//! ```text
//!   scope ---> observe ---> Observed          reads of AWS and the cluster, each thing a fact
//!   plan  ---> apply   ---> Outcome           one step after another, the gate asked before each
//! ```
//!
//! It decides nothing: what to read comes with the scope, what to do comes with the plan, and what an answer means is
//! the core's. Reads never fail as a whole, and no step's failure stops the pass from being reported.

pub mod apply;
pub mod observe;
pub mod pods;
pub mod raw;

mod account;
mod bulk;
mod call;
mod error;
mod keyed_locks;
mod lists;
mod object;
mod provider;
mod recent;
mod restart;
pub mod service_account;
mod shared;
mod steps;
#[cfg(test)]
mod tests;
mod trusts;
mod webhook;
mod workloads;

use std::sync::Arc;

use lanyard_aws::Aws;
use lanyard_core::model::cluster::Cluster;
use lanyard_core::model::inventory::Inventory;
use lanyard_core::model::observed::Observed;
use lanyard_core::model::spec::Method;
use lanyard_core::model::timings::Timings;

pub use bulk::{AccountAccess, ListedAccount};
pub use call::{GuardedClient, WriteCheck};
pub use error::EngineError;
pub use lanyard_aws::{ListedAssociation, ListedRole, Page};
pub use object::{Target, let_go};
pub use observe::Scope;

/// The world of one cluster: its API server, its AWS account, and what is remembered of both between looks.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    aws: Aws,
    kube: kube::Client,
    cluster: Cluster,
    timings: Timings,
    may_write: WriteCheck,
    recent: recent::Recent,
    shared: shared::Shared,
    trusts: trusts::Trusts,
}

impl Engine {
    /// The world of a cluster that was identified. `auto_mode`: EKS Auto Mode brings the agent with it. `may_write` is
    /// asked before every write to the API server; `aws` has its own way of asking the same.
    #[must_use]
    pub fn new(
        aws: Aws,
        kube: kube::Client,
        cluster: Cluster,
        auto_mode: bool,
        timings: Timings,
        may_write: WriteCheck,
    ) -> Self {
        let recent = recent::Recent::new(timings.read_consistency);
        let shared = shared::Shared::new(timings.cluster_facts, auto_mode);
        let trusts = trusts::Trusts::new(timings.read_consistency);
        Self {
            inner: Arc::new(Inner {
                aws,
                kube,
                cluster,
                timings,
                may_write,
                recent,
                shared,
                trusts,
            }),
        }
    }

    /// The cluster.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.inner.cluster
    }

    /// How long things take.
    #[must_use]
    pub fn timings(&self) -> &Timings {
        &self.inner.timings
    }

    /// The client of the API server.
    #[must_use]
    pub fn kube(&self) -> &kube::Client {
        &self.inner.kube
    }

    /// Forgets the facts that are remembered between looks: another replica led meanwhile.
    pub async fn forget(&self) {
        self.inner.recent.begin_term();
        self.inner.shared.forget().await;
    }

    /// For an object that goes, just after a change of operators: what is not seen may only be late. Custody tells
    /// whether there was ever an association to be made; without custody there may have been.
    pub fn treat_absence_as_stale(&self, target: &Target, observed: &mut Observed) {
        let by_association = |inventory: &Inventory| {
            let mut entry = inventory.roles.iter();
            entry.any(|entry| entry.method == Method::PodIdentity)
        };
        let associated = self.cluster().eks_name().is_some()
            && target.control.inventory.as_ref().is_none_or(by_association);
        self.recent()
            .treat_absence_as_stale(&target.subject, observed, associated);
    }

    /// Whether a ServiceAccount carries just the annotations that Lanyard wrote last; see [`service_account::fingerprint`].
    #[must_use]
    pub fn wrote_annotations(
        &self,
        subject: &lanyard_core::model::subject::Subject,
        fingerprint: u64,
    ) -> bool {
        self.inner.recent.annotated(subject, fingerprint)
    }

    pub(crate) fn aws(&self) -> &Aws {
        &self.inner.aws
    }

    pub(crate) fn recent(&self) -> &recent::Recent {
        &self.inner.recent
    }

    pub(crate) fn trusts(&self) -> &trusts::Trusts {
        &self.inner.trusts
    }

    pub(crate) fn shared(&self) -> &shared::Shared {
        &self.inner.shared
    }
}
