//! Rules on the containers of pods: credentials of their own, missing credentials, proxies and users. Evidence in, verdicts out;
//! no I/O.

use std::collections::BTreeSet;

use super::evidence::Evidence;
use super::pods::graded;
use super::surroundings::{ContainerDetail, PodDetail};
use super::verdict::{Detail, Verdict};
use crate::model::pods::StaleCause;
use crate::model::shell::word;
use crate::model::text::{list, quote};

/// The variables of a web identity, which SDKs prefer to Pod Identity (docs/dev/aws-behaviour.md#sdk-credential-order).
const WEB_IDENTITY: [&str; 2] = ["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"];
/// The addresses of the agent (docs/dev/aws-behaviour.md#agent).
const AGENT: &str = "169.254.170.23";
const AGENT_V6: &str = "[fd00:ec2::23]";

/// A pod with one of its containers.
type Place<'a> = (&'a PodDetail, &'a ContainerDetail);

/// The containers for which a condition holds. Returns `Err` with the result of a rule that lacks the pods.
fn containers<'a>(
    evidence: &Evidence<'a>,
    holds: impl Fn(&PodDetail, &ContainerDetail) -> bool,
) -> Result<Vec<Place<'a>>, Verdict> {
    let pods = evidence.pods()?;
    let all = pods
        .iter()
        .flat_map(|pod| pod.containers.iter().map(move |container| (pod, container)));
    Ok(all.filter(|(pod, container)| holds(pod, container)).collect())
}

/// The pod template sets a web identity, which SDKs prefer and the webhook does not replace.
pub(super) fn template(evidence: &Evidence<'_>) -> Verdict {
    let bound = match evidence.bound_since() {
        Ok(bound) => bound,
        Err(error) => return Verdict::unread("the time of the binding", error),
    };
    let of_template = |pod: &PodDetail, container: &ContainerDetail| {
        let both = container.web_identity && container.pod_identity;
        let cause = pod.credentials.stale_cause(evidence.binding, None, bound);
        let set = matches!(&cause, Some(StaleCause::Variable(name)) if WEB_IDENTITY.contains(&name.as_str()));
        (both && !evidence.binding.is_irsa()) || (set && container.web_identity)
    };
    let found = match containers(evidence, of_template) {
        Ok(found) => found,
        Err(unread) => return unread,
    };
    let observed = |(pod, container): Place<'_>| match container.pod_identity {
        true => format!(
            "container {} of pod {} has the variables of both methods",
            quote(&container.name),
            quote(&pod.name)
        ),
        false => format!(
            "container {} of pod {} has {} of its own",
            quote(&container.name),
            quote(&pod.name),
            list(&WEB_IDENTITY)
        ),
    };
    own(evidence, &found, &WEB_IDENTITY, observed)
}

/// A static key or a profile, which every SDK prefers to both methods.
pub(super) fn own_credentials(evidence: &Evidence<'_>) -> Verdict {
    let holds = |_: &PodDetail, container: &ContainerDetail| container.own_variable.is_some();
    let found = match containers(evidence, holds) {
        Ok(found) => found,
        Err(unread) => return unread,
    };
    let Some((_, first)) = found.first() else {
        return profiles(evidence);
    };
    let name = first.own_variable.as_deref().unwrap_or_default();
    // A key is of two or three variables.
    let names: &[&str] = match name {
        "AWS_ACCESS_KEY_ID" => &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"],
        _ => &[name],
    };
    let observed = |(pod, container): Place<'_>| {
        format!(
            "container {} of pod {} sets {name}",
            quote(&container.name),
            quote(&pod.name)
        )
    };
    own(evidence, &found, names, observed)
}

fn profiles(evidence: &Evidence<'_>) -> Verdict {
    let holds = |_: &PodDetail, container: &ContainerDetail| container.profile_mount.is_some();
    let found = match containers(evidence, holds) {
        Ok(found) => found,
        Err(unread) => return unread,
    };
    let Some((pod, container)) = found.first() else {
        return Verdict::Ok;
    };
    let path = container.profile_mount.as_deref().unwrap_or_default();
    let observed = format!(
        "container {} of pod {} mounts {}; a profile there is used first",
        quote(&container.name),
        quote(&pod.name),
        quote(path)
    );
    Verdict::warning(
        evidence.pods_source(),
        "no `.aws` directory",
        observed,
        look(evidence, pod),
    )
}

