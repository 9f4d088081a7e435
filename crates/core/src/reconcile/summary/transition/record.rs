//! The record of a transition in the status, and the other bindings that it keeps. The stage of the
//! transition in, status fields out; no I/O.

use jiff::Timestamp;

use super::super::input::SummaryInput;
use crate::model::binding::Binding;
use crate::model::status::{BindingState, RestartStatus, TransitionStatus};
use crate::reconcile::step::Step;
use crate::reconcile::transition::{Phase, Transition, TransitionState, record_restart};

/// Returns the transition in progress, or `None` if there is none.
pub(in crate::reconcile::summary) fn in_progress<'a>(input: &SummaryInput<'a>) -> Option<&'a Transition> {
    match &input.decision.transition {
        TransitionState::Moving(transition) => Some(transition),
        TransitionState::Settled | TransitionState::Unknown(..) => None,
    }
}

/// Returns whether the old binding is removed completely. Until then the record stays, so that no later
/// reconcile removes something on the basis of this count of pods.
pub(in crate::reconcile::summary) fn is_retired(input: &SummaryInput<'_>) -> bool {
    input.outcome.all_done() && input.decision.plan.waiting_for.is_empty()
}

/// The record of the transition.
pub(in crate::reconcile::summary) fn record(input: &SummaryInput<'_>) -> Option<TransitionStatus> {
    if let TransitionState::Unknown(..) = input.decision.transition {
        return input.previous.transition.clone();
    }
    let Some(transition) = in_progress(input) else {
        return input.previous.transition.clone().filter(|_| !is_retired(input));
    };
    // Another leader may have recorded a time that is in the future by this clock. It would delay the stage until then.
    let past = |time: Timestamp| time.min(input.now);
    let stage = transition.phase.reason();
    let before = input.previous.transition.as_ref();
    let before = before.filter(|before| before.target_hash == transition.target_hash);
    let bound_time = transition.bound.then(|| {
        before
            .and_then(|before| before.bound_time)
            .map_or(input.now, past)
    });
    let effective_time = transition.in_effect.then(|| {
        before
            .and_then(|before| before.effective_time)
            .map_or(input.now, past)
    });
    let before = before.filter(|before| before.stage == stage);
    let approval_token = match &transition.phase {
        Phase::AwaitingApproval(ask) => Some(ask.token.clone()),
        _ => None,
    };
    Some(TransitionStatus {
        stage,
        stage_transition_time: before.map_or(input.now, |before| past(before.stage_transition_time)),
        start_time: past(transition.start_time),
        bound_time,
        effective_time,
        target_hash: transition.target_hash.clone(),
        approval_token,
    })
}

/// The restarts made for the desired binding. While a transition does not drain, they stay as recorded.
pub(in crate::reconcile::summary) fn restarts(input: &SummaryInput<'_>) -> Vec<RestartStatus> {
    let recorded = input.previous.restarts.iter();
    let mut restarts: Vec<RestartStatus> = match &input.decision.transition {
        TransitionState::Moving(transition) if !matches!(transition.phase, Phase::Draining { .. }) => {
            recorded
                .filter(|entry| entry.target_hash == transition.target_hash)
                .cloned()
                .collect()
        }
        TransitionState::Unknown(..) => recorded.cloned().collect(),
        TransitionState::Moving(_) | TransitionState::Settled => input.decision.restarts.history.clone(),
    };
    for (step, _) in input.outcome.done() {
        if let Step::RestartWorkload { owner, mark } = step {
            record_restart(&mut restarts, owner, mark, input.now);
        }
    }
    restarts
}

/// The bindings beside the current one, each with its state for new pods.
pub(in crate::reconcile::summary) fn other_bindings(
    transition: &Transition,
    current: &Binding,
) -> Vec<(Binding, BindingState)> {
    let state = |binding: &Binding| {
        if *binding == transition.desired {
            BindingState::Pending
        } else if Some(binding) == transition.effective.as_ref() {
            BindingState::Active
        } else {
            BindingState::Draining
        }
    };
    let mut others: Vec<&Binding> = transition.in_use.iter().collect();
    if transition.desired != *current && !others.contains(&&transition.desired) {
        others.push(&transition.desired);
    }
    others
        .into_iter()
        .map(|binding| (binding.clone(), state(binding)))
        .collect()
}
