//! What every pass shares: the world, the gate, the pods, the metrics and what is remembered between passes.
//! Built once at start; nothing here decides anything.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use kube_runtime::reflector::{ObjectRef, Store};
use lanyard_core::gate::{Gate, Reporting};
use lanyard_engine::World;
use lanyard_engine::pods::PodFold;

use crate::backoff::Backoff;
use crate::lease::LeaseGate;
use crate::metrics::Metrics;
use crate::raw::RawIdentity;

/// What every pass shares.
pub struct Context {
    /// AWS and the cluster.
    pub world: World,
    /// Every WorkloadIdentity, as the watch last showed it.
    pub store: Store<RawIdentity>,
    /// Every pod of the cluster, folded.
    pub pods: Arc<RwLock<PodFold>>,
    /// Whether this replica may write.
    pub lease: LeaseGate,
    /// Whether nobody may write.
    pub read_only: bool,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// How long each object that failed waits.
    pub backoff: Backoff,
    /// Who reports events: this replica.
    pub instance: String,
    /// The last request for a fresh look of each object, by uid.
    pub requests: Requests,
}

impl Context {
    /// What may be written for an object at this moment.
    #[must_use]
    pub fn gate(&self, suspended: bool) -> Gate {
        if !self.lease.is_open() {
            Gate::Closed
        } else if suspended {
            Gate::ReportOnly(Reporting::Suspended)
        } else if self.read_only {
            Gate::ReportOnly(Reporting::ReadOnly)
        } else {
            Gate::Open
        }
    }
}

/// A reference to an object.
pub type Ref = ObjectRef<RawIdentity>;

/// The last value of `lanyard.dev/requested-at` that each object was looked at for.
#[derive(Debug, Default)]
pub struct Requests(Mutex<HashMap<String, String>>);

impl Requests {
    /// Whether this value is a new request. The first one seen after a start is not: everything is read afresh then.
    pub fn is_new(&self, uid: &str, requested_at: Option<&str>) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let value = requested_at.unwrap_or_default().to_owned();
        known
            .insert(uid.to_owned(), value.clone())
            .is_some_and(|before| before != value)
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}
