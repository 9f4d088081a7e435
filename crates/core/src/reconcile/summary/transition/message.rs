//! The messages of a transition, stage by stage. The transition and the limits of its waits in, sentences
//! out; no I/O.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp, Unit};

use super::super::input::SummaryInput;
use super::super::replacement::replace_message;
use super::super::unreadable::limit_message;
use super::record::record;
use crate::egress::{AGENT_IPV4, AGENT_IPV6};
use crate::model::pods::{Place, Replacement};
use crate::model::text;
use crate::model::workload::WorkloadRef;
use crate::reconcile::plan::WaitReason;
use crate::reconcile::transition::{
    ANNOTATION_APPROVE, ApprovalReason, ApprovalRequest, Phase, Refusal, RestartBlock, Restarts, Transition,
};

/// The number of workloads that a message names: messages are truncated at 1,000 bytes.
const OWNERS_NAMED: usize = 5;

/// The number of names in one cause of an approval.
const NAMES_LISTED: usize = 3;

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
        Phase::Paused => paused_message(input, transition),
        Phase::AwaitingApproval(ask) => approval_message(transition, ask, &cached),
        Phase::Preparing => format!(
            "creating the role and its trust statement. The current binding stays in effect.{}",
            waits_message(input)
        ),
        Phase::Propagating(_) => format!(
            "the trust policy is set. Waiting up to {propagation} for it to propagate through IAM, so that new pods can assume the role."
        ),
        Phase::Switching => format!(
            "creating the new binding beside the current one.{}",
            waits_message(input)
        ),
        Phase::Settling(_) => format!(
            "the new binding is created. Waiting up to {binding_propagation} for EKS and the pod identity webhook to apply it to every new pod."
        ),
        Phase::Unbinding => "deleting the association, so that new pods get IRSA.".to_owned(),
        Phase::Unbound(_) => format!(
            "the association is deleted. Waiting up to {binding_propagation} for EKS to apply this to every new pod. Then restart pods with Pod Identity: they lose access when their credentials expire, at most {cached} after the deletion."
        ),
        Phase::Draining { restarts, .. } if !restarts.ineffective.is_empty() => {
            ineffective_message(restarts, access_end(input, transition))
        }
        Phase::Draining { owners, .. } if owners.is_empty() && transition.desired.is_irsa() => format!(
            "every pod carries the new binding. Waiting up to {} for tokens of the old issuer to expire.",
            limit_message(input.timings.token + input.timings.margin)
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
        } => draining_message(input, transition, *pods, owners) + &restarts_message(restarts, owners),
        Phase::Soaking(_) => format!(
            "every pod is current. Waiting {} without failures before the old binding is removed.",
            limit_message(input.timings.soak)
        ),
    }
}

fn paused_message(input: &SummaryInput<'_>, transition: &Transition) -> String {
    let cause = match input.decision.frozen {
        Some(_) => "paused because the identity is frozen, see Stalled",
        None => "paused by spec.transition.paused. Set it to false to continue, or revert the spec",
    };
    // Only an association serves pods that carry Pod Identity.
    let unserved = input
        .after
        .pods
        .present()
        .filter(|_| input.after.association.is_absent());
    let losing = unserved.into_iter().flat_map(|pods| &pods.items);
    let losing = losing.filter(|pod| pod.has_pod_identity());
    let owners: BTreeSet<Option<WorkloadRef>> = losing.map(|pod| pod.owner.clone()).collect();
    if owners.is_empty() {
        return format!("{cause}. Pods keep their credentials.");
    }
    let cached = limit_message(input.timings.cached);
    let end = match access_end(input, transition) {
        Some(end) if end <= input.now => format!("lost access by {end}"),
        Some(end) => format!("lose access when their credentials expire, at {end} at the latest"),
        None => format!("lose access when their credentials expire, at most {cached} after its deletion"),
    };
    format!(
        "{cause}. The association is deleted: pods of {} {end}.",
        owners_message(&owners)
    )
}

