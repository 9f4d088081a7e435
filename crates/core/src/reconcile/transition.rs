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

use crate::identity::Identity;
use crate::model::binding::Binding;
use crate::model::fact::ReadError;
use crate::model::field::Field;
use crate::model::observed::Observed;
use crate::model::reason::Reason;
use crate::model::status::Status;
use crate::model::subject::Subject;
use crate::model::timings::Timings;
use crate::model::workload::WorkloadRef;

mod approval;
mod refusal;
mod restart;
mod timers;
mod view;

pub use approval::{ANNOTATION_APPROVE, Ask, Because};
pub use refusal::Refusal;
pub use restart::Restarts;

use view::TransitionView;

/// Where a subject stands between the binding in effect and the one wanted.
#[derive(Debug, Clone, PartialEq)]
pub enum TransitionState {
    /// The binding wanted is the one in effect and nothing depends on another, or none is in effect yet.
    Settled,
    /// Another binding is in effect, or pods may still depend on one.
    Moving(Box<Transition>),
    /// What would show the binding in effect, or the pods that depend on it, could not be read: nothing may be touched, or
    /// pods could lose theirs.
    Unknown(Field, ReadError),
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
        pods: usize,
        /// Whose they are; `None` stands for bare pods.
        owners: BTreeSet<Option<WorkloadRef>>,
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
            Self::Consent(_) => Reason::ApprovalRequired,
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
pub fn transition_state(
    identity: &Identity,
    previous: &Status,
    observed: &Observed,
    timings: &Timings,
    now: Timestamp,
) -> TransitionState {
    if is_steady_binding(identity, previous) {
        return TransitionState::Settled;
    }
    let view = TransitionView::new(identity, previous, observed, timings, now);
    if let Some((what, why)) = view.unknown() {
        return TransitionState::Unknown(what, why);
    }
    match step_of(&view) {
        Some(at) if !view.others.is_empty() => TransitionState::Moving(Box::new(transition(&view, at))),
        Some(_) | None => TransitionState::Settled,
    }
}

/// A phase, whether the wanted binding is put and kept in place in it, and whether new pods get it.
struct At {
    phase: Phase,
    switches: bool,
    in_effect: bool,
}

fn transition(view: &TransitionView<'_>, at: At) -> Transition {
    let effective = view.effective().filter(|_| !at.in_effect);
    let held = effective.as_ref().filter(|_| !at.switches);
    let driven = held.unwrap_or(&view.identity.binding).clone();
    // What a person wants to stand, or what still soaks, stands whole.
    let drains = matches!(at.phase, Phase::Draining { .. });
    let live = |old: &&Binding| !drains || view.is_live(old);
    let mut kept: Vec<Binding> = view.others.iter().filter(live).cloned().collect();
    if view.is_used() && view.could_be_put_out() {
        kept.push(view.identity.binding.clone());
    }
    kept.retain(|binding| *binding != driven);
    Transition {
        subject: view.identity.subject.clone(),
        from: view.from(),
        wanted: view.identity.binding.clone(),
        effective,
        kept,
        made_before: view.made_before(),
        bound: view.is_bound(),
        began: view.began(),
        token: view.token.clone(),
        phase: at.phase,
        switches: at.switches,
        in_effect: at.in_effect,
    }
}

/// The record says that the wanted binding is in effect and that no other is in use: what differs is drift.
#[must_use]
pub fn is_steady_binding(identity: &Identity, previous: &Status) -> bool {
    match previous.bindings.as_slice() {
        _ if previous.transition.is_some() => false,
        [only] => {
            only.binding == identity.binding && only.state == crate::model::status::BindingState::Active
        }
        _ => false,
    }
}

/// How far the change has come; `None`: the old may go.
fn step_of(view: &TransitionView<'_>) -> Option<At> {
    if !view.is_bound() {
        return Some(before(view));
    }
    let at = |phase, in_effect| At {
        phase,
        switches: true,
        in_effect,
    };
    if view.is_blocked_by_association() {
        return Some(at(unbinding(view), false));
    }
    if let Some(left) = view.settles_in() {
        let gone = view.waits_for_unbinding();
        let phase = if gone {
            Phase::Unbound(left)
        } else {
            Phase::Settling(left)
        };
        return Some(at(phase, false));
    }
    if view.identity.is_held() {
        // What still stands of the old binding stays while a person wants it so.
        return Some(at(Phase::Paused, true));
    }
    draining(view)
        .or_else(|| view.soaks_in().map(Phase::Soaking))
        .map(|phase| at(phase, true))
}

/// The wanted binding is not in place: whether it may be put there.
fn before(view: &TransitionView<'_>) -> At {
    let stays = |phase| At {
        phase,
        switches: false,
        in_effect: false,
    };
    if view.identity.is_held() {
        return stays(Phase::Paused);
    }
    if let Some(refusal) = refusal::refusal(view) {
        return stays(Phase::Refused(refusal));
    }
    if let Some(ask) = approval::before(view) {
        return stays(Phase::Consent(ask));
    }
    let phase = match view.propagates_in() {
        _ if !view.is_let_in() => Phase::Preparing,
        Some(left) => Phase::Propagating(left),
        None => Phase::Switching,
    };
    At {
        phase,
        switches: true,
        in_effect: false,
    }
}

/// Towards IRSA the annotation is in place, and an association still gives every new pod Pod Identity (docs/dev/aws-behaviour.md#webhook).
fn unbinding(view: &TransitionView<'_>) -> Phase {
    if let Some(left) = view.settles_in() {
        return Phase::Settling(left);
    }
    if view.identity.is_held() {
        return Phase::Paused;
    }
    approval::to_unbind(view).map_or(Phase::Unbinding, Phase::Consent)
}

fn draining(view: &TransitionView<'_>) -> Option<Phase> {
    if !view.others.iter().any(|old| view.is_live(old)) {
        return None;
    }
    let (wanted, since) = (&view.identity.binding, view.made_before());
    let stale: Vec<_> = view.pods().filter(|pod| !pod.is_current(wanted, since)).collect();
    Some(Phase::Draining {
        pods: stale.len(),
        owners: stale.iter().map(|pod| pod.owner.clone()).collect(),
        restarts: restart::restarts(view),
    })
}

/// What is left of a time that runs from a moment; never more than the time itself, whatever a clock says.
fn left_of(time: Duration, from: Timestamp, now: Timestamp) -> Option<Duration> {
    let until = from.checked_add(SignedDuration::try_from(time).ok()?).ok()?;
    let left = now.duration_until(until);
    left.is_positive().then(|| left.unsigned_abs().min(time))
}
