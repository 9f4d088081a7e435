//! Derives the transition state from the identity, the status, the observed state and the time. The state is derived at
//! every reconcile and never stored. `desired` reads from it which bindings stay beside the desired one. No I/O.
//!
//! ```text
//!        Refused, Paused, AwaitingApproval         Paused           Paused
//!                       ^                            ^                ^
//!   (a change) ---> Preparing ---> Switching ---> Settling ---> Unbinding ---> Draining ---> Soaking ---> Settled
//!                 Propagating                                    Unbound
//!                 role, trust     binding        webhook and    to IRSA only:   old pods     the old annotation,
//!                                                EKS catch up   no association  end          trust and role are removed
//! ```

use jiff::Timestamp;

use crate::identity::Identity;
use crate::model::binding::Binding;
use crate::model::field::Field;
use crate::model::observed::Observed;
use crate::model::status::{BindingState, Status};
use crate::model::timings::Timings;

mod approval;
mod dependents;
mod refusal;
mod restart;
mod state;
mod timers;
mod view;

pub use approval::{ANNOTATION_APPROVE, ApprovalReason, ApprovalRequest};
pub use refusal::Refusal;
pub(crate) use restart::history::record_restart;
pub use restart::{RestartBlock, Restarts};
pub use state::{Phase, Transition, TransitionState};

use view::TransitionView;

/// Derives the transition state of a subject.
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
    if let Some((field, error)) = view.unknown() {
        return TransitionState::Unknown(field, error);
    }
    if let Some(error) = approval::unread_surroundings(&view) {
        return TransitionState::Unknown(Field::Pods, error);
    }
    match progress(&view) {
        Some(progress) if !view.other_bindings.is_empty() => {
            TransitionState::Moving(Box::new(transition(&view, progress)))
        }
        Some(_) | None => TransitionState::Settled,
    }
}

/// Returns true if the decision depends on facts beside those of the scope: on what else stands between the pods and Pod
/// Identity. They are read only then, see [`Observed::egress`].
#[must_use]
pub fn needs_surroundings(
    identity: &Identity,
    previous: &Status,
    observed: &Observed,
    timings: &Timings,
    now: Timestamp,
) -> bool {
    let is_steady = is_steady_binding(identity, previous);
    !is_steady
        && approval::needs_surroundings(&TransitionView::new(identity, previous, observed, timings, now))
}

/// The restarts of an identity whose binding is settled: of workloads whose pods carry nothing.
pub(crate) fn restarts_at_rest(
    identity: &Identity,
    previous: &Status,
    observed: &Observed,
    timings: &Timings,
    now: Timestamp,
) -> Restarts {
    restart::restarts_of_missed(&TransitionView::new(identity, previous, observed, timings, now))
}

/// Returns true if the status records the desired binding as effective and no other binding in use. Differences are then
/// drift.
#[must_use]
pub fn is_steady_binding(identity: &Identity, previous: &Status) -> bool {
    match previous.bindings.as_slice() {
        _ if previous.transition.is_some() => false,
        [only] => only.binding == identity.binding && only.state == BindingState::Active,
        _ => false,
    }
}

/// The progress of a transition, before the bindings that stay in use are known.
struct Progress {
    phase: Phase,
    /// See [`Transition::applies_desired`].
    applies_desired: bool,
    /// See [`Transition::in_effect`].
    in_effect: bool,
}

