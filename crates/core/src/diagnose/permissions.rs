//! Rules on what the credentials allow: the target role, the policies of the role, and the role of the node. Evidence in,
//! verdicts out; no I/O.

use lanyard_iam_policy::{ASSUME_ROLE, Document, allows};

use super::evidence::Evidence;
use super::surroundings::NodeInstance;
use super::verdict::Verdict;
use crate::model::arn::RoleArn;
use crate::model::binding::MethodSettings;
use crate::model::fact::Fact;
use crate::model::observed::{Effect, RoleFacts};
use crate::model::shell::word;
use crate::model::text::{list, quote};

/// Sessions of Pod Identity carry tags, which the second role has to accept (docs/dev/aws-behaviour.md#target-role).
const TAG_SESSION: &str = "sts:TagSession";

/// Both sides of a role chain.
pub(super) fn chain(evidence: &Evidence<'_>) -> Verdict {
    let MethodSettings::PodIdentity {
        target_role_arn: Some(target),
        session_tags,
    } = &evidence.binding.settings
    else {
        return Verdict::Skipped;
    };
    let needed: &[&str] = match session_tags {
        true => &[ASSUME_ROLE, TAG_SESSION],
        false => &[ASSUME_ROLE],
    };
    if let Some(verdict) = source_permissions(evidence, target, needed) {
        return verdict;
    }
    let source = format!("trust policy of {target}");
    let trust = match evidence.observed.role(target).trust {
        Fact::Present(trust) => trust,
        Fact::Unreadable(error) => return Verdict::unread(source, &error),
        Fact::Absent => {
            let expected = "the target role";
            return Verdict::fault(
                format!("role {target}"),
                expected,
                super::role::ABSENT,
                trust_command(evidence),
            );
        }
    };
    let missing: Vec<&&str> = needed.iter().filter(|action| !allows(&trust, action)).collect();
    if !missing.is_empty() {
        let observed = format!("no statement allows {}", list(&missing));
        return Verdict::fault(
            source,
            format!("{} for {}", list(needed), evidence.binding.role_arn),
            observed,
            trust_command(evidence),
        );
    }
    external_id(evidence, source, &trust, *session_tags)
}

/// EKS sends an external id only without session tags.
fn external_id(evidence: &Evidence<'_>, source: String, trust: &Document, session_tags: bool) -> Verdict {
    let text = trust.to_json();
    if !text.contains("sts:ExternalId") {
        return Verdict::Ok;
    }
    let association = evidence.observed.association.present();
    let sent = association.and_then(|association| association.external_id.as_deref());
    let (expected, observed) = match (session_tags, sent) {
        (true, _) => (
            "no test of sts:ExternalId, because session tags are on".to_owned(),
            "it tests sts:ExternalId, which EKS does not send with session tags".to_owned(),
        ),
        (false, Some(id)) if !text.contains(id) => (
            format!("the external id {}", quote(id)),
            "it tests another sts:ExternalId".to_owned(),
        ),
        (false, _) => return Verdict::Ok,
    };
    Verdict::fault(source, expected, observed, trust_command(evidence))
}

/// The permissions of the first role. Returns `None` if they suffice.
fn source_permissions(evidence: &Evidence<'_>, target: &RoleArn, needed: &[&str]) -> Option<Verdict> {
    let role = evidence.observed.role(&evidence.binding.role_arn);
    let source = format!("policies of {}", evidence.binding.role_arn);
    let inline = match &role.inline {
        Fact::Present(inline) => inline,
        Fact::Absent => return Some(Verdict::Skipped),
        Fact::Unreadable(error) => return Some(Verdict::unread(source, error)),
    };
    let missing: Vec<&&str> = needed
        .iter()
        .filter(|action| !inline.values().any(|policy| allows(policy, action)))
        .collect();
    if missing.is_empty() {
        return None;
    }
    match &role.attached {
        Fact::Unreadable(error) => Some(Verdict::unread(source, error)),
        Fact::Present(attached) if !attached.is_empty() => {
            let chains = attached
                .values()
                .any(|effect| effect.present() == Some(&Effect::Chains));
            // The documents of attached policies are not read, so they may allow the other action as well.
            (!chains).then(|| {
                Verdict::warning(
                    source,
                    format!("{} on {target}", list(needed)),
                    format!(
                        "no inline policy allows {}; an attached policy may",
                        list(&missing)
                    ),
                    trust_command(evidence),
                )
            })
        }
        Fact::Present(_) | Fact::Absent => Some(Verdict::fault(
            source,
            format!("{} on {target}", list(needed)),
            format!("no policy allows {}", list(&missing)),
            trust_command(evidence),
        )),
    }
}

/// The command that prints the statements of both roles.
fn trust_command(evidence: &Evidence<'_>) -> String {
    let subject = evidence.subject;
    format!("kubectl lanyard trust {} -n {}", subject.name, subject.namespace)
}

