//! The triage of queued objects: steady objects are left to the drift scan, all others are reconciled. Input: an object
//! of the store. Output: a decision with the requeue delay, or the steady identity for a comparison. No I/O.

use std::time::{Duration, Instant, SystemTime};

use kube_runtime::controller::Action;
use lanyard_core::bulk::{Known, is_steady};
use lanyard_core::identity::Identity;
use lanyard_core::reconcile::class_decision::ClassDecision;
use lanyard_core::reconcile::gate::WriteGate;

use crate::backoff::spread;
use crate::checks::{Key, Waiting};
use crate::context::{Context, IdentityRef};
use crate::controller::external_fingerprint;
use crate::raw::{Decoded, RawIdentity};
use crate::triggers::Priority;

/// The decision about a queued object.
#[derive(Debug)]
pub(crate) enum Triage {
    /// Requeue the object without a reconcile.
    Requeue(Action),
    /// Reconcile the object.
    Reconcile(Priority),
}

/// A steady identity, decoded for one comparison.
#[derive(Debug)]
pub(crate) struct SteadyIdentity {
    pub decoded: Decoded,
    pub identity: Identity,
    gate: WriteGate,
}

impl SteadyIdentity {
    /// The inputs of a comparison apart from the facts.
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
    /// The identity of a steady object. Returns `None` if the object is not steady.
    pub(crate) fn steady(&self, object: &RawIdentity) -> Option<SteadyIdentity> {
        let cluster = self.engine.cluster();
        let mut decoded = object.decode(&cluster.identity)?;
        if decoded.goes {
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

    /// Decides if an object has to be reconciled now.
    ///
    /// A watch that observes a relevant change sets a trigger. An object without a trigger is queued because it changed
    /// itself, because its delay ended, or because a term started. In a new term, drift scans check the steady objects.
    pub(crate) fn visit(&self, object: &RawIdentity) -> Triage {
        let (reference, now) = (IdentityRef::from_obj(object), Instant::now());
        let uid = kube::Resource::meta(object).uid.as_deref();
        let (Some(fingerprint), Some(uid)) = (external_fingerprint(object), uid) else {
            return Triage::Reconcile(Priority::Normal);
        };
        let key = Key::of(uid);
        let waiting = self.checks.waiting(key, fingerprint, now);
        match (waiting, self.asked.take(&reference)) {
            (Waiting::Changed, _) => Triage::Reconcile(Priority::Normal),
            (_, Some(priority)) | (Waiting::Due(priority), None) => Triage::Reconcile(priority),
            (Waiting::Until(left), None) => Triage::Requeue(Action::requeue(left)),
            (
                Waiting::Drift {
                    sure_for,
                    unseen_for,
                    seen,
                    uncovered,
                },
                None,
            ) => {
                let sure = !uncovered && sure_for < self.engine.timings().resync * 2;
                let is_steady = || self.steady(object).is_some();
                match sure && !self.is_its_moment(key, unseen_for, seen) && is_steady() {
                    true => self.comes_back(&reference),
                    false => Triage::Reconcile(Priority::Background),
                }
            }
            (Waiting::New, None) => match self.steady(object) {
                // It is not recorded if the requested reconcile was done before this term.
                Some(steady) if steady.decoded.requested_at.is_some() => {
                    Triage::Reconcile(Priority::Background)
                }
                Some(_) => {
                    self.requests.is_new(uid, None);
                    self.checks.left(key, fingerprint, now);
                    self.comes_back(&reference)
                }
                None => Triage::Reconcile(Priority::Normal),
            },
        }
    }

    fn comes_back(&self, object: &IdentityRef) -> Triage {
        Triage::Requeue(Action::requeue(spread(self.engine.timings().resync, object)))
    }

    /// Returns true if the scheduled reconcile of a steady object became due since the object was last reconciled. For
    /// an object that was not reconciled in this term, it may have become due while no leader was elected.
    fn is_its_moment(&self, key: Key, unseen_for: Duration, seen: bool) -> bool {
        let timings = self.engine.timings();
        let within = if seen {
            unseen_for
        } else {
            unseen_for + timings.resync
        };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        key.had_its_moment(within, timings.by_itself, now.unwrap_or_default())
    }
}