/// The finding about containers that set variables of their own.
fn own(
    evidence: &Evidence<'_>,
    found: &[Place<'_>],
    variables: &[&str],
    observed: impl Fn(Place<'_>) -> String,
) -> Verdict {
    let Some((pod, container)) = found.first() else {
        return Verdict::Ok;
    };
    let affected: BTreeSet<&str> = found.iter().map(|(pod, _)| pod.name.as_str()).collect();
    let total = evidence.pods().map_or(0, <[PodDetail]>::len);
    let unset: Vec<String> = variables.iter().map(|name| format!("{name}-")).collect();
    let detail = Detail {
        source: evidence.pods_source(),
        expected: format!("no {} in the pod template", list(variables)),
        observed: format!(
            "{} ({} of {total} pods)",
            observed((pod, container)),
            affected.len()
        ),
        command: set_env(evidence, pod, &container.name, &unset).unwrap_or_else(|| look(evidence, pod)),
    };
    graded(detail, affected.len() == total)
}

/// Containers without credentials beside others that have them.
pub(super) fn some_containers(evidence: &Evidence<'_>) -> Verdict {
    let lacks = |pod: &PodDetail, container: &ContainerDetail| {
        let has = |container: &ContainerDetail| container.web_identity || container.pod_identity;
        !has(container) && container.own_variable.is_none() && pod.containers.iter().any(has)
    };
    let found = match containers(evidence, lacks) {
        Ok(found) => found,
        Err(unread) => return unread,
    };
    let Some((pod, container)) = found.first() else {
        return Verdict::Ok;
    };
    let cause = match pod.skip_containers.contains(&container.name) {
        true => ": the annotation eks.amazonaws.com/skip-containers names it",
        false => "",
    };
    let observed = format!(
        "container {} of pod {} has none{cause}",
        quote(&container.name),
        quote(&pod.name)
    );
    Verdict::warning(
        evidence.pods_source(),
        "credentials in every container",
        observed,
        look(evidence, pod),
    )
}

/// kiam and kube2iam answer at the address of the instance metadata service.
pub(super) fn legacy_role(evidence: &Evidence<'_>) -> Verdict {
    let pods = match evidence.pods() {
        Ok(pods) => pods,
        Err(unread) => return unread,
    };
    let found = pods
        .iter()
        .find_map(|pod| pod.legacy_role.as_ref().map(|role| (pod, role)));
    let Some((pod, role)) = found else {
        return Verdict::Ok;
    };
    let observed = format!(
        "pod {} has the annotation iam.amazonaws.com/role=\"{}\"",
        quote(&pod.name),
        quote(role)
    );
    let owner = owner(pod);
    let patch =
        r#"{"spec":{"template":{"metadata":{"annotations":{"iam.amazonaws.com/role":null}}}}}"#.to_owned();
    let command = owner.map_or_else(
        || look(evidence, pod),
        |owner| {
            format!(
                "kubectl patch {owner} -n {} --type merge -p {}",
                evidence.subject.namespace,
                word(&patch)
            )
        },
    );
    Verdict::warning(
        evidence.pods_source(),
        "no annotation iam.amazonaws.com/role",
        observed,
        command,
    )
}

/// kubelet gives a token file to the only user of a pod, or to its group.
pub(super) fn token_file(evidence: &Evidence<'_>) -> Verdict {
    let pods = match evidence.pods() {
        Ok(pods) => pods,
        Err(unread) => return unread,
    };
    let differs = |pod: &&PodDetail| {
        let users: BTreeSet<Option<i64>> = pod
            .containers
            .iter()
            .map(|container| container.run_as_user)
            .collect();
        let others = users.iter().any(|user| !matches!(user, Some(0)));
        !pod.fs_group && users.len() > 1 && others
    };
    let Some(pod) = pods.iter().find(differs) else {
        return Verdict::Ok;
    };
    let observed = format!(
        "the containers of pod {} run as different users, and it sets no fsGroup",
        quote(&pod.name)
    );
    let patch = r#"{"spec":{"template":{"spec":{"securityContext":{"fsGroup":65534}}}}}"#;
    let command = owner(pod).map_or_else(
        || look(evidence, pod),
        |owner| {
            format!(
                "kubectl patch {owner} -n {} --type merge -p {}",
                evidence.subject.namespace,
                word(patch)
            )
        },
    );
    Verdict::warning(
        evidence.pods_source(),
        "one user, or securityContext.fsGroup",
        observed,
        command,
    )
}

/// The SDK sends requests to the agent through the proxy of the container, unless the address is excepted.
pub(super) fn proxy(evidence: &Evidence<'_>) -> Verdict {
    if evidence.binding.is_irsa() {
        return Verdict::Skipped;
    }
    let holds = |_: &PodDetail, container: &ContainerDetail| {
        container.proxy.is_some() && !excepts_agent(container.no_proxy.as_deref().unwrap_or_default())
    };
    let found = match containers(evidence, holds) {
        Ok(found) => found,
        Err(unread) => return unread,
    };
    let Some((pod, container)) = found.first() else {
        return Verdict::Ok;
    };
    let affected: BTreeSet<&str> = found.iter().map(|(pod, _)| pod.name.as_str()).collect();
    let total = evidence.pods().map_or(0, <[PodDetail]>::len);
    let before = container.no_proxy.as_deref().filter(|text| !text.is_empty());
    let value = before.map_or_else(
        || format!("{AGENT},{AGENT_V6}"),
        |before| format!("{before},{AGENT},{AGENT_V6}"),
    );
    let variable = word(&format!("NO_PROXY={value}"));
    let detail = Detail {
        source: evidence.pods_source(),
        expected: format!("{AGENT} in NO_PROXY"),
        observed: format!(
            "container {} of pod {} sets {} and NO_PROXY=\"{}\" ({} of {total} pods)",
            quote(&container.name),
            quote(&pod.name),
            container.proxy.as_deref().unwrap_or_default(),
            quote(before.unwrap_or_default()),
            affected.len()
        ),
        command: set_env(evidence, pod, &container.name, &[variable]).unwrap_or_else(|| look(evidence, pod)),
    };
    graded(detail, affected.len() == total)
}

/// Returns true if `NO_PROXY` contains the address of the agent, a network of it, or everything.
fn excepts_agent(no_proxy: &str) -> bool {
    let networks = [
        AGENT,
        "*",
        "169.254.170.23/32",
        "169.254.170.0/24",
        "169.254.0.0/16",
    ];
    no_proxy
        .split(',')
        .any(|entry| networks.contains(&entry.trim().split(':').next().unwrap_or_default()))
}

/// The owner of a pod as an argument of kubectl, if it has a pod template.
fn owner(pod: &PodDetail) -> Option<String> {
    let owner = pod.credentials.owner.as_ref()?;
    let has_template =
        ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"].contains(&owner.kind.as_str());
    has_template.then(|| format!("{}/{}", owner.kind.to_ascii_lowercase(), owner.name))
}

/// The command that changes variables of a container in the pod template.
fn set_env(
    evidence: &Evidence<'_>,
    pod: &PodDetail,
    container: &str,
    variables: &[String],
) -> Option<String> {
    let owner = owner(pod)?;
    Some(format!(
        "kubectl set env {owner} -n {} -c {container} {}",
        evidence.subject.namespace,
        variables.join(" ")
    ))
}

/// The command that shows where a pod gets a setting from.
fn look(evidence: &Evidence<'_>, pod: &PodDetail) -> String {
    let (kind, name) = match &pod.credentials.owner {
        Some(owner) => (owner.kind.to_ascii_lowercase(), owner.name.as_str()),
        None => ("pod".to_owned(), pod.name.as_str()),
    };
    format!(
        "kubectl get {kind} {name} -n {} -o yaml",
        evidence.subject.namespace
    )
}
