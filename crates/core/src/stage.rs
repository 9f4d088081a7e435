//! Stage: the binding wanted, the world and the time in; where the subject stands on its way to that binding out.
//! Derived at every look, never stored. Pure. `desired` reads from it what is kept beside what is wanted.
//!
//! ```text
//!             Refused, Paused, Consent            Paused           Paused
//!                       ^                            ^                ^
//!   (a change) ---> Preparing ---> Switching ---> Settling ---> Unbinding ---> Draining ---> Soaking ---> Settled
//!                 Propagating                                    Unbound
//!                 role, trust     binding        webhook and    to IRSA only:   old pods     the old annotation,
//!                                                EKS catch up   no association  go           trust and role go
//! ```

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::aspect::Aspect;
use crate::binding::Binding;
use crate::fact::Why;
use crate::identity::Identity;
use crate::observed::Observed;
use crate::reason::Reason;
use crate::status::Status;
use crate::subject::Subject;
use crate::timings::Timings;
use crate::workload::Owner;

mod anchors;
mod consent;
mod refusal;
mod restart;
mod scene;

pub use consent::{ANNOTATION_CONSENT, Ask, Because};
pub use refusal::Refusal;
pub use restart::Restarts;

use scene::Scene;

/// Where a subject stands between the binding in effect and the one wanted.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// The binding wanted is the one in effect and nothing depends on another, or none is in effect yet.
    Settled,
    /// Another binding is in effect, or pods may still depend on one.
    Moving(Box<Transition>),
    /// What would show the binding in effect, or the pods that depend on it, could not be read: nothing may be touched, or
    /// pods could lose theirs.
    Unknown(Aspect, Why),
}

/// A change of the binding under way.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// Whose binding changes.
    pub subject: Subject,
    /// The binding that new pods got before.
    pub from: Binding,
    /// The binding asked for.
    pub wanted: Binding,
    /// The binding that new pods get now, where it is another than the wanted.
    pub effective: Option<Binding>,
    /// Every binding beside the one that is wanted or held that a pod may depend on: its trust and its role stay.
    pub kept: Vec<Binding>,
    /// How far it has come.
    pub phase: Phase,
    /// Whether the wanted binding may be put and kept in place.
    pub switches: bool,
    /// Whether the wanted binding is in place on the cluster's side.
    pub bound: bool,
    /// Whether new pods get the wanted binding.
    pub in_effect: bool,
    /// Pods made before this may depend on an older form of the wanted binding, which they do not show.
    pub made_before: Option<Timestamp>,
    /// When this change was first seen; unknown means now.
    pub began: Timestamp,
    /// A short name of the binding wanted: what the record says of another change tells nothing of this one.
    pub token: String,
}

/// How far a change of the binding has come.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// Something stands against it, and nothing was touched.
    Refused(Refusal),
    /// `spec.transition.paused`, or a class that holds it: it stays where it is.
    Paused,
    /// Somebody has to agree first.
    Consent(Ask),
    /// The role and its trust are put in place beside what is there.
    Preparing,
    /// The trust is in place and has to reach every place where roles are assumed.
    Propagating(Duration),
    /// The annotation or the association is put in place beside what is there.
    Switching,
    /// The binding is in place and has to reach everybody who reads it.
    Settling(Duration),
    /// The association goes, so that new pods get IRSA.
    Unbinding,
    /// The association is gone, and that has to reach everybody who reads it.
    Unbound(Duration),
    /// Pods made under another binding are still there.
    Draining {
        /// How many.
        holders: usize,
        /// Whose they are; `None` stands for bare pods.
        owners: BTreeSet<Option<Owner>>,
        /// What is restarted, and what cannot be.
        restarts: Restarts,
    },
    /// All pods are current, and are left alone for a while before the old binding goes.
    Soaking(Duration),
}

impl Transition {
    /// The binding that is kept exactly as it is, while the wanted one may not be put in place.
    #[must_use]
    pub fn held(&self) -> Option<&Binding> {
        self.effective.as_ref().filter(|_| !self.switches)
    }

    /// Whether an association that stands in the way of IRSA goes now.
    #[must_use]
    pub fn unbinds(&self) -> bool {
        self.phase == Phase::Unbinding
    }

    /// Whether nothing stands against it but that the agent is missing.
    #[must_use]
    pub fn waits_for_agent_at_most(&self) -> bool {
        match &self.phase {
            Phase::Refused(refusal) => matches!(refusal, Refusal::Agent(_)),
            Phase::Paused | Phase::Consent(_) => false,
            _ => true,
        }
    }

    /// Whether annotation and association may be put in place, or kept there.
    #[must_use]
    pub fn binds(&self) -> bool {
        !matches!(self.phase, Phase::Preparing | Phase::Propagating(_))
    }

    /// Whether nothing may be put in place and nothing is in effect that could be held: all stays as it is found.
    #[must_use]
    pub fn is_adrift(&self) -> bool {
        !self.switches && self.effective.is_none()
    }
}

impl Phase {
    /// The word for it: the reason of `Transitioning` and `status.transition.stage`.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Refused(refusal) => refusal.reason(),
            Self::Paused => Reason::Paused,
            Self::Consent(_) => Reason::ConsentNeeded,
            Self::Preparing => Reason::Preparing,
            Self::Propagating(_) => Reason::Propagating,
            Self::Switching => Reason::Switching,
            Self::Settling(_) => Reason::Settling,
            Self::Unbinding => Reason::Unbinding,
            Self::Unbound(_) => Reason::Unbound,
            Self::Draining { .. } => Reason::Draining,
            Self::Soaking(_) => Reason::Soaking,
        }
    }

    /// How long until time alone brings the next phase.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        match self {
            Self::Propagating(left) | Self::Settling(left) | Self::Unbound(left) | Self::Soaking(left) => {
                Some(*left)
            }
            Self::Refused(_)
            | Self::Paused
            | Self::Consent(_)
            | Self::Preparing
            | Self::Switching
            | Self::Unbinding
            | Self::Draining { .. } => None,
        }
    }
}

