//! Resting: which objects wait for nothing but drift, and so are left to the sweep. An object of the store in, the
//! identity that is judged or the time to come back out. No I/O: what decides is core's.

use std::time::{Duration, Instant, SystemTime};

use kube_runtime::controller::Action;
use lanyard_core::class::Ruling;
use lanyard_core::gate::Gate;
use lanyard_core::identity::Identity;
use lanyard_core::sweep::{Known, rests};

use crate::asked::Hurry;
use crate::backoff::spread;
use crate::checks::{Key, Waiting};
use crate::context::{Context, Ref};
use crate::controller::changed_by_others;
use crate::raw::{Decoded, RawIdentity};

/// What to do about an object whose turn it is.
#[derive(Debug)]
pub(crate) enum Visit {
    /// Nothing yet.
    ComeBack(Action),
    /// A look.
    Look(Hurry),
}

/// An identity that rests, decoded for one judgement.
#[derive(Debug)]
pub(crate) struct Resting {
    pub decoded: Decoded,
    pub identity: Identity,
    gate: Gate,
}

impl Resting {
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
    pub(crate) fn resting(&self, object: &RawIdentity) -> Option<Resting> {
        let cluster = self.world.cluster();
        let mut decoded = object.decode(&cluster.identity)?;
        if decoded.goes {
            return None;
        }
        decoded.target.account = self.classes.account(&decoded);
        let spec = decoded.spec.as_ref().ok()?;
        let Ruling::Carried(identity) = self.classes.rule_at_rest(spec, &decoded, cluster) else {
            return None;
        };
        let resting = Resting {
            gate: self.gate(spec.suspend),
            identity: *identity,
            decoded,
        };
        rests(&resting.known(), &resting.decoded.target.marks).then_some(resting)
    }

    /// Whether an object needs a look now.
    ///
    /// Whoever saw something happen asks for a look. What comes here otherwise has changed itself, or its time has come,
    /// or a term has begun, in which sweeps make sure of what rests.
    pub(crate) fn visit(&self, object: &RawIdentity) -> Visit {
        let (reference, now) = (Ref::from_obj(object), Instant::now());
        let uid = kube::Resource::meta(object).uid.as_deref();
        let (Some(print), Some(uid)) = (changed_by_others(object), uid) else {
            return Visit::Look(Hurry::Some);
        };
        let key = Key::of(uid);
        let waiting = self.checks.waiting(key, print, now);
        match (waiting, self.asked.take(&reference)) {
            (Waiting::Changed, _) => Visit::Look(Hurry::Some),
            (_, Some(hurry)) | (Waiting::Due(hurry), None) => Visit::Look(hurry),
            (Waiting::Until(left), None) => Visit::ComeBack(Action::requeue(left)),
            (
                Waiting::Drift {
                    sure_for,
                    unseen_for,
                    seen,
                    uncovered,
                },
                None,
            ) => {
                let sure = !uncovered && sure_for < self.world.timings().resync * 2;
                let rests = || self.resting(object).is_some();
                match sure && !self.is_its_moment(key, unseen_for, seen) && rests() {
                    true => self.comes_back(&reference),
                    false => Visit::Look(Hurry::None),
                }
            }
            (Waiting::New, None) => match self.resting(object) {
                // Nobody remembers whether a look that was asked for was made before this term.
                Some(resting) if resting.decoded.requested_at.is_some() => Visit::Look(Hurry::None),
                Some(_) => {
                    self.requests.is_new(uid, None);
                    self.checks.left(key, print, now);
                    self.comes_back(&reference)
                }
                None => Visit::Look(Hurry::Some),
            },
        }
    }

    fn comes_back(&self, object: &Ref) -> Visit {
        Visit::ComeBack(Action::requeue(spread(self.world.timings().resync, object)))
    }

    /// Whether the moment came since an object was last seen, in which it is looked at by itself however well sweeps find
    /// it. Of what was not looked at in this term, it may have come while nobody led.
    fn is_its_moment(&self, key: Key, unseen_for: Duration, seen: bool) -> bool {
        let timings = self.world.timings();
        let within = if seen {
            unseen_for
        } else {
            unseen_for + timings.resync
        };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        key.had_its_moment(within, timings.by_itself, now.unwrap_or_default())
    }
}
