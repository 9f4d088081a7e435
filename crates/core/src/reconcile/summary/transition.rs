//! Summarise, a change of the binding: what the status records of it and what people are told at each stage.
//! The stage in, verdicts and the record out; no I/O. Nothing here decides what happens next.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp, Unit};

use super::{SummaryInput, Verdict};
use crate::model::binding::Binding;
use crate::model::pods::Place;
use crate::model::reason::Reason;
use crate::model::status::{BindingState, TransitionStatus};
use crate::model::text;
use crate::model::workload::WorkloadRef;
use crate::reconcile::transition::{
    ANNOTATION_APPROVE, ApprovalReason, Phase, Refusal, Restarts, Transition, TransitionState,
};

/// How many workloads a message names: it is cut at 1,000 bytes.
const OWNERS_NAMED: usize = 5;

/// The change that is under way, when one is.
pub(super) fn under_way<'a>(input: &SummaryInput<'a>) -> Option<&'a Transition> {
    match &input.decision.transition {
        TransitionState::Moving(transition) => Some(transition),
        TransitionState::Settled | TransitionState::Unknown(..) => None,
    }
}

/// Whether what is left of the old binding is gone. Until then the record stays, so that nothing is taken away later on
/// what was counted now.
pub(super) fn retired(input: &SummaryInput<'_>) -> bool {
    input.outcome.all_done() && input.decision.plan.waiting_for.is_empty()
}

/// What the status records of the change.
pub(super) fn record(input: &SummaryInput<'_>) -> Option<TransitionStatus> {
    if let TransitionState::Unknown(..) = input.decision.transition {
        return input.previous.transition.clone();
    }
    let Some(transition) = under_way(input) else {
        return input.previous.transition.clone().filter(|_| !retired(input));
    };
    let stage = transition.phase.reason();
    let before = input.previous.transition.as_ref();
    let before = before.filter(|before| before.target_hash == transition.target_hash);
    let bound = transition
        .bound
        .then(|| before.and_then(|before| before.bound_time).unwrap_or(input.now));
    let in_effect = transition.in_effect.then(|| {
        before
            .and_then(|before| before.effective_time)
            .unwrap_or(input.now)
    });
    let before = before.filter(|before| before.stage == stage);
    let consent = match &transition.phase {
        Phase::AwaitingApproval(request) => Some(request.token.clone()),
        _ => None,
    };
    Some(TransitionStatus {
        stage,
        stage_transition_time: before.map_or(input.now, |before| before.stage_transition_time),
        start_time: transition.start_time,
        bound_time: bound,
        effective_time: in_effect,
        target_hash: transition.target_hash.clone(),
        approval_token: consent,
    })
}

/// The bindings beside the one that is driven, with what each is to new pods.
pub(super) fn others(transition: &Transition, driven: &Binding) -> Vec<(Binding, BindingState)> {
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
    if transition.desired != *driven && !others.contains(&&transition.desired) {
        others.push(&transition.desired);
    }
    others
        .into_iter()
        .map(|binding| (binding.clone(), state(binding)))
        .collect()
}

/// The condition `Transitioning`.
pub(super) fn verdict(input: &SummaryInput<'_>) -> Option<Verdict> {
    let Some(transition) = under_way(input) else {
        return queued(input);
    };
    let reason = stuck(transition).map_or_else(|| transition.phase.reason(), |_| Reason::RestartStuck);
    Some(Verdict::holds(reason, message(input, transition)))
}

fn queued(input: &SummaryInput<'_>) -> Option<Verdict> {
    let method = input.decision.queued_for?;
    let message = format!(
        "The class asks for {method} now. Its identities change a few at a time, and this one waits for its turn; set spec.method to change it at once, or to keep what it has."
    );
    Some(Verdict::holds(Reason::Queued, message))
}

/// What keeps the change until somebody acts.
pub(super) fn stalled(input: &SummaryInput<'_>) -> Option<Verdict> {
    let transition = under_way(input)?;
    let waits = match transition.phase {
        Phase::Refused(Refusal::AgentNotReady(_)) => {
            !input.wanted().is_some_and(|wanted| wanted.installs_agent)
        }
        Phase::Refused(_) | Phase::AwaitingApproval(_) | Phase::Paused => true,
        _ => false,
    };
    if waits && !transition.in_effect {
        return Some(Verdict::holds(
            transition.phase.reason(),
            message(input, transition),
        ));
    }
    stuck(transition).map(|_| Verdict::holds(Reason::RestartStuck, message(input, transition)))
}

