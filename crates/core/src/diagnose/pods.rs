//! Rules on the credentials that pods carry, and on their nodes: the agent, pods that are older than the binding, and pods that
//! the webhook did not change. Evidence in, verdicts out; no I/O.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::binding::{cluster_name, method_command};
use super::evidence::Evidence;
use super::role::ABSENT;
use super::surroundings::PodDetail;
use super::verdict::{Detail, Verdict};
use crate::model::fact::Fact;
use crate::model::pods::{Place, PodCredentials, StaleCause};
use crate::model::text::{list, quote};

/// The time for which the agent caches credentials, and that with a target role
/// (docs/dev/aws-behaviour.md#target-role).
const CACHED: SignedDuration = SignedDuration::from_hours(6);
const CACHED_WITH_TARGET: SignedDuration = SignedDuration::from_mins(59);

/// The label and the annotation by which a pod asks the webhook to skip it.
const SKIP_LABEL: &str = "eks.amazonaws.com/skip-pod-identity-webhook";
const SKIP_CONTAINERS: &str = "eks.amazonaws.com/skip-containers";

pub(super) fn agent(evidence: &Evidence<'_>) -> Verdict {
    if evidence.binding.is_irsa() {
        return Verdict::Skipped;
    }
    let cluster = cluster_name(evidence);
    let source = "EKS Pod Identity Agent";
    match &evidence.observed.agent {
        Fact::Present(agent) if agent.ready => nodes(evidence),
        Fact::Present(agent) => {
            let command = format!(
                "aws eks describe-addon --cluster-name {cluster} --addon-name eks-pod-identity-agent"
            );
            Verdict::fault(source, "a ready agent", quote(&agent.found), command)
        }
        Fact::Unreadable(error) => Verdict::unread(source, error),
        Fact::Absent => {
            let command =
                format!("aws eks create-addon --cluster-name {cluster} --addon-name eks-pod-identity-agent");
            Verdict::fault(source, "a ready agent", ABSENT, command)
        }
    }
}

/// The agent runs, but not on every node.
fn nodes(evidence: &Evidence<'_>) -> Verdict {
    let pods = match evidence.pods() {
        Ok(pods) => pods,
        Err(unread) => return unread,
    };
    let is_served = |pod: &&PodDetail| pod.credentials.place == Place::Reached;
    let (served, others): (Vec<&PodDetail>, Vec<&PodDetail>) = pods.iter().partition(is_served);
    let Some(first) = others.first() else {
        return Verdict::Ok;
    };
    let (kind, command) = match first.credentials.place {
        Place::Fargate => ("Fargate, which has no agent", method_command(evidence, "IRSA")),
        Place::Windows => (
            "a Windows node, which has no agent",
            method_command(evidence, "IRSA"),
        ),
        // A DaemonSet shows why it has no pod there: its node affinity, or a taint that it does not tolerate.
        Place::WithoutAgent | Place::Reached => (
            "a node without a ready agent",
            "kubectl describe daemonset -n kube-system -l app.kubernetes.io/name=eks-pod-identity-agent"
                .to_owned(),
        ),
    };
    let node = first.node.as_deref().unwrap_or("not assigned");
    let observed = format!(
        "{} of {} pods cannot reach it: {} is on {kind} ({})",
        others.len(),
        pods.len(),
        quote(&first.name),
        quote(node)
    );
    let detail = Detail {
        source: evidence.pods_source(),
        expected: "an agent on the node of each pod".to_owned(),
        observed,
        command,
    };
    graded(detail, served.is_empty())
}

/// A pod keeps the credentials with which it was created.
pub(super) fn old_pods(evidence: &Evidence<'_>) -> Verdict {
    let expected = format!(
        "credentials of {} with role {}",
        evidence.binding.method(),
        evidence.binding.role_arn
    );
    by_cause(evidence, &expected, |cause| matches!(cause, StaleCause::Older))
        .unwrap_or_else(|| cached(evidence))
}

/// Pods that are newer than the binding, and have nothing of it.
pub(super) fn missed(evidence: &Evidence<'_>) -> Verdict {
    let expected = "pods that the pod identity webhook changed";
    let skips = |cause: &StaleCause| matches!(cause, StaleCause::Skipped);
    let missed = |cause: &StaleCause| matches!(cause, StaleCause::Missed);
    by_cause(evidence, expected, skips)
        .or_else(|| by_cause(evidence, expected, missed))
        .unwrap_or(Verdict::Ok)
}

