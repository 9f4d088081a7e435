//! `Engine`: the clients, settings and caches that reads and writes share.
//! Input: clients and settings of one cluster. Output: a value that is cheap to clone. Creating it does no I/O.
//!
//! The methods that do I/O are in `read/` and `write/`.

use std::sync::Arc;

use lanyard_aws::Aws;
use lanyard_core::model::cluster::Cluster;
use lanyard_core::model::inventory::Inventory;
use lanyard_core::model::observed::Observed;
use lanyard_core::model::spec::Method;
use lanyard_core::model::subject::Subject;
use lanyard_core::model::timings::Timings;

use crate::cluster_facts::ClusterFacts;
use crate::guarded_client::{GuardedClient, WriteCheck};
use crate::recent_writes::{RecentWrites, TrustEdits};
use crate::target::Target;

/// The reads and writes of one cluster: its API server, its AWS accounts, and the caches of both.
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
    recent_writes: RecentWrites,
    cluster_facts: ClusterFacts,
    trust_edits: TrustEdits,
}

impl Engine {
    /// Creates the engine of an identified cluster. `auto_mode`: EKS Auto Mode includes the agent. `may_write`
    /// is checked before every write to the API server; `aws` has a check of its own.
    #[must_use]
    pub fn new(
        aws: Aws,
        kube: kube::Client,
        cluster: Cluster,
        auto_mode: bool,
        timings: Timings,
        may_write: WriteCheck,
    ) -> Self {
        let recent_writes =
            RecentWrites::new(timings.read_consistency, timings.propagation, timings.stall_after);
        let cluster_facts = ClusterFacts::new(timings.cluster_facts, auto_mode);
        let trust_edits = TrustEdits::new(timings.read_consistency);
        Self {
            inner: Arc::new(Inner {
                aws,
                kube,
                cluster,
                timings,
                may_write,
                recent_writes,
                cluster_facts,
                trust_edits,
            }),
        }
    }

    /// The cluster.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.inner.cluster
    }

    /// The configured durations.
    #[must_use]
    pub fn timings(&self) -> &Timings {
        &self.inner.timings
    }

    /// The client of the API server.
    #[must_use]
    pub fn kube(&self) -> &kube::Client {
        &self.inner.kube
    }

    /// Clears the caches at the start of a leader term, because another replica was the leader meanwhile.
    pub async fn forget(&self) {
        self.inner.recent_writes.begin_term();
        self.inner.cluster_facts.forget().await;
    }

    /// Marks absent resources of a deleted object as unreadable shortly after a leader change, because the
    /// previous leader may have created them just before. The inventory tells whether an association was ever
    /// planned; without an inventory it may have been.
    pub fn treat_absence_as_stale(&self, target: &Target, observed: &mut Observed) {
        let by_association = |inventory: &Inventory| {
            let mut entries = inventory.roles.iter();
            entries.any(|entry| entry.method == Method::PodIdentity)
        };
        let associated = self.cluster().eks_name().is_some()
            && target.control.inventory.as_ref().is_none_or(by_association);
        self.recent_writes()
            .treat_absence_as_stale(&target.subject, observed, associated);
    }

    /// Returns true if a ServiceAccount has exactly the annotations that Lanyard wrote last, see
    /// [`fingerprint`](crate::fingerprint).
    #[must_use]
    pub fn wrote_annotations(&self, subject: &Subject, fingerprint: u64) -> bool {
        self.inner.recent_writes.annotated(subject, fingerprint)
    }

    /// The client for writes to the API server.
    #[must_use]
    pub fn guarded(&self) -> GuardedClient<'_> {
        GuardedClient {
            kube: &self.inner.kube,
            limit: self.inner.timings.operation,
            may_write: &self.inner.may_write,
        }
    }

    pub(crate) fn aws(&self) -> &Aws {
        &self.inner.aws
    }

    pub(crate) fn recent_writes(&self) -> &RecentWrites {
        &self.inner.recent_writes
    }

    pub(crate) fn trust_edits(&self) -> &TrustEdits {
        &self.inner.trust_edits
    }

    pub(crate) fn cluster_facts(&self) -> &ClusterFacts {
        &self.inner.cluster_facts
    }
}