/// What a change that has not come into effect means for new pods.
pub(super) fn not_ready(input: &SummaryInput<'_>) -> Option<Verdict> {
    let transition = under_way(input).filter(|transition| !transition.in_effect)?;
    Some(Verdict::fails(
        transition.phase.reason(),
        message(input, transition),
    ))
}

fn stuck(transition: &Transition) -> Option<&Restarts> {
    match &transition.phase {
        Phase::Draining { restarts, .. } if !restarts.stuck.is_empty() => Some(restarts),
        _ => None,
    }
}

fn message(input: &SummaryInput<'_>, transition: &Transition) -> String {
    let change = transition.from.change_to(&transition.desired);
    format!("Change of {change}: {}", phase_message(input, transition))
}

fn phase_message(input: &SummaryInput<'_>, transition: &Transition) -> String {
    match &transition.phase {
        Phase::Refused(refusal) => format!(
            "{} The binding in effect is kept; put the spec back or mend what stands against it.",
            refusal_message(refusal)
        ),
        Phase::Paused if input.decision.frozen.is_some() => {
            "held where it is, see Stalled. What pods have stays.".to_owned()
        }
        Phase::Paused => {
            "paused by spec.transition.paused. What pods have stays; set it to false to go on, or put the spec back."
                .to_owned()
        }
        Phase::AwaitingApproval(request) => format!(
            "{} To agree: kubectl annotate --overwrite -n {} workloadidentity {} {ANNOTATION_APPROVE}={}",
            approval_message(request.reason),
            transition.subject.namespace,
            transition.subject.name,
            request.token
        ),
        Phase::Preparing => "role and trust are made ready beside what is there.".to_owned(),
        Phase::Propagating(_) => "the trust is in place and has to reach all of AWS before pods rely on it.".to_owned(),
        Phase::Switching => "the new binding is put in place beside the old one.".to_owned(),
        Phase::Settling(_) => "the new binding is in place and has to reach every new pod.".to_owned(),
        Phase::Unbinding => "the association goes, so that new pods get IRSA.".to_owned(),
        Phase::Unbound(_) => {
            "the association is gone, which has to reach every new pod. Pods that still carry Pod Identity get no new credentials: each loses access when those it has end, 6 h later at the latest, some sooner. They have to be restarted as soon as this is through."
                .to_owned()
        }
        Phase::Draining { owners, .. } if owners.is_empty() => {
            "every pod carries the new binding; what pods have cached of the old one has to end.".to_owned()
        }
        Phase::Draining {
            pods,
            owners,
            restarts,
        } => draining_message(input, transition, *pods, owners) + &restarts_message(restarts),
        Phase::Soaking(_) => "every pod is current; the old binding is removed after a while without trouble.".to_owned(),
    }
}

fn refusal_message(refusal: &Refusal) -> String {
    match refusal {
        Refusal::AgentNotReady(found) => format!(
            "refused, since the EKS Pod Identity Agent is not ready ({found}) and pods would get no credentials. The EKS add-on eks-pod-identity-agent has to be there and healthy."
        ),
        Refusal::UnsupportedNodes { place, pods } => {
            let place = match place {
                Place::Fargate => "on Fargate, which has no EKS Pod Identity Agent",
                Place::Windows => "on Windows nodes, which have no EKS Pod Identity Agent",
                Place::WithoutAgent | Place::Reached => "on nodes where no EKS Pod Identity Agent is ready (for hybrid nodes the add-on has to be input: daemonsets.hybrid.create)",
            };
            format!("refused, since {pods} of its pods run {place}.")
        }
        Refusal::ForeignAssociation => {
            "refused, since an association that is not Lanyard's decides what new pods get.".to_owned()
        }
        Refusal::ManagedByAddOn => {
            "refused, since an EKS add-on brings this ServiceAccount and binds it itself: set the binding on the add-on."
                .to_owned()
        }
    }
}

