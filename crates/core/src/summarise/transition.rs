//! Summarise, a change of the binding: what the status records of it and what people are told at each stage.
//! The stage in, verdicts and the record out; no I/O. Nothing here decides what happens next.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp, Unit};

use super::{Told, Verdict};
use crate::binding::Binding;
use crate::holder::Place;
use crate::reason::Reason;
use crate::stage::{ANNOTATION_CONSENT, Because, Phase, Refusal, Restarts, Stage, Transition};
use crate::status::{BindingState, TransitionStatus};
use crate::text;
use crate::workload::Owner;

/// How many workloads a message names: it is cut at 1,000 bytes.
const OWNERS_NAMED: usize = 5;

/// The change that is under way, when one is.
pub(super) fn under_way<'a>(told: &Told<'a>) -> Option<&'a Transition> {
    match &told.look.stage {
        Stage::Moving(transition) => Some(transition),
        Stage::Settled | Stage::Unknown(..) => None,
    }
}

/// Whether what is left of the old binding is gone. Until then the record stays, so that nothing is taken away later on
/// what was counted now.
pub(super) fn retired(told: &Told<'_>) -> bool {
    told.outcome.all_done() && told.look.plan.then.is_empty()
}

/// What the status records of the change.
pub(super) fn record(told: &Told<'_>) -> Option<TransitionStatus> {
    if let Stage::Unknown(..) = told.look.stage {
        return told.previous.transition.clone();
    }
    let Some(transition) = under_way(told) else {
        return told.previous.transition.clone().filter(|_| !retired(told));
    };
    let stage = transition.phase.reason();
    let before = told.previous.transition.as_ref();
    let before = before.filter(|before| before.token == transition.token);
    let bound = transition
        .bound
        .then(|| before.and_then(|before| before.bound).unwrap_or(told.now));
    let in_effect = transition
        .in_effect
        .then(|| before.and_then(|before| before.in_effect).unwrap_or(told.now));
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
        in_effect,
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
    let Some(transition) = under_way(told) else {
        return queued(told);
    };
    let reason = stuck(transition).map_or_else(|| transition.phase.reason(), |_| Reason::RestartStuck);
    Some(Verdict::holds(reason, message(told, transition)))
}

fn queued(told: &Told<'_>) -> Option<Verdict> {
    let method = told.look.queued_for?;
    let message = format!(
        "The class asks for {method} now. Its identities change a few at a time, and this one waits for its turn; set spec.method to change it at once, or to keep what it has."
    );
    Some(Verdict::holds(Reason::Queued, message))
}

/// What keeps the change until somebody acts.
pub(super) fn stalled(told: &Told<'_>) -> Option<Verdict> {
    let transition = under_way(told)?;
    let waits = match transition.phase {
        Phase::Refused(Refusal::Agent(_)) => !told.wanted().is_some_and(|wanted| wanted.installs_agent),
        Phase::Refused(_) | Phase::Consent(_) | Phase::Paused => true,
        _ => false,
    };
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
        Phase::Paused if told.look.frozen.is_some() => {
            "held where it is, see Stalled. What pods have stays.".to_owned()
        }
        Phase::Paused => {
            "paused by spec.transition.paused. What pods have stays; set it to false to go on, or put the spec back."
                .to_owned()
        }
        Phase::Consent(ask) => format!(
            "{} To agree: kubectl annotate --overwrite -n {} workloadidentity {} {ANNOTATION_CONSENT}={}",
            because_told(ask.because),
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
            "the association is gone, which has to reach every new pod. Pods that still carry Pod Identity get no new credentials: each loses access when those it has end, 6 h later at the latest, some sooner. They have to be restarted as soon as this is through."
                .to_owned()
        }
        Phase::Draining { owners, .. } if owners.is_empty() => {
            "every pod carries the new binding; what pods have cached of the old one has to end.".to_owned()
        }
        Phase::Draining {
            holders,
            owners,
            restarts,
        } => draining_told(told, transition, *holders, owners) + &restarts_told(restarts),
        Phase::Soaking(_) => "every pod is current; the old binding is removed after a while without trouble.".to_owned(),
    }
}

fn refusal_told(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Agent(found) => format!(
            "refused, since the EKS Pod Identity Agent is not ready ({found}) and pods would get no credentials. The EKS add-on eks-pod-identity-agent has to be there and healthy."
        ),
        Refusal::Place { place, pods } => {
            let place = match place {
                Place::Fargate => "on Fargate, which has no EKS Pod Identity Agent",
                Place::Windows => "on Windows nodes, which have no EKS Pod Identity Agent",
                Place::WithoutAgent | Place::Reached => "on nodes where no EKS Pod Identity Agent is ready (for hybrid nodes the add-on has to be told: daemonsets.hybrid.create)",
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

fn because_told(because: Because) -> String {
    match because {
        Because::PodsLoseAccess => {
            "while the association stands, every new pod gets Pod Identity. Once you agree it goes, and pods made before get no new credentials: each loses access when those it has end, 6 h later at the latest, some sooner. Restart them once it is gone; podRestart: Rollout has Lanyard do that and needs no consent where it can restart them all."
                .to_owned()
        }
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

fn draining_told(
    told: &Told<'_>,
    transition: &Transition,
    holders: usize,
    owners: &BTreeSet<Option<Owner>>,
) -> String {
    let whose = owners_told(owners);
    let (older, go) = match holders {
        1 => ("1 older one".to_owned(), "it is gone"),
        _ => (format!("{holders} older ones"), "they are gone"),
    };
    if let Some(end) = access_ends(told, transition) {
        return format!(
            "new pods get the new binding. Not replaced yet: {older}, which can get no new credentials and will be without access when the present ones end, at {end} at the latest: {whose}."
        );
    }
    let until = if transition.made_before.is_some() {
        " or, where the old one's credentials are cached, 6 h have passed"
    } else {
        ""
    };
    format!(
        "new pods get the new binding. Not replaced yet: {older}, for which the old one is kept until {go}{until}: {whose}."
    )
}

/// When the last credentials of Pod Identity end, where its association is gone: no sooner than that is known.
fn access_ends(told: &Told<'_>, transition: &Transition) -> Option<Timestamp> {
    let is_lossy = transition.wanted.is_irsa() && transition.kept.iter().any(|old| !old.is_irsa());
    let since = record(told).filter(|_| is_lossy)?.since;
    let cached = SignedDuration::try_from(told.timings.cached).ok()?;
    since.checked_add(cached).ok()?.round(Unit::Second).ok()
}

/// Whose the old pods are: what a person who wants to see the end of it has to restart.
fn owners_told(owners: &BTreeSet<Option<Owner>>) -> String {
    let name = |owner: &Option<Owner>| owner.as_ref().map_or("bare pods".to_owned(), Owner::to_string);
    let mut names: Vec<String> = owners.iter().take(OWNERS_NAMED).map(name).collect();
    let more = owners.len().saturating_sub(OWNERS_NAMED);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    text::list(&names)
}

fn restarts_told(restarts: &Restarts) -> String {
    if !restarts.allowed {
        return " Restart them yourself, or let Lanyard do it by podRestart: Rollout.".to_owned();
    }
    let mut told = String::new();
    let now: Vec<Owner> = restarts.now.iter().map(|(owner, _)| owner.clone()).collect();
    for (owners, what) in [
        (&now, "Restarting"),
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
