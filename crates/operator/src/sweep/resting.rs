//! Resting: which objects wait for nothing but drift, and so are left to the sweep. An object of the store in, the
//! identity that is judged or the time to come back out. No I/O: what decides is core's.

use std::time::{Duration, Instant};

use kube_runtime::controller::Action;
use lanyard_core::class::Ruling;
use lanyard_core::gate::Gate;
use lanyard_core::identity::Identity;
use lanyard_core::sweep::{Known, rests};

use crate::backoff::spread;
use crate::checks::{Key, Waiting};
use crate::context::{Context, Ref};
use crate::controller::changed_by_others;
use crate::raw::{Decoded, RawIdentity};

/// However well sweeps find an object, it is looked at by itself once in this time: what a judgement of pages may miss is
/// found by then.
const UNSEEN: Duration = Duration::from_secs(24 * 3600);

/// What to do about an object whose turn it is.
#[derive(Debug)]
pub(crate) enum Visit {
    /// Nothing yet.
    ComeBack(Action),
    /// A look. `unhurried`: for drift alone, so that nobody waits for it.
    Look {
        /// See there.
        unhurried: bool,
    },
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
        const HURRIED: Visit = Visit::Look { unhurried: false };
        let (reference, now) = (Ref::from_obj(object), Instant::now());
        let uid = kube::Resource::meta(object).uid.as_deref();
        let (Some(print), Some(uid)) = (changed_by_others(object), uid) else {
            return HURRIED;
        };
        let (key, resync) = (Key::of(uid), self.world.timings().resync);
        if self.checks.take_asked(&reference) {
            return HURRIED;
        }
        let comes_back = || Visit::ComeBack(Action::requeue(spread(resync, &reference)));
        match self.checks.waiting(key, print, now) {
            Waiting::Changed | Waiting::Due => HURRIED,
            Waiting::Until(left) => Visit::ComeBack(Action::requeue(left)),
            Waiting::Drift {
                sure_for,
                unseen_for,
                uncovered,
            } => {
                let sure = !uncovered && sure_for < resync * 2 && unseen_for < spread(UNSEEN, &reference);
                match sure && self.resting(object).is_some() {
                    true => comes_back(),
                    false => Visit::Look { unhurried: true },
                }
            }
            Waiting::New => match self.resting(object) {
                // Nobody remembers whether a look that was asked for was made before this term.
                Some(resting) if resting.decoded.requested_at.is_none() => {
                    self.requests.is_new(uid, None);
                    self.checks.left(key, print, now);
                    comes_back()
                }
                Some(_) | None => HURRIED,
            },
        }
    }
}