fn approval_message(reason: ApprovalReason) -> String {
    match reason {
        ApprovalReason::PodsLoseAccess => {
            "while the association stands, every new pod gets Pod Identity. Once you agree it goes, and pods made before get no new credentials: each loses access when those it has end, 6 h later at the latest, some sooner. Restart them once it is gone; podRestart: Rollout has Lanyard do that and needs no consent where it can restart them all."
                .to_owned()
        }
        ApprovalReason::NoPodHolds => {
            "no pod holds the binding in effect. If something else uses it (a token minted for the ServiceAccount by External Secrets or a CSI driver, a job that runs now and then), it loses access when the old trust goes."
                .to_owned()
        }
        ApprovalReason::RoleMayChain => {
            "the role may assume other roles. Pod Identity sessions carry tags, so each of those roles has to allow sts:TagSession as well, or podIdentity.disableSessionTags has to be true."
                .to_owned()
        }
    }
}

fn draining_message(
    input: &SummaryInput<'_>,
    transition: &Transition,
    pods: usize,
    owners: &BTreeSet<Option<WorkloadRef>>,
) -> String {
    let whose = owners_message(owners);
    let (older, go) = match pods {
        1 => ("1 older one".to_owned(), "it is gone"),
        _ => (format!("{pods} older ones"), "they are gone"),
    };
    if let Some(end) = access_ends(input, transition) {
        return format!(
            "new pods get the new binding. Not replaced yet: {older}, which can get no new credentials and will be without access when the present ones end, at {end} at the latest: {whose}."
        );
    }
    let until = if transition.stale_before.is_some() {
        " or, where the old one's credentials are cached, 6 h have passed"
    } else {
        ""
    };
    format!(
        "new pods get the new binding. Not replaced yet: {older}, for which the old one is kept until {go}{until}: {whose}."
    )
}

/// When the last credentials of Pod Identity end, where its association is gone: no sooner than that is known.
fn access_ends(input: &SummaryInput<'_>, transition: &Transition) -> Option<Timestamp> {
    let is_lossy = transition.desired.is_irsa() && transition.in_use.iter().any(|old| !old.is_irsa());
    let since = record(input).filter(|_| is_lossy)?.stage_transition_time;
    let cached = SignedDuration::try_from(input.timings.cached).ok()?;
    since.checked_add(cached).ok()?.round(Unit::Second).ok()
}

/// Whose the old pods are: what a person who wants to see the end of it has to restart.
fn owners_message(owners: &BTreeSet<Option<WorkloadRef>>) -> String {
    let name = |owner: &Option<WorkloadRef>| {
        owner
            .as_ref()
            .map_or("bare pods".to_owned(), WorkloadRef::to_string)
    };
    let mut names: Vec<String> = owners.iter().take(OWNERS_NAMED).map(name).collect();
    let more = owners.len().saturating_sub(OWNERS_NAMED);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    text::list(&names)
}

fn restarts_message(restarts: &Restarts) -> String {
    if !restarts.allowed {
        return " Restart them yourself, or let Lanyard do it by podRestart: Rollout.".to_owned();
    }
    let mut input = String::new();
    let now: Vec<WorkloadRef> = restarts.due.iter().map(|(owner, _)| owner.clone()).collect();
    for (owners, what) in [
        (&now, "Restarting"),
        (&restarts.rolling, "Rolling"),
        (&restarts.blocked_by_budget, "Waiting for a disruption budget"),
        (
            &restarts.stuck,
            "Restarted and not through, decision at their pods",
        ),
    ] {
        if !owners.is_empty() {
            input.push_str(&format!(" {what}: {}.", text::list(owners)));
        }
    }
    if !restarts.manual.is_empty() {
        let by_hand = text::list(&restarts.manual);
        input.push_str(&format!(" Not for Lanyard to restart: {by_hand}."));
    }
    input
}

/// What is said of pods without the wanted binding while a change runs: whether a restart is of use yet, and where more
/// is told.
pub(super) fn stale(transition: &Transition, stale: usize) -> Option<Verdict> {
    let pods = match stale {
        0 => return None,
        1 => "1 pod carries".to_owned(),
        stale => format!("{stale} pods carry"),
    };
    let then = if transition.in_effect {
        "Transitioning says whose they are and what becomes of them."
    } else {
        "A restart is of no use yet: the change is not in effect, see Transitioning."
    };
    Some(Verdict::fails(
        Reason::PodsStale,
        format!("{pods} other credentials than the spec asks for, or none. {then}"),
    ))
}