/// The reasons to wait besides the transition itself. Empty if it waits for nothing else.
fn waits_message(input: &SummaryInput<'_>) -> String {
    let wait = |reason: &WaitReason| match reason {
        WaitReason::Role => Some("the role to be created, see RoleReady"),
        WaitReason::Trust => Some("the trust policy to admit the ServiceAccount, see TrustReady"),
        WaitReason::Provider => {
            Some("the IAM OIDC provider and its audience, which the class does not let Lanyard create")
        }
        WaitReason::Agent => Some("the EKS Pod Identity Agent to be ready"),
        WaitReason::Webhook => Some("the pod identity webhook to be installed"),
        WaitReason::ServiceAccount => Some("the ServiceAccount to be created"),
        WaitReason::Propagation => Some("recent changes of the binding to reach new pods"),
        WaitReason::Conflict => Some("a conflict to be resolved, see Stalled"),
        WaitReason::Pods | WaitReason::Reading | WaitReason::Transition => None,
    };
    let waits: Vec<&str> = input.decision.plan.waiting_for.iter().filter_map(wait).collect();
    match waits.is_empty() {
        true => String::new(),
        false => format!(" Waiting for {}.", waits.join(", and for ")),
    }
}

fn refusal_message(refusal: &Refusal) -> String {
    let (cause, action) = refusal_cause(refusal);
    format!("refused, because {cause}. The current binding stays in effect. {action}, or revert the spec.")
}

/// The unmet precondition and the next action.
fn refusal_cause(refusal: &Refusal) -> (String, &'static str) {
    match refusal {
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
    }
}

fn approval_message(transition: &Transition, request: &ApprovalRequest, cached: &str) -> String {
    let causes: Vec<String> = request
        .reasons
        .iter()
        .map(|reason| approval_cause(reason, cached))
        .collect();
    format!(
        "approval required. {} To approve, run: kubectl annotate --overwrite -n {} workloadidentity {} {ANNOTATION_APPROVE}={}",
        causes.join(" "),
        transition.subject.namespace,
        transition.subject.name,
        request.token
    )
}

/// The loss that the approval permits, and the way to avoid it.
fn approval_cause(reason: &ApprovalReason, cached: &str) -> String {
    match reason {
        ApprovalReason::PodsLoseAccess => format!(
            "After the association is deleted, running pods lose access when their credentials expire, at most {cached} later, unless they are restarted. With podRestart: Rollout, Lanyard restarts them, and needs no approval if it can restart them all now."
        ),
        ApprovalReason::NoPodHolds => {
            "No pod uses the current binding. Other users of it, such as a token for the ServiceAccount from External Secrets or a CSI driver, or a periodic job, lose access when the old trust is removed."
                .to_owned()
        }
        ApprovalReason::VolumeNeedsAnnotation(class) => format!(
            "Pods mount a volume of the Secrets Store CSI driver (SecretProviderClass {}), which needs the role annotation: without it new pods cannot start. Set usePodIdentity: \"true\" in its parameters first.",
            text::quote(class)
        ),
        ApprovalReason::EgressBlocked(policies) => {
            format!(
                "NetworkPolicy {} restricts egress of the pods and does not permit the Pod Identity Agent: without it they get no credentials. Allow TCP port 80 of {AGENT_IPV4}, or of {AGENT_IPV6} on IPv6 clusters.",
                first_names(policies)
            )
        }
        ApprovalReason::EgressUnreadable(error) => format!(
            "Egress policies cannot be read ({error}), and one without the address {AGENT_IPV4} keeps pods from Pod Identity. Grant the right, or check them."
        ),
        ApprovalReason::TokenClients(objects) => format!(
            "{} creates tokens of the ServiceAccount and uses IRSA, whatever pods have: it loses access when the old trust is removed. Give it a ServiceAccount of its own first.",
            first_names(objects)
        ),
        ApprovalReason::TokenClientsUnreadable(rights) => format!(
            "Other controllers may create tokens of the ServiceAccount and lose access, and their objects cannot be read: {}. Add the component token-clients of config/components (Helm: rbac.tokenClients), or check them.",
            first_names(rights)
        ),
        ApprovalReason::RoleMayChain => {
            "The role may assume other roles, and Pod Identity sessions carry tags. Allow sts:TagSession in the trust policies of those roles, or set podIdentity.disableSessionTags: true."
                .to_owned()
        }
    }
}

