//! Rules on the network between pods and the agent, and on the error message of the application. Evidence in, verdicts out; no
//! I/O.

use super::evidence::Evidence;
use super::surroundings::{EgressPolicy, PodDetail};
use super::verdict::Verdict;
use crate::model::binding::MethodSettings;
use crate::model::fact::Fact;
use crate::model::shell::word;
use crate::model::text::{list, quote};

/// The rule that lets pods connect to the agent.
const RULE: &str =
    r#"{"to":[{"ipBlock":{"cidr":"169.254.170.23/32"}}],"ports":[{"port":80,"protocol":"TCP"}]}"#;

/// Network policies add up: a pod is blocked if one selects it and none of those that do allows the agent.
pub(super) fn policies(evidence: &Evidence<'_>) -> Verdict {
    if evidence.binding.is_irsa() {
        return Verdict::Skipped;
    }
    let namespace = &evidence.subject.namespace;
    let source = format!("network policies in {namespace}");
    let policies = match &evidence.surroundings.network_policies {
        Fact::Present(policies) => policies,
        Fact::Absent => return Verdict::Ok,
        Fact::Unreadable(error) => return Verdict::unasked(source, error),
    };
    let blocking = |pod: &str| -> Option<&EgressPolicy> {
        let mut selecting = policies.iter().filter(|policy| policy.pods.contains(pod));
        let first = selecting.clone().next()?;
        (!selecting.any(|policy| policy.allows_agent)).then_some(first)
    };
    let names = policies.iter().flat_map(|policy| &policy.pods);
    let mut blocked = names.filter_map(|pod| blocking(pod).map(|policy| (pod, policy)));
    let Some((pod, policy)) = blocked.next() else {
        return Verdict::Ok;
    };
    let patch = match policy.has_rules {
        true => format!(r#"[{{"op":"add","path":"/spec/egress/-","value":{RULE}}}]"#),
        false => format!(r#"[{{"op":"add","path":"/spec/egress","value":[{RULE}]}}]"#),
    };
    Verdict::warning(
        source,
        "egress to 169.254.170.23 port 80",
        format!(
            "{} selects pod {} and does not allow it; only the network plugin knows if it is enforced for this address",
            quote(&policy.name),
            quote(pod)
        ),
        format!(
            "kubectl patch networkpolicy {} -n {namespace} --type json -p {}",
            word(&policy.name),
            word(&patch)
        ),
    )
}

/// The error message, in small letters, if it contains one of the sentences.
fn said<'a>(evidence: &Evidence<'a>, sentences: &[&str]) -> Option<&'a str> {
    let error = evidence.surroundings.error.as_deref()?;
    let small = error.to_lowercase();
    sentences
        .iter()
        .any(|sentence| small.contains(sentence))
        .then_some(error)
}

/// The six tags of a session and the policies of the application have one size limit
/// (docs/dev/aws-behaviour.md#session-tags).
pub(super) fn packed_policy(evidence: &Evidence<'_>) -> Verdict {
    if evidence.surroundings.error.is_none() {
        return Verdict::Skipped;
    }
    let Some(error) = said(evidence, &["packedpolicytoolarge"]) else {
        return Verdict::Ok;
    };
    let tags = matches!(
        &evidence.binding.settings,
        MethodSettings::PodIdentity {
            session_tags: true,
            ..
        }
    );
    let subject = evidence.subject;
    match tags {
        true => Verdict::fault(
            "error message of the application",
            "room for the policies and tags that the application passes",
            quote(error),
            format!(
                r#"kubectl patch workloadidentity {} -n {} --type merge -p '{{"spec":{{"podIdentity":{{"sessionTags":"Disabled"}}}}}}'"#,
                subject.name, subject.namespace
            ),
        ),
        // Without tags, the policies of the application are too large by themselves.
        false => Verdict::Ok,
    }
}

/// SDKs without support of Pod Identity refuse its address, or ask the instance metadata service.
pub(super) fn sdk(evidence: &Evidence<'_>) -> Verdict {
    if evidence.surroundings.error.is_none() {
        return Verdict::Skipped;
    }
    let sentences = [
        "only loopback hosts are allowed",
        "no ec2 imds role found",
        "is not valid: host must be",
    ];
    let Some(error) = said(evidence, &sentences) else {
        return Verdict::Ok;
    };
    if evidence.binding.is_irsa() {
        return Verdict::Ok;
    }
    let pods = evidence.pods().unwrap_or_default();
    let names: Vec<String> = pods.iter().map(|pod: &PodDetail| quote(&pod.name)).collect();
    Verdict::fault(
        "error message of the application",
        "an SDK that supports Pod Identity (docs: Minimum SDK versions)",
        format!("{}; pods {}", quote(error), list(&names)),
        super::binding::method_command(evidence, "IRSA"),
    )
}

/// Controllers ask the instance metadata service for their Region and VPC.
pub(super) fn instance_metadata(evidence: &Evidence<'_>) -> Verdict {
    if evidence.surroundings.error.is_none() {
        return Verdict::Skipped;
    }
    let Some(error) = said(
        evidence,
        &["failed to introspect region", "failed to introspect vpcid"],
    ) else {
        return Verdict::Ok;
    };
    let subject = evidence.subject;
    Verdict::fault(
        "error message of the application",
        "a Region and a VPC in the settings of the application",
        format!("{}; this is no error of credentials", quote(error)),
        format!("kubectl get deployments -n {} -o wide", subject.namespace),
    )
}
