//! Rules on pods and their nodes: the agent, and pods that are older than the binding. Evidence in, verdicts out; no I/O.

use std::collections::BTreeSet;

use super::binding::cluster_name;
use super::evidence::Evidence;
use super::role::ABSENT;
use super::verdict::{Detail, Verdict};
use crate::model::fact::Fact;
use crate::model::pods::PodCredentials;
use crate::model::text::quote;

pub(super) fn agent(evidence: &Evidence<'_>) -> Verdict {
    if evidence.binding.is_irsa() {
        return Verdict::Skipped;
    }
    let cluster = cluster_name(evidence);
    let source = "EKS Pod Identity Agent";
    match &evidence.observed.agent {
        Fact::Present(agent) if agent.ready => Verdict::Ok,
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

/// A pod keeps the credentials with which it was created.
pub(super) fn old_pods(evidence: &Evidence<'_>) -> Verdict {
    let (subject, binding) = (evidence.subject, evidence.binding);
    let source = format!("pods of ServiceAccount {subject}");
    let pods = match &evidence.observed.pods {
        Fact::Present(pods) => &pods.items,
        Fact::Absent => return Verdict::Ok,
        Fact::Unreadable(error) => return Verdict::unread(source, error),
    };
    let is_old = |pod: &&PodCredentials| {
        let mut credentials = pod.credentials.iter();
        pod.credentials.is_empty() || credentials.any(|credential| !credential.is_of(binding))
    };
    let old: Vec<&PodCredentials> = pods.iter().filter(is_old).collect();
    if old.is_empty() {
        return Verdict::Ok;
    }
    let owners: BTreeSet<String> = old
        .iter()
        .filter_map(|pod| pod.owner.as_ref())
        .map(owner_argument)
        .collect();
    let owners: Vec<String> = owners.into_iter().collect();
    let command = match owners.is_empty() {
        true => format!(
            "kubectl get pods -n {} --field-selector spec.serviceAccountName={}",
            subject.namespace, subject.name
        ),
        false => format!(
            "kubectl rollout restart -n {} {}",
            subject.namespace,
            owners.join(" ")
        ),
    };
    let detail = Detail {
        source,
        expected: format!(
            "credentials of {} with role {}",
            binding.method(),
            binding.role_arn
        ),
        observed: format!(
            "{} of {} pods have other credentials or none",
            old.len(),
            pods.len()
        ),
        command,
    };
    // Without any current pod, the application as a whole has no credentials of the binding.
    match old.len() == pods.len() {
        true => Verdict::Fault(detail),
        false => Verdict::Warning(detail),
    }
}

fn owner_argument(owner: &crate::model::workload::WorkloadRef) -> String {
    format!("{}/{}", owner.kind.to_ascii_lowercase(), owner.name)
}