/// The finding about the pods that do not use the binding for this cause. Returns `None` if there is no such pod.
fn by_cause(
    evidence: &Evidence<'_>,
    expected: &str,
    is_cause: impl Fn(&StaleCause) -> bool,
) -> Option<Verdict> {
    let pods = match evidence.pods() {
        Ok(pods) => pods,
        Err(unread) => return Some(unread),
    };
    let bound = match evidence.bound_since() {
        Ok(bound) => bound,
        Err(error) => return Some(Verdict::unread("the time of the binding", error)),
    };
    let cause_of = |pod: &PodDetail| pod.credentials.stale_cause(evidence.binding, None, bound);
    let affected: Vec<&PodDetail> = pods
        .iter()
        .filter(|pod| cause_of(pod).as_ref().is_some_and(&is_cause))
        .collect();
    let first = affected.first()?;
    let detail = Detail {
        source: evidence.pods_source(),
        expected: expected.to_owned(),
        observed: format!(
            "{} of {} pods: {} {}",
            affected.len(),
            pods.len(),
            quote(&first.name),
            described(first, bound)
        ),
        command: match first.skip_label || !first.skip_containers.is_empty() {
            true => unskip(evidence, first),
            false => restart(evidence, &affected),
        },
    };
    Some(graded(detail, pods.iter().all(|pod| cause_of(pod).is_some())))
}

/// The credentials of a pod, after its name.
fn described(pod: &PodDetail, bound: Option<Timestamp>) -> String {
    let PodCredentials {
        credentials, created, ..
    } = &pod.credentials;
    let age = match bound {
        Some(bound) => format!("created {created}; new pods get the binding since {bound}"),
        None => format!("created {created}"),
    };
    let skipped: Vec<String> = pod.skip_containers.iter().map(|name| quote(name)).collect();
    match (credentials.is_empty(), pod.skip_label, skipped.is_empty()) {
        (true, true, _) => format!("has the label {SKIP_LABEL}"),
        (true, false, false) => format!(
            "has the annotation {SKIP_CONTAINERS} with the containers {}",
            list(&skipped)
        ),
        (true, false, true) => format!("has no credentials ({age})"),
        (false, _, _) => format!("has other credentials ({age})"),
    }
}

/// Running pods use a changed association when the agent renews their credentials.
fn cached(evidence: &Evidence<'_>) -> Verdict {
    let (Fact::Present(association), false) = (&evidence.observed.association, evidence.binding.is_irsa())
    else {
        return Verdict::Ok;
    };
    let pods = match evidence.pods() {
        Ok(pods) => pods,
        Err(unread) => return unread,
    };
    let cached = match association.target_role_arn {
        Some(_) => CACHED_WITH_TARGET,
        None => CACHED,
    };
    let Some(modified) = association.modified_at else {
        return Verdict::Ok;
    };
    let is_recent = evidence.surroundings.now.duration_since(modified) < cached;
    let before: Vec<&PodDetail> = pods
        .iter()
        .filter(|pod| pod.credentials.created < modified)
        .collect();
    if !is_recent || before.is_empty() {
        return Verdict::Ok;
    }
    let source = format!("association {}", quote(&association.id));
    let observed = format!(
        "it changed at {modified}; the agent can keep the credentials of {} of {} pods for {cached:#} after it",
        before.len(),
        pods.len()
    );
    Verdict::warning(
        source,
        "pods that are newer than the association",
        observed,
        restart(evidence, &before),
    )
}

/// The command that replaces pods.
pub(super) fn restart(evidence: &Evidence<'_>, pods: &[&PodDetail]) -> String {
    let (subject, namespace) = (evidence.subject, &evidence.subject.namespace);
    let owners: BTreeSet<String> = pods.iter().filter_map(|pod| rollout_argument(pod)).collect();
    let owners: Vec<String> = owners.into_iter().collect();
    match owners.is_empty() {
        true => format!(
            "kubectl get pods -n {namespace} --field-selector spec.serviceAccountName={}",
            subject.name
        ),
        false => format!("kubectl rollout restart -n {namespace} {}", owners.join(" ")),
    }
}

/// The owner of a pod, if `kubectl rollout restart` knows its kind.
fn rollout_argument(pod: &PodDetail) -> Option<String> {
    let owner = pod.credentials.owner.as_ref()?;
    let restarts = ["Deployment", "StatefulSet", "DaemonSet"].contains(&owner.kind.as_str());
    restarts.then(|| format!("{}/{}", owner.kind.to_ascii_lowercase(), owner.name))
}

/// The command that removes the label and the annotation from the pod template of the owner.
fn unskip(evidence: &Evidence<'_>, pod: &PodDetail) -> String {
    let namespace = &evidence.subject.namespace;
    let removed = match pod.skip_label {
        true => format!(r#"{{"labels":{{"{SKIP_LABEL}":null}}}}"#),
        false => format!(r#"{{"annotations":{{"{SKIP_CONTAINERS}":null}}}}"#),
    };
    match rollout_argument(pod) {
        Some(owner) => format!(
            r#"kubectl patch {owner} -n {namespace} --type merge -p '{{"spec":{{"template":{{"metadata":{removed}}}}}}}'"#
        ),
        None => format!("kubectl get pod {} -n {namespace} -o yaml", pod.name),
    }
}

/// A fault if no pod has credentials of the binding, otherwise a warning.
pub(super) fn graded(detail: Detail, is_total: bool) -> Verdict {
    match is_total {
        true => Verdict::Fault(detail),
        false => Verdict::Warning(detail),
    }
}
