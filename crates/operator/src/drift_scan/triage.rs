//! Resting: which objects wait for nothing but drift, and so are left to the sweep. An object of the store in, the
//! identity that is judged or the time to come back out. No I/O: what decides is core's.

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

/// What to do about an object whose turn it is.
#[derive(Debug)]
pub(crate) enum Triage {
    /// Nothing yet.
    Requeue(Action),
    /// A look.
    Reconcile(Priority),
}

/// An identity that rests, decoded for one judgement.
#[derive(Debug)]
pub(crate) struct SteadyIdentity {
    pub decoded: Decoded,
    pub identity: Identity,
    gate: WriteGate,
}

impl SteadyIdentity {
    /// What is known of it beside the facts.
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
    /// The identity of an object that rests.
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

    /// Whether an object needs a look now.
    ///
    /// Whoever saw something happen asks for a look. What comes here otherwise has changed itself, or its time has come,
    /// or a term has begun, in which sweeps make sure of what rests.
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
                // Nobody remembers whether a look that was asked for was made before this term.
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

    /// Whether the moment came since an object was last seen, in which it is looked at by itself however well sweeps find
    /// it. Of what was not looked at in this term, it may have come while nobody led.
    fn is_its_moment(&self, key: Key, unseen_for: Duration, seen: bool) -> bool {
        let timings = self.engine.timings();
        let within = if seen {
            unseen_for
        } else {
            unseen_for + timings.resync
        };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        key.had_its_moment(within, timings.full_resync, now.unwrap_or_default())
    }
}
