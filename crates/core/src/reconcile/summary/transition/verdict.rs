//! The verdicts on a transition: `Transitioning`, and its effect on `Ready`, `Stalled` and `PodsCurrent`. The
//! stage of the transition in, verdicts out; no I/O.

use jiff::SignedDuration;

use super::super::input::SummaryInput;
use super::super::verdict::Verdict;
use super::message::message;
use super::record::{in_progress, record};
use crate::model::reason::Reason;
use crate::reconcile::transition::{Phase, Refusal, Transition};

/// The condition `Transitioning`. Returns `None` if no transition is in progress or queued.
pub(in crate::reconcile::summary) fn transitioning(input: &SummaryInput<'_>) -> Option<Verdict> {
    let Some(transition) = in_progress(input) else {
        return queued(input);
    };
    let reason = failed_restart(transition).unwrap_or_else(|| transition.phase.reason());
    Some(Verdict::met(reason, message(input, transition)))
}

fn queued(input: &SummaryInput<'_>) -> Option<Verdict> {
    let method = input.decision.queued_for?;
    let message = format!(
        "The class requires method {method}. This identity waits for a rollout slot, see spec.transition of the class. Set spec.method to change it now, or to keep the current method."
    );
    Some(Verdict::met(Reason::Queued, message))
}

/// Returns `None` if the transition continues without a user.
pub(in crate::reconcile::summary) fn stalled(input: &SummaryInput<'_>) -> Option<Verdict> {
    let transition = in_progress(input)?;
    let waits_for_user = match transition.phase {
        Phase::Refused(Refusal::AgentNotReady(_)) => {
            !input.desired().is_some_and(|desired| desired.installs_agent)
        }
        Phase::Refused(_) | Phase::AwaitingApproval(_) | Phase::Paused => true,
        _ => false,
    };
    if waits_for_user && !transition.in_effect {
        return Some(Verdict::met(
            transition.phase.reason(),
            message(input, transition),
        ));
    }
    let reason = failed_restart(transition).or_else(|| blocked_by_budget(input, transition))?;
    Some(Verdict::met(reason, message(input, transition)))
}

/// Returns `None` if new pods get the binding of the spec.
pub(in crate::reconcile::summary) fn not_ready(input: &SummaryInput<'_>) -> Option<Verdict> {
    let transition = in_progress(input).filter(|transition| !transition.in_effect)?;
    Some(Verdict::unmet(
        transition.phase.reason(),
        message(input, transition),
    ))
}

/// Returns a reason if a restarted workload does not become ready, or its new pods do not carry the desired binding.
fn failed_restart(transition: &Transition) -> Option<Reason> {
    match &transition.phase {
        Phase::Draining { restarts, .. } if !restarts.ineffective.is_empty() => {
            Some(Reason::RestartIneffective)
        }
        Phase::Draining { restarts, .. } if !restarts.stuck.is_empty() => Some(Reason::RestartStuck),
        _ => None,
    }
}

/// Returns a reason if pods lose access and a disruption budget has blocked their restart for `failAfter`.
fn blocked_by_budget(input: &SummaryInput<'_>, transition: &Transition) -> Option<Reason> {
    let Phase::Draining { restarts, .. } = &transition.phase else {
        return None;
    };
    let is_idle = restarts.due.is_empty() && restarts.rolling.is_empty();
    let loses = transition.desired.is_irsa() && transition.in_use.iter().any(|old| !old.is_irsa());
    let since = record(input)?.stage_transition_time;
    let fail_after = SignedDuration::try_from(input.timings.fail_after).ok()?;
    let is_late = input.now.duration_since(since) >= fail_after;
    let is_blocked = is_idle && loses && is_late && !restarts.blocked_by_budget.is_empty();
    is_blocked.then_some(Reason::RestartStuck)
}

/// The verdict on pods without the new binding. Returns `None` if there are none.
pub(in crate::reconcile::summary) fn stale_pods(transition: &Transition, stale: usize) -> Option<Verdict> {
    let pods = match stale {
        0 => return None,
        1 => "1 pod carries".to_owned(),
        stale => format!("{stale} pods carry"),
    };
    let next = if transition.in_effect {
        "Transitioning names their workloads and the next action."
    } else {
        "Do not restart them yet: the new binding is not in effect, see Transitioning."
    };
    Some(Verdict::unmet(
        Reason::PodsStale,
        format!("{pods} other credentials than the spec requires, or none. {next}"),
    ))
}
