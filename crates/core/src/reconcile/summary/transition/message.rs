//! The messages of a transition, stage by stage. The transition and the limits of its waits in, sentences
//! out; no I/O.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp, Unit};

use super::super::input::SummaryInput;
use super::super::unreadable::limit_message;
use super::record::record;
use crate::model::pods::Place;
use crate::model::text;
use crate::model::workload::WorkloadRef;
use crate::reconcile::transition::{
    ANNOTATION_APPROVE, ApprovalReason, ApprovalRequest, Phase, Refusal, Restarts, Transition,
};

/// The number of workloads that a message names: messages are truncated at 1,000 bytes.
const OWNERS_NAMED: usize = 5;

pub(super) fn message(input: &SummaryInput<'_>, transition: &Transition) -> String {
    let change = transition.from.change_to(&transition.desired);
    format!("Change of {change}: {}", phase_message(input, transition))
}

fn phase_message(input: &SummaryInput<'_>, transition: &Transition) -> String {
    let propagation = limit_message(input.timings.propagation);
    let binding_propagation = limit_message(input.timings.binding_propagation);
    let cached = limit_message(input.timings.cached);
    match &transition.phase {
        Phase::Refused(refusal) => refusal_message(refusal),
        Phase::Paused if input.decision.frozen.is_some() => {
            "paused because the identity is frozen, see Stalled. Pods keep their credentials.".to_owned()
        }
        Phase::Paused => {
            "paused by spec.transition.paused. Pods keep their credentials. Set it to false to continue, or revert the spec."
                .to_owned()
        }
        Phase::AwaitingApproval(ask) => approval_message(transition, ask, &cached),
        Phase::Preparing => {
            "creating the role and its trust statement. The current binding stays in effect.".to_owned()
        }
        Phase::Propagating(_) => format!(
            "the trust policy is set. Waiting up to {propagation} for it to propagate through IAM, so that new pods can assume the role."
        ),
        Phase::Switching => "creating the new binding beside the current one.".to_owned(),
        Phase::Settling(_) => format!(
            "the new binding is created. Waiting up to {binding_propagation} for EKS and the pod identity webhook to apply it to every new pod."
        ),
        Phase::Unbinding => "deleting the association, so that new pods get IRSA.".to_owned(),
        Phase::Unbound(_) => format!(
            "the association is deleted. Waiting up to {binding_propagation} for EKS to apply this to every new pod. Then restart pods with Pod Identity: they lose access when their credentials expire, at most {cached} after the deletion."
        ),
        Phase::Draining { owners, .. } if owners.is_empty() => {
            let limit = limit_message(input.timings.cached + input.timings.margin);
            format!(
                "every pod carries the new binding. Waiting up to {limit} for cached credentials of the old binding to expire."
            )
        }
        Phase::Draining {
            pods,
            owners,
            restarts,
        } => draining_message(input, transition, *pods, owners) + &restarts_message(restarts),
        Phase::Soaking(_) => format!(
            "every pod is current. Waiting {} without failures before the old binding is removed.",
            limit_message(input.timings.soak)
        ),
    }
}

fn refusal_message(refusal: &Refusal) -> String {
    let (cause, action) = match refusal {
        Refusal::AgentNotReady(found) => (
            format!("the EKS Pod Identity Agent is not ready ({found}), so pods would get no credentials"),
            "Install or repair the EKS add-on eks-pod-identity-agent",
        ),
        Refusal::UnsupportedNodes { place, pods } => {
            let (place, action) = match place {
                Place::Fargate => (
                    "on Fargate, which has no EKS Pod Identity Agent",
                    "Move them to EC2 nodes",
                ),
                Place::Windows => (
                    "on Windows nodes, which have no EKS Pod Identity Agent",
                    "Move them to Linux nodes",
                ),
                Place::WithoutAgent | Place::Reached => (
                    "on nodes without a ready EKS Pod Identity Agent",
                    "Run the agent there (on hybrid nodes: set daemonsets.hybrid.create in the add-on)",
                ),
            };
            let pods = match pods {
                1 => "1 pod runs".to_owned(),
                pods => format!("{pods} pods run"),
            };
            (format!("{pods} {place}"), action)
        }
        Refusal::ForeignAssociation => (
            "an association that Lanyard does not own decides the credentials of new pods".to_owned(),
            "Delete or adopt the association",
        ),
        Refusal::ManagedByAddOn => (
            "an EKS add-on owns this ServiceAccount and its binding".to_owned(),
            "Set the binding on the add-on",
        ),
    };
    format!("refused, because {cause}. The current binding stays in effect. {action}, or revert the spec.")
}