/// The first names of a set, as many as a message has room for.
fn first_names(names: &BTreeSet<String>) -> String {
    let mut listed: Vec<String> = names
        .iter()
        .take(NAMES_LISTED)
        .map(|name| text::quote(name))
        .collect();
    let more = names.len().saturating_sub(NAMES_LISTED);
    if more > 0 {
        listed.push(format!("{more} more"));
    }
    text::list(&listed)
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
    if let Some(end) = access_end(input, transition) {
        let loses = match (pods, end > input.now) {
            (1, true) => "It loses access when the current credentials expire, at",
            (_, true) => "They lose access when the current credentials expire, at",
            (1, false) => "Its credentials expired at",
            (_, false) => "Their credentials expired at",
        };
        return format!("new pods get the new binding, {older}: {owners}. {loses} {end} at the latest.");
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

/// Returns the time at which the last Pod Identity credentials expire after their association was deleted, or `None` if
/// pods do not lose access. It counts from the time at which every new pod got IRSA, whatever stages follow.
fn access_end(input: &SummaryInput<'_>, transition: &Transition) -> Option<Timestamp> {
    let is_lossy = transition.desired.is_irsa() && transition.in_use.iter().any(|old| !old.is_irsa());
    let since = record(input).filter(|_| is_lossy)?.effective_time?;
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

fn ineffective_message(restarts: &Restarts, access_end: Option<Timestamp>) -> String {
    let name = |(owner, carried): &(WorkloadRef, &str)| format!("{owner}, but its new pods carry {carried}");
    let names: Vec<String> = restarts.ineffective.iter().map(name).collect();
    let old = match access_end {
        Some(end) => format!("pods with Pod Identity lose access by {end}"),
        None => "the old binding stays".to_owned(),
    };
    format!(
        "Lanyard restarted {}. No other workload is restarted, and {old}. Check the pod webhook, and whether the pod template sets credentials or skips the webhook; then restart the workload, or revert the spec.",
        text::list(&names)
    )
}

fn restarts_message(restarts: &Restarts, owners: &BTreeSet<Option<WorkloadRef>>) -> String {
    if !restarts.allowed {
        let ways: BTreeSet<Replacement> = owners
            .iter()
            .map(|owner| Replacement::of(owner.as_ref()))
            .collect();
        let rollout = match ways.contains(&Replacement::Restart) {
            true => ", or set podRestart: Rollout",
            false => "",
        };
        return format!(" {}{rollout}.", replace_message(&ways, false));
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
            "restarted later, since at most 30 pods start within a minute",
            names(&restarts.paced),
        ),
        (
            "restarted but not ready, check the pods of",
            names(&restarts.stuck),
        ),
        ("to be replaced by a user", restarts.manual.clone()),
    ];
    if let Some(block) = &restarts.blocked {
        return format!(" Lanyard restarts no workload, because {}.", block_message(block));
    }
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

fn block_message(block: &RestartBlock) -> String {
    match block {
        RestartBlock::Workloads(error) => format!(
            "the workloads cannot be read ({error}). Add the component restart of config/components (Helm: rbac.restart), or restart them yourself"
        ),
        RestartBlock::Refused(refusal) => {
            let (cause, action) = refusal_cause(refusal);
            format!("{cause}. {action}")
        }
        RestartBlock::Provider => {
            "the IAM OIDC provider does not exist or does not accept the audience".to_owned()
        }
        RestartBlock::Trust => "the trust policy of the role does not admit the ServiceAccount".to_owned(),
    }
}
