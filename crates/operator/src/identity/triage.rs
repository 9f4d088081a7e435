//! Triage: decides whether a queued object is reconciled now or requeued, and which objects the drift scan covers.
//! An object of the store in; a decision out. No I/O.

use std::time::{Duration, Instant, SystemTime};

use kube_runtime::controller::Action;
use lanyard_core::bulk::{Known, is_steady};
use lanyard_core::identity::Identity;
use lanyard_core::reconcile::class_decision::ClassDecision;
use lanyard_core::reconcile::gate::WriteGate;

use super::context::Context;
use super::fingerprint::external_fingerprint;
use super::key::ObjectKey;
use super::object_state::Schedule;
use super::reference::{IdentityRef, reference_of};
use super::triggers::Priority;
use crate::backoff::spread;
use lanyard_engine::raw::{Decoded, RawIdentity};

/// The decision about a queued object.
#[derive(Debug)]
pub(crate) enum Triage {
    /// It is not reconciled now.
    Requeue(Action),
    /// It is reconciled now.
    Reconcile(Priority),
}

/// An identity that waits only for drift, decoded for one comparison.
#[derive(Debug)]
pub(crate) struct SteadyIdentity {
    pub decoded: Decoded,
    pub identity: Identity,
    gate: WriteGate,
}

impl SteadyIdentity {
    /// Everything known of the identity except the observed facts.
    pub fn known(&self) -> Known<'_> {
        Known {
            identity: &self.identity,
            status: &self.decoded.status,
            generation: self.decoded.generation,
            gate: self.gate,
        }
    }
}

impl Context {
    /// Decodes an object that waits only for drift. Returns `None` if it waits for something else.
    pub(crate) fn steady(&self, object: &RawIdentity) -> Option<SteadyIdentity> {
        let cluster = self.engine.cluster();
        let mut decoded = object.decode(&cluster.identity)?;
        if decoded.is_deleting {
            return None;
        }
        decoded.target.access = self.classes.account(&decoded);
        let spec = decoded.spec.as_ref().ok()?;
        let ClassDecision::Accepted(identity) = self.classes.rule_at_rest(spec, &decoded, cluster) else {
            return None;
        };
        let steady = SteadyIdentity {
            gate: self.gate(spec.suspend),
            identity: *identity,
            decoded,
        };
        is_steady(&steady.known(), &steady.decoded.target.control).then_some(steady)
    }

    /// Decides whether a queued object is reconciled now.
    ///
    /// An object without a trigger was queued because it changed, because its time has come, or because a term began. In
    /// the last case, the drift scan covers the steady objects.
    pub(crate) fn triage(&self, object: &RawIdentity) -> Triage {
        let (fingerprint, now) = (external_fingerprint(object), Instant::now());
        let Some(key) = ObjectKey::of_object(object) else {
            return Triage::Reconcile(Priority::Normal);
        };
        let schedule = self.objects.schedule(key, fingerprint, now);
        match (schedule, self.objects.take_trigger(key)) {
            (Schedule::Changed, _) => Triage::Reconcile(Priority::Normal),
            (_, Some(priority)) | (Schedule::Due(priority), None) => Triage::Reconcile(priority),
            (Schedule::DueIn(remaining), None) => Triage::Requeue(Action::requeue(remaining)),
            (
                Schedule::OnDrift {
                    confirmed_for,
                    unreconciled_for,
                    reconciled,
                    uncovered,
                },
                None,
            ) => {
                let is_confirmed = !uncovered && confirmed_for < self.engine.timings().resync * 2;
                let is_steady = || self.steady(object).is_some();
                match is_confirmed && !self.is_slot_due(key, unreconciled_for, reconciled) && is_steady() {
                    true => self.requeue_at_resync(&reference_of(object)),
                    false => Triage::Reconcile(Priority::Background),
                }
            }
            (Schedule::New, None) => self.triage_new(object, key, fingerprint, now),
        }
    }

    /// An object that was not seen in this term is deferred to the drift scan if it is steady.
    fn triage_new(&self, object: &RawIdentity, key: ObjectKey, fingerprint: u64, now: Instant) -> Triage {
        match self.steady(object) {
            Some(steady) if steady.decoded.is_requested() => Triage::Reconcile(Priority::Normal),
            Some(_) => {
                self.objects.defer_to_scan(key, fingerprint, now);
                self.requeue_at_resync(&reference_of(object))
            }
            None => Triage::Reconcile(Priority::Normal),
        }
    }

    fn requeue_at_resync(&self, object: &IdentityRef) -> Triage {
        Triage::Requeue(Action::requeue(spread(self.engine.timings().resync, object)))
    }

    /// True if the object's slot for a full reconcile has passed since it was last reconciled. An object that was not
    /// reconciled in this term may have missed its slot while there was no leader.
    fn is_slot_due(&self, key: ObjectKey, unreconciled_for: Duration, reconciled: bool) -> bool {
        let timings = self.engine.timings();
        let window = match reconciled {
            true => unreconciled_for,
            false => unreconciled_for + timings.resync,
        };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        key.slot_is_within(window, timings.by_itself, now.unwrap_or_default())
    }
}
