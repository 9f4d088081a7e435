//! The context that all reconciles share: the engine, the store, the classes, the pod index and the operator's memory.
//! It is built once per process. Its methods resolve references and compute the write gate; they do no I/O.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use futures::channel::mpsc::UnboundedSender;
use kube_runtime::reflector::Store;
use lanyard_core::model::fact::Fact;
use lanyard_core::model::pods::PodList;
use lanyard_core::model::subject::Subject;
use lanyard_core::reconcile::gate::{Reporting, WriteGate};
use lanyard_engine::Engine;
use lanyard_engine::pods::PodIndex;

use super::key::ObjectKey;
use super::object_table::ObjectTable;
use super::reference::IdentityRef;
use super::triggers::Priority;
use crate::class_state::Classes;
use crate::clock::Clock;
use crate::lease::LeaseGate;
use crate::metrics::Metrics;
use crate::watched::WatchHealth;
use lanyard_engine::raw::RawIdentity;

/// The context that all reconciles share.
pub struct Context {
    /// AWS and the cluster.
    pub engine: Engine,
    /// Every WorkloadIdentity, as the watch last delivered it.
    pub store: Store<RawIdentity>,
    /// Every class, and the rollout slots of its identities.
    pub classes: Classes,
    /// The credentials of every pod in the cluster.
    pub pods: Arc<RwLock<PodIndex>>,
    /// True if this replica is the leader.
    pub lease: LeaseGate,
    /// True if the operator runs read-only.
    pub read_only: bool,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The health of the watches.
    pub watch_health: WatchHealth,
    /// The name of this replica, as events report it.
    pub instance: String,
    /// The source of the current time.
    pub clock: Clock,
    /// The state of each object between reconciles.
    pub objects: Arc<ObjectTable>,
}

impl Context {
    /// The write gate for an object at this moment.
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

    /// The pods of the subject in the pod index.
    pub fn counted_pods(&self, subject: &Subject) -> Fact<PodList> {
        let index = self.pods.read().unwrap_or_else(PoisonError::into_inner);
        let auto_mode = self.engine.known_auto_mode();
        index.counted(subject.namespace.as_str(), subject.name.as_str(), auto_mode)
    }

    /// The key of the object that `reference` names. Returns `None` if the store does not contain it.
    pub fn key_of(&self, reference: &IdentityRef) -> Option<ObjectKey> {
        ObjectKey::of_object(&*self.store.get(reference)?)
    }

    /// Records a trigger. Returns `false` if the store does not contain the object: the watch event that adds the object
    /// starts a reconcile, so the trigger is dropped.
    pub fn trigger(&self, reference: &IdentityRef, priority: Priority) -> bool {
        let key = self.key_of(reference);
        key.inspect(|key| self.objects.trigger(*key, priority)).is_some()
    }

    /// Requeues an object whose cached facts are out of date.
    pub fn requeue_now(&self, requeue: &UnboundedSender<IdentityRef>, reference: IdentityRef) {
        self.drop_settled(&reference);
        // The receiver is gone only after the controller has ended.
        let _ = requeue.unbounded_send(reference);
    }

    /// Drops the facts that were kept for an object, because AWS or the cluster changed.
    pub fn drop_settled(&self, reference: &IdentityRef) {
        if let Some(key) = self.key_of(reference) {
            self.objects.drop_settled(key);
        }
    }

    /// Removes the state of objects that the store does not contain.
    pub fn retain_stored_objects(&self) {
        let objects = self.store.state();
        let live: HashSet<ObjectKey> = objects
            .iter()
            .filter_map(|object| ObjectKey::of_object(object))
            .collect();
        self.objects.retain(&live);
    }

    /// Drops every cached fact at the start of a term: another replica may have led and changed AWS since.
    pub(super) async fn new_term(&self) {
        self.classes.forget_turns();
        self.engine.forget().await;
        self.objects.new_term();
    }
}