/// Judges where a subject stands.
#[must_use]
pub fn stage(
    identity: &Identity,
    previous: &Status,
    observed: &Observed,
    timings: &Timings,
    now: Timestamp,
) -> Stage {
    if is_at_rest(identity, previous) {
        return Stage::Settled;
    }
    let scene = Scene::new(identity, previous, observed, timings, now);
    if let Some((what, why)) = scene.unknown() {
        return Stage::Unknown(what, why);
    }
    match step_of(&scene) {
        Some(at) if !scene.others.is_empty() => Stage::Moving(Box::new(transition(&scene, at))),
        Some(_) | None => Stage::Settled,
    }
}

/// A phase, whether the wanted binding is put and kept in place in it, and whether new pods get it.
struct At {
    phase: Phase,
    switches: bool,
    in_effect: bool,
}

fn transition(scene: &Scene<'_>, at: At) -> Transition {
    let effective = scene.effective().filter(|_| !at.in_effect);
    let held = effective.as_ref().filter(|_| !at.switches);
    let driven = held.unwrap_or(&scene.identity.binding).clone();
    // What a person wants to stand, or what still soaks, stands whole.
    let drains = matches!(at.phase, Phase::Draining { .. });
    let live = |old: &&Binding| !drains || scene.is_live(old);
    let mut kept: Vec<Binding> = scene.others.iter().filter(live).cloned().collect();
    if scene.is_used() && scene.could_be_put_out() {
        kept.push(scene.identity.binding.clone());
    }
    kept.retain(|binding| *binding != driven);
    Transition {
        subject: scene.identity.subject.clone(),
        from: scene.from(),
        wanted: scene.identity.binding.clone(),
        effective,
        kept,
        made_before: scene.made_before(),
        bound: scene.is_bound(),
        began: scene.began(),
        token: scene.token.clone(),
        phase: at.phase,
        switches: at.switches,
        in_effect: at.in_effect,
    }
}

/// The record says that the wanted binding is in effect and that no other is in use: what differs is drift.
#[must_use]
pub fn is_at_rest(identity: &Identity, previous: &Status) -> bool {
    match previous.bindings.as_slice() {
        _ if previous.transition.is_some() => false,
        [only] => only.binding == identity.binding && only.state == crate::status::BindingState::Active,
        _ => false,
    }
}

/// How far the change has come; `None`: the old may go.
fn step_of(scene: &Scene<'_>) -> Option<At> {
    if !scene.is_bound() {
        return Some(before(scene));
    }
    let at = |phase, in_effect| At {
        phase,
        switches: true,
        in_effect,
    };
    if scene.is_blocked_by_association() {
        return Some(at(unbinding(scene), false));
    }
    if let Some(left) = scene.settles_in() {
        let gone = scene.waits_for_unbinding();
        let phase = if gone {
            Phase::Unbound(left)
        } else {
            Phase::Settling(left)
        };
        return Some(at(phase, false));
    }
    if scene.identity.is_held() {
        // What still stands of the old binding stays while a person wants it so.
        return Some(at(Phase::Paused, true));
    }
    draining(scene)
        .or_else(|| scene.soaks_in().map(Phase::Soaking))
        .map(|phase| at(phase, true))
}

/// The wanted binding is not in place: whether it may be put there.
fn before(scene: &Scene<'_>) -> At {
    let stays = |phase| At {
        phase,
        switches: false,
        in_effect: false,
    };
    if scene.identity.is_held() {
        return stays(Phase::Paused);
    }
    if let Some(refusal) = refusal::refusal(scene) {
        return stays(Phase::Refused(refusal));
    }
    if let Some(ask) = consent::before(scene) {
        return stays(Phase::Consent(ask));
    }
    let phase = match scene.propagates_in() {
        _ if !scene.is_let_in() => Phase::Preparing,
        Some(left) => Phase::Propagating(left),
        None => Phase::Switching,
    };
    At {
        phase,
        switches: true,
        in_effect: false,
    }
}

/// Towards IRSA the annotation is in place, and an association still gives every new pod Pod Identity [F 3.4].
fn unbinding(scene: &Scene<'_>) -> Phase {
    if let Some(left) = scene.settles_in() {
        return Phase::Settling(left);
    }
    if scene.identity.is_held() {
        return Phase::Paused;
    }
    consent::to_unbind(scene).map_or(Phase::Unbinding, Phase::Consent)
}

fn draining(scene: &Scene<'_>) -> Option<Phase> {
    if !scene.others.iter().any(|old| scene.is_live(old)) {
        return None;
    }
    let (wanted, since) = (&scene.identity.binding, scene.made_before());
    let stale: Vec<_> = scene
        .holders()
        .filter(|holder| !holder.is_current(wanted, since))
        .collect();
    Some(Phase::Draining {
        holders: stale.len(),
        owners: stale.iter().map(|holder| holder.owner.clone()).collect(),
        restarts: restart::restarts(scene),
    })
}

/// What is left of a time that runs from a moment; never more than the time itself, whatever a clock says.
fn left_of(time: Duration, from: Timestamp, now: Timestamp) -> Option<Duration> {
    let until = from.checked_add(SignedDuration::try_from(time).ok()?).ok()?;
    let left = now.duration_until(until);
    left.is_positive().then(|| left.unsigned_abs().min(time))
}
