//! Summarise, a change of the binding: what the status records of it and what people are told at each stage.
//! The stage in, verdicts and the record out; no I/O. Nothing here decides what happens next.

use super::{Told, Verdict};
use crate::binding::Binding;
use crate::holder::Place;
use crate::reason::Reason;
use crate::stage::{ANNOTATION_CONSENT, Because, Phase, Refusal, Restarts, Stage, Transition};
use crate::status::{BindingState, TransitionStatus};
use crate::text;

/// The change that is under way, when one is.
pub(super) fn under_way<'a>(told: &Told<'a>) -> Option<&'a Transition> {
    match &told.look.stage {
        Stage::Moving(transition) => Some(transition),
        Stage::Settled | Stage::Unknown(_) => None,
    }
}

/// What the status records of the change.
pub(super) fn record(told: &Told<'_>) -> Option<TransitionStatus> {
    if let Stage::Unknown(_) = told.look.stage {
        return told.previous.transition.clone();
    }
    let transition = under_way(told)?;
    let stage = transition.phase.reason();
    let before = told.previous.transition.as_ref();
    let before = before.filter(|before| before.token == transition.token);
    let bound = transition
        .bound
        .then(|| before.and_then(|before| before.bound).unwrap_or(told.now));
    let before = before.filter(|before| before.stage == stage);
    let consent = match &transition.phase {
        Phase::Consent(ask) => Some(ask.token.clone()),
        _ => None,
    };
    Some(TransitionStatus {
        stage,
        since: before.map_or(told.now, |before| before.since),
        began: transition.began,
        bound,
        token: transition.token.clone(),
        consent,
    })
}

/// The bindings beside the one that is driven, with what each is to new pods.
pub(super) fn others(transition: &Transition, driven: &Binding) -> Vec<(Binding, BindingState)> {
    let state = |binding: &Binding| {
        if *binding == transition.wanted {
            BindingState::Pending
        } else if Some(binding) == transition.effective.as_ref() {
            BindingState::Active
        } else {
            BindingState::Draining
        }
    };
    let mut others: Vec<&Binding> = transition.kept.iter().collect();
    if transition.wanted != *driven && !others.contains(&&transition.wanted) {
        others.push(&transition.wanted);
    }
    others
        .into_iter()
        .map(|binding| (binding.clone(), state(binding)))
        .collect()
}

/// The condition `Transitioning`.
pub(super) fn verdict(told: &Told<'_>) -> Option<Verdict> {
    let transition = under_way(told)?;
    let reason = stuck(transition).map_or_else(|| transition.phase.reason(), |_| Reason::RestartStuck);
    Some(Verdict::holds(reason, message(told, transition)))
}

/// What keeps the change until somebody acts.
pub(super) fn stalled(told: &Told<'_>) -> Option<Verdict> {
    let transition = under_way(told)?;
    let waits = matches!(
        transition.phase,
        Phase::Refused(_) | Phase::Consent(_) | Phase::Paused
    );
    if waits && !transition.in_effect {
        return Some(Verdict::holds(
            transition.phase.reason(),
            message(told, transition),
        ));
    }
    stuck(transition).map(|_| Verdict::holds(Reason::RestartStuck, message(told, transition)))
}

/// What a change that has not come into effect means for new pods.
pub(super) fn not_ready(told: &Told<'_>) -> Option<Verdict> {
    let transition = under_way(told).filter(|transition| !transition.in_effect)?;
    Some(Verdict::fails(
        transition.phase.reason(),
        message(told, transition),
    ))
}

fn stuck(transition: &Transition) -> Option<&Restarts> {
    match &transition.phase {
        Phase::Draining { restarts, .. } if !restarts.stuck.is_empty() => Some(restarts),
        _ => None,
    }
}

fn message(told: &Told<'_>, transition: &Transition) -> String {
    let change = transition.from.change_to(&transition.wanted);
    format!("Change of {change}: {}", phase_told(told, transition))
}

