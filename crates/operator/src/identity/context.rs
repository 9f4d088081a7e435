//! What every pass shares: the world, the gate, the pods, the metrics and what is remembered between passes.
//! Built once at start; nothing here decides anything.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use futures::channel::mpsc::UnboundedSender;
use jiff::Timestamp;
use kube_runtime::reflector::Store;
use lanyard_core::model::observed::Observed;
use lanyard_core::reconcile::gate::{Reporting, WriteGate};
use lanyard_engine::Engine;
use lanyard_engine::pods::PodIndex;

use super::checks::Checks;
use super::corrections::Contests;
use super::reference::IdentityRef;
use super::triggers::Triggers;
use crate::backoff::Backoff;
use crate::classes::Classes;
use crate::hash::hash;
use crate::lease::LeaseGate;
use crate::metrics::Metrics;
use crate::raw::RawIdentity;

/// What every pass shares.
pub struct Context {
    /// AWS and the cluster.
    pub engine: Engine,
    /// Every WorkloadIdentity, as the watch last showed it.
    pub store: Store<RawIdentity>,
    /// Every class, and the turns that they give.
    pub classes: Classes,
    /// Every pod of the cluster, folded.
    pub pods: Arc<RwLock<PodIndex>>,
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
    /// What was corrected of each object lately.
    pub contests: Contests,
    /// The last request for a fresh look of each object, by uid.
    pub requests: Requests,
    /// What was seen of objects whose last change only has to settle.
    pub settling: Settling,
    /// When objects were last looked at.
    pub looks: Looks,
    /// When each object was looked at or checked.
    pub checks: Checks,
    /// Who asked for a look.
    pub asked: Triggers,
}

impl Context {
    /// What may be written for an object at this moment.
    #[must_use]
    pub fn gate(&self, suspended: bool) -> WriteGate {
        if !self.lease.is_open() {
            WriteGate::Closed
        } else if self.read_only {
            WriteGate::ReportOnly(Reporting::ReadOnly)
        } else if suspended {
            WriteGate::ReportOnly(Reporting::Suspended)
        } else {
            WriteGate::Open
        }
    }

    /// Has an object looked at, by whoever listens to `requeue`: what is remembered of it counts no more.
    pub fn requeue_now(&self, requeue: &UnboundedSender<IdentityRef>, reference: IdentityRef) {
        self.settling.forget(&reference);
        // Nobody listens any more only when the controller has ended.
        let _ = requeue.unbounded_send(reference);
    }
}

/// The last value of `lanyard.dev/reconcile-requested-at` that each object was looked at for.
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

/// When each object was last looked at, for those who hear later of what happened to it. Kept only where somebody does,
/// by the hashes of references: ten thousand of these would take megabytes.
#[derive(Debug, Default)]
pub struct Looks(Option<Mutex<HashMap<u64, Timestamp>>>);

impl Looks {
    /// `kept`: whether anybody will ask.
    #[must_use]
    pub fn new(kept: bool) -> Self {
        Self(kept.then(Mutex::default))
    }

    /// A look begins that reads what it needs afresh.
    pub fn begins(&self, object: &IdentityRef, at: Timestamp) {
        if let Some(mut known) = self.known() {
            known.insert(hash(object), at);
        }
    }

    /// When the last look began.
    pub fn last(&self, object: &IdentityRef) -> Option<Timestamp> {
        self.known()?.get(&hash(object)).copied()
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, object: &IdentityRef) {
        if let Some(mut known) = self.known() {
            known.remove(&hash(object));
        }
    }

    fn known(&self) -> Option<MutexGuard<'_, HashMap<u64, Timestamp>>> {
        let known = self.0.as_ref()?;
        Some(known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The facts of objects whose binding is in place and only has to reach everybody: waiting for that reads nothing twice.
#[derive(Debug, Default)]
pub struct Settling(Mutex<HashMap<IdentityRef, Seen>>);

#[derive(Debug)]
struct Seen {
    observed: Observed,
    generation: i64,
    until: Instant,
}

impl Settling {
    /// Keeps the facts of a look until a change has settled.
    pub fn keep(&self, object: IdentityRef, observed: Observed, generation: i64, settles: Duration) {
        let seen = Seen {
            observed,
            generation,
            until: Instant::now() + settles,
        };
        self.seen().insert(object, seen);
    }

    /// The facts of the last look, once: if nobody has changed the object since, and its time has come.
    pub fn take(&self, object: &IdentityRef, generation: i64) -> Option<Observed> {
        let seen = self.seen().remove(object)?;
        (seen.generation == generation && Instant::now() >= seen.until).then_some(seen.observed)
    }

    /// Something about the object has changed: the next look reads for itself.
    pub fn forget(&self, object: &IdentityRef) {
        self.seen().remove(object);
    }

    /// Another replica has led since: nothing that was seen counts any more.
    pub fn forget_all(&self) {
        self.seen().clear();
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<IdentityRef, Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