fn transition(view: &TransitionView<'_>, progress: Progress) -> Transition {
    let effective = view.effective().filter(|_| !progress.in_effect);
    let held = effective.as_ref().filter(|_| !progress.applies_desired);
    let applied = held.unwrap_or(&view.identity.binding).clone();
    // Only draining frees old bindings one by one. A paused or soaking transition keeps them all, and so does one whose
    // restart had no effect.
    let drains =
        matches!(&progress.phase, Phase::Draining { restarts, .. } if restarts.ineffective.is_empty());
    let in_use = |old: &&Binding| !drains || view.is_live(old);
    let mut in_use: Vec<Binding> = view.other_bindings.iter().filter(in_use).cloned().collect();
    if view.is_used() && view.could_lose_admission() {
        in_use.push(view.identity.binding.clone());
    }
    in_use.retain(|binding| *binding != applied);
    Transition {
        subject: view.identity.subject.clone(),
        from: view.from(),
        desired: view.identity.binding.clone(),
        effective,
        in_use,
        stale_before: view.stale_before(),
        bound: view.is_bound(),
        start_time: view.start_time(),
        target_hash: view.target_hash.clone(),
        phase: progress.phase,
        applies_desired: progress.applies_desired,
        in_effect: progress.in_effect,
    }
}

/// The progress of the transition. Returns `None` if the old bindings can be removed.
fn progress(view: &TransitionView<'_>) -> Option<Progress> {
    if !view.is_bound() {
        return Some(before_binding(view));
    }
    let bound = |phase, in_effect| Progress {
        phase,
        applies_desired: true,
        in_effect,
    };
    if view.is_blocked_by_association() {
        return Some(bound(unbinding_phase(view), false));
    }
    if let Some(remaining) = view.settles_in() {
        let phase = if view.waits_for_unbinding() {
            Phase::Unbound(remaining)
        } else {
            Phase::Settling(remaining)
        };
        return Some(bound(phase, false));
    }
    if view.identity.is_held() {
        // A pause also keeps what remains of the old binding.
        let continues = draining_phase(view).filter(|_| !view.is_halted());
        return Some(bound(continues.unwrap_or(Phase::Paused), true));
    }
    draining_phase(view)
        .or_else(|| view.soaks_in().map(Phase::Soaking))
        .map(|phase| bound(phase, true))
}

/// The progress while the desired binding is not in place: either it may be written, or a phase blocks it.
fn before_binding(view: &TransitionView<'_>) -> Progress {
    let blocked = |phase| Progress {
        phase,
        applies_desired: false,
        in_effect: false,
    };
    if view.identity.is_held() {
        return blocked(Phase::Paused);
    }
    if let Some(refusal) = refusal::refusal(view) {
        return blocked(Phase::Refused(refusal));
    }
    if let Some(request) = approval::before_binding(view) {
        return blocked(Phase::AwaitingApproval(request));
    }
    let phase = match view.propagates_in() {
        _ if !view.is_admitted() => Phase::Preparing,
        Some(remaining) => Phase::Propagating(remaining),
        None => Phase::Switching,
    };
    Progress {
        phase,
        applies_desired: true,
        in_effect: false,
    }
}

/// The phase of a transition to IRSA whose annotation is in place, while an association still gives every new pod Pod
/// Identity (docs/dev/aws-behaviour.md#webhook).
fn unbinding_phase(view: &TransitionView<'_>) -> Phase {
    if let Some(remaining) = view.settles_in() {
        return Phase::Settling(remaining);
    }
    if view.identity.is_held() {
        return Phase::Paused;
    }
    approval::before_unbinding(view).map_or(Phase::Unbinding, Phase::AwaitingApproval)
}

/// Returns `None` if no pod depends on an old binding, and no restart replaced pods by ones without the desired binding.
fn draining_phase(view: &TransitionView<'_>) -> Option<Phase> {
    let restarts = restart::restarts(view);
    if restarts.ineffective.is_empty() && !view.other_bindings.iter().any(|old| view.is_live(old)) {
        return None;
    }
    let desired = &view.identity.binding;
    let stale_before = view.stale_before();
    // A pod without credentials depends on no binding.
    let stale: Vec<_> = view
        .pods()
        .filter(|pod| !pod.credentials.is_empty() && !pod.carries(desired, stale_before))
        .collect();
    Some(Phase::Draining {
        pods: stale.len(),
        owners: stale.iter().map(|pod| pod.owner.clone()).collect(),
        restarts: Box::new(restarts),
    })
}