fn phase_told(told: &Told<'_>, transition: &Transition) -> String {
    match &transition.phase {
        Phase::Refused(refusal) => format!(
            "{} The binding in effect is kept; put the spec back or mend what stands against it.",
            refusal_told(refusal)
        ),
        Phase::Paused => {
            "paused by spec.transition.paused. What pods have stays; set it to false to go on, or put the spec back."
                .to_owned()
        }
        Phase::Consent(ask) => format!(
            "{} To agree: kubectl annotate --overwrite -n {} workloadidentity {} {ANNOTATION_CONSENT}={}",
            because_told(ask.because, told.after.pods.present().map_or(0, |pods| pods.total())),
            transition.subject.namespace,
            transition.subject.name,
            ask.token
        ),
        Phase::Preparing => "role and trust are made ready beside what is there.".to_owned(),
        Phase::Propagating(_) => "the trust is in place and has to reach all of AWS before pods rely on it.".to_owned(),
        Phase::Switching => "the new binding is put in place beside the old one.".to_owned(),
        Phase::Settling(_) => "the new binding is in place and has to reach every new pod.".to_owned(),
        Phase::Unbinding => "the association goes, so that new pods get IRSA.".to_owned(),
        Phase::Unbound(_) => {
            "the association is gone, which has to reach every new pod. Pods that still carry Pod Identity get no new credentials: each loses access when the agent's cached ones end, at the latest 6 h after; restart them."
                .to_owned()
        }
        Phase::Draining { holders, restarts } => draining_told(transition, *holders, restarts),
        Phase::Soaking(_) => "every pod is current; the old binding is removed after a while without trouble.".to_owned(),
    }
}

fn refusal_told(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Agent(found) => format!(
            "refused, since the EKS Pod Identity Agent is not ready ({found}) and pods would get no credentials. Install the EKS add-on eks-pod-identity-agent."
        ),
        Refusal::Place { place, pods } => {
            let place = match place {
                Place::Fargate => "on Fargate, which has no EKS Pod Identity Agent",
                Place::Windows => "on Windows nodes, which have no EKS Pod Identity Agent",
                Place::WithoutAgent | Place::Reached => "on nodes where no EKS Pod Identity Agent is ready",
            };
            format!("refused, since {pods} of its pods run {place}.")
        }
        Refusal::Association => {
            "refused, since an association that is not Lanyard's decides what new pods get.".to_owned()
        }
        Refusal::AddOn => {
            "refused, since an EKS add-on brings this ServiceAccount and binds it itself: set the binding on the add-on."
                .to_owned()
        }
    }
}

fn because_told(because: Because, pods: usize) -> String {
    match because {
        Because::PodsLoseAccess => format!(
            "while the association stands, every new pod gets Pod Identity. Once it goes, pods that carry it get no new credentials and lose access when those that the agent has cached end, at the latest 6 h after; {pods} pods use this ServiceAccount and all have to be restarted before. podRestart: Rollout restarts them."
        ),
        Because::NoPodHolds => {
            "no pod holds the binding in effect. If something else uses it (a token minted for the ServiceAccount by External Secrets or a CSI driver, a job that runs now and then), it loses access when the old trust goes."
                .to_owned()
        }
        Because::RoleMayChain => {
            "the role may assume other roles. Pod Identity sessions carry tags, so each of those roles has to allow sts:TagSession as well, or podIdentity.disableSessionTags has to be true."
                .to_owned()
        }
    }
}

fn draining_told(transition: &Transition, holders: usize, restarts: &Restarts) -> String {
    let mut told = match (transition.made_before, holders) {
        (_, 0) => {
            "every pod carries the new binding; what pods have cached of the old one has to end.".to_owned()
        }
        (Some(_), holders) => format!(
            "new pods get the new binding; {holders} older ones may work with cached credentials of the old one, which is kept until they are gone or 6 h have passed."
        ),
        (None, holders) => format!(
            "new pods get the new binding; {holders} older ones carry another, which is kept until they are gone."
        ),
    };
    for (owners, what) in [
        (&restarts.now, "Restarting"),
        (&restarts.rolling, "Rolling"),
        (&restarts.held_back, "Waiting for a disruption budget"),
        (&restarts.stuck, "Restarted and not through, look at their pods"),
    ] {
        if !owners.is_empty() {
            told.push_str(&format!(" {what}: {}.", text::list(owners)));
        }
    }
    if !restarts.by_hand.is_empty() {
        let by_hand = text::list(&restarts.by_hand);
        told.push_str(&format!(" Not for Lanyard to restart: {by_hand}."));
    }
    told
}