fn approval_message(transition: &Transition, request: &ApprovalRequest, cached: &str) -> String {
    let cost = match request.reason {
        ApprovalReason::PodsLoseAccess => format!(
            "approval required to delete the association: running pods lose access when their credentials expire, at most {cached} later, unless they are restarted. With podRestart: Rollout, Lanyard restarts them, and needs no approval if it can restart them all."
        ),
        ApprovalReason::NoPodHolds => {
            "approval required, because no pod uses the current binding. Other users of it, such as a token for the ServiceAccount from External Secrets or a CSI driver, or a periodic job, lose access when the old trust is removed."
                .to_owned()
        }
        ApprovalReason::RoleMayChain => {
            "approval required, because the role may assume other roles and Pod Identity sessions carry tags. Allow sts:TagSession in the trust policies of those roles, or set podIdentity.disableSessionTags: true."
                .to_owned()
        }
    };
    format!(
        "{cost} To approve, run: kubectl annotate --overwrite -n {} workloadidentity {} {ANNOTATION_APPROVE}={}",
        transition.subject.namespace, transition.subject.name, request.token
    )
}

fn draining_message(
    input: &SummaryInput<'_>,
    transition: &Transition,
    pods: usize,
    owners: &BTreeSet<Option<WorkloadRef>>,
) -> String {
    let owners = owners_message(owners);
    let (older, replaced) = match pods {
        1 => ("1 older pod does not".to_owned(), "it is replaced"),
        _ => (format!("{pods} older pods do not"), "they are replaced"),
    };
    let loses = if pods == 1 { "It loses" } else { "They lose" };
    if let Some(end) = access_end(input, transition) {
        return format!(
            "new pods get the new binding, {older}: {owners}. {loses} access when the current credentials expire, at {end} at the latest."
        );
    }
    let expiry = match transition.stale_before {
        Some(_) => format!(
            ", or cached credentials expire, at most {} later",
            limit_message(input.timings.cached + input.timings.margin)
        ),
        None => String::new(),
    };
    format!(
        "new pods get the new binding, {older}: {owners}. The old binding stays until {replaced}{expiry}."
    )
}

/// Returns the time at which the last Pod Identity credentials expire after their association was deleted, or
/// `None` if pods do not lose access or that time is not known yet.
fn access_end(input: &SummaryInput<'_>, transition: &Transition) -> Option<Timestamp> {
    let is_lossy = transition.desired.is_irsa() && transition.in_use.iter().any(|old| !old.is_irsa());
    let since = record(input).filter(|_| is_lossy)?.stage_transition_time;
    let cached = SignedDuration::try_from(input.timings.cached).ok()?;
    since.checked_add(cached).ok()?.round(Unit::Second).ok()
}

/// The workloads of the old pods, which a user has to restart.
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
        return " Restart the workloads, or set podRestart: Rollout.".to_owned();
    }
    let now: Vec<String> = restarts.due.iter().map(|(owner, _)| owner.to_string()).collect();
    let names = |owners: &[WorkloadRef]| -> Vec<String> { owners.iter().map(ToString::to_string).collect() };
    let groups = [
        ("restarting", now),
        ("rolling out", names(&restarts.rolling)),
        (
            "waiting for a PodDisruptionBudget",
            names(&restarts.blocked_by_budget),
        ),
        (
            "restarted but not ready, check the pods of",
            names(&restarts.stuck),
        ),
        ("to be restarted by a user", restarts.manual.clone()),
    ];
    let parts: Vec<String> = groups
        .iter()
        .filter(|(_, owners)| !owners.is_empty())
        .map(|(state, owners)| format!("{state}: {}", text::list(owners)))
        .collect();
    match parts.is_empty() {
        true => String::new(),
        false => format!(" Workloads {}.", parts.join("; ")),
    }
}