/// A role without policies allows nothing.
pub(super) fn grants(evidence: &Evidence<'_>) -> Verdict {
    let arn = &evidence.binding.role_arn;
    let role = evidence.observed.role(arn);
    let source = format!("policies of {arn}");
    let RoleFacts { attached, inline, .. } = &role;
    let is_empty = |document: &Document| document.statements().is_empty();
    match (attached, inline) {
        (Fact::Absent, _) | (_, Fact::Absent) => Verdict::Skipped,
        (Fact::Present(attached), _) if !attached.is_empty() => Verdict::Ok,
        (_, Fact::Present(inline)) if !inline.values().all(is_empty) => Verdict::Ok,
        (Fact::Unreadable(error), _) | (_, Fact::Unreadable(error)) => Verdict::unread(source, error),
        (Fact::Present(_), Fact::Present(_)) => {
            let subject = evidence.subject;
            let command = format!(
                "kubectl explain workloadidentity.spec.role.managed && kubectl edit workloadidentity {} -n {}",
                subject.name, subject.namespace
            );
            Verdict::warning(
                source,
                "an attached or an inline policy",
                "none; only resource policies can allow a call",
                command,
            )
        }
    }
}

/// The decision of IAM on one action. It does not know resource policies and resource control policies.
pub(super) fn simulation(evidence: &Evidence<'_>) -> Verdict {
    let arn = &evidence.binding.role_arn;
    let source = format!("simulation of the policies of {arn}");
    let simulation = match &evidence.surroundings.simulation {
        Fact::Present(simulation) => simulation,
        Fact::Absent => return Verdict::Skipped,
        Fact::Unreadable(error) => return Verdict::unasked(source, error),
    };
    if simulation.decision == "allowed" {
        return Verdict::Ok;
    }
    let cause = match (simulation.boundary, simulation.organization) {
        (_, Some(false)) => "a service control policy does not allow it",
        (Some(false), _) => "the permissions boundary does not allow it",
        (_, _) => "no policy of the role allows it, or one denies it",
    };
    let command = format!(
        "aws iam simulate-principal-policy --policy-source-arn {} --action-names {} --resource-arns {}",
        word(&arn.to_string()),
        word(&simulation.action),
        word(&simulation.resource)
    );
    Verdict::fault(
        source,
        format!("{} on {}", quote(&simulation.action), quote(&simulation.resource)),
        format!("{}: {cause}", quote(&simulation.decision)),
        command,
    )
}

/// The agent calls EKS with the role of its node.
pub(super) fn node_role(evidence: &Evidence<'_>) -> Verdict {
    if evidence.binding.is_irsa() {
        return Verdict::Skipped;
    }
    let lacks = |node: &&NodeInstance| node.may_assume == Some(false);
    match &evidence.surroundings.nodes {
        Fact::Unreadable(error) => Verdict::unasked("roles of the nodes", error),
        Fact::Absent => Verdict::Skipped,
        Fact::Present(nodes) => match nodes.iter().find(lacks) {
            None => Verdict::Ok,
            Some(node) => Verdict::fault(
                format!("role {}", node.role),
                "eks-auth:AssumeRoleForPodIdentity",
                format!("node {} may not call it", quote(&node.name)),
                format!(
                    "aws iam attach-role-policy --role-name {} --policy-arn arn:{}:iam::aws:policy/AmazonEKSWorkerNodePolicy",
                    word(&node.role.name.to_string()),
                    node.role.partition
                ),
            ),
        },
    }
}

/// A pod without credentials reaches the instance metadata service if its hop limit is two or more.
pub(super) fn node_credentials(evidence: &Evidence<'_>) -> Verdict {
    let nodes = match &evidence.surroundings.nodes {
        Fact::Present(nodes) => nodes,
        Fact::Absent => return Verdict::Skipped,
        Fact::Unreadable(error) => return Verdict::unasked("instances of the nodes", error),
    };
    let pods = match evidence.pods() {
        Ok(pods) => pods,
        Err(unread) => return unread,
    };
    let without = pods
        .iter()
        .filter(|pod| pod.credentials.credentials.is_empty() && !pod.host_network);
    let reaches =
        |node: &&NodeInstance, name: Option<&str>| Some(node.name.as_str()) == name && node.hop_limit > 1;
    let found = without.into_iter().find_map(|pod| {
        let node = nodes.iter().find(|node| reaches(node, pod.node.as_deref()))?;
        Some((pod, node))
    });
    let Some((pod, node)) = found else {
        return Verdict::Ok;
    };
    Verdict::warning(
        format!("instance {} of node {}", quote(&node.instance), quote(&node.name)),
        "a hop limit of 1",
        format!(
            "{}, and pod {} has no credentials: it uses {}",
            node.hop_limit,
            quote(&pod.name),
            node.role
        ),
        format!(
            "aws ec2 modify-instance-metadata-options --instance-id {} --http-put-response-hop-limit 1",
            word(&node.instance)
        ),
    )
}
