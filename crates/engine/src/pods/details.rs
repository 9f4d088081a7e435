//! A pod with its containers, for the diagnosis. Input: a pod. Output: its details. No I/O. Values of variables are not kept,
//! except `NO_PROXY`.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use lanyard_core::diagnose::{ContainerDetail, PodDetail};

use super::credentials::{containers, has_pod_identity, is_set, overridden_by};
use super::places::Agents;
use super::reading::{SKIP_CONTAINERS, SKIP_LABEL, read};

/// The variable of a web identity.
const TOKEN: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
/// The variables of a proxy for plain HTTP, by which the agent is reached, in the spellings that libraries read.
const PROXY: [&str; 4] = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];
/// The directory of profiles.
const PROFILES: &str = "/.aws";
/// The annotation of kiam and kube2iam.
const LEGACY_ROLE: &str = "iam.amazonaws.com/role";

/// The details of a pod. Returns `None` if it is terminal. `agents` and `built_in` determine the place of its node.
pub(crate) fn detail(pod: &Pod, agents: &Agents, built_in: bool) -> Option<PodDetail> {
    let facts = read(pod)?.map(str::to_owned);
    let spec = pod.spec.as_ref()?;
    let annotation = |key: &str| pod.metadata.annotations.as_ref()?.get(key);
    let labels = pod.metadata.labels.as_ref();
    let skipped = annotation(SKIP_CONTAINERS)
        .map(String::as_str)
        .unwrap_or_default();
    let security = spec.security_context.as_ref();
    Some(PodDetail {
        name: pod.metadata.name.clone().unwrap_or_default(),
        credentials: facts.pod(agents, built_in),
        containers: containers(spec).map(|each| container(spec, each)).collect(),
        skip_label: labels.is_some_and(|labels| labels.contains_key(SKIP_LABEL)),
        skip_containers: names(skipped),
        legacy_role: annotation(LEGACY_ROLE).cloned(),
        fs_group: security.is_some_and(|security| security.fs_group.is_some()),
        host_network: spec.host_network == Some(true),
        node: spec.node_name.clone(),
    })
}

fn names(text: &str) -> BTreeSet<String> {
    let names = text.split(',').map(str::trim);
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn container(spec: &PodSpec, container: &Container) -> ContainerDetail {
    let of_pod = spec
        .security_context
        .as_ref()
        .and_then(|security| security.run_as_user);
    let own = container
        .security_context
        .as_ref()
        .and_then(|security| security.run_as_user);
    let mut mounts = container.volume_mounts.iter().flatten();
    let profiles = mounts.find(|mount| mount.mount_path.trim_end_matches('/').ends_with(PROFILES));
    ContainerDetail {
        name: container.name.clone(),
        web_identity: is_set(container, TOKEN),
        pod_identity: has_pod_identity(container),
        own_variable: overridden_by(container).map(str::to_owned),
        profile_mount: profiles.map(|mount| mount.mount_path.clone()),
        proxy: PROXY
            .into_iter()
            .find(|name| is_set(container, name))
            .map(str::to_owned),
        no_proxy: no_proxy(container),
        run_as_user: own.or(of_pod),
    }
}

fn no_proxy(container: &Container) -> Option<String> {
    let mut variables = container.env.iter().flatten();
    let variable = variables.find(|variable| NO_PROXY.contains(&variable.name.as_str()))?;
    variable.value.clone()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::pod_of;
    use super::*;

    #[test]
    fn containers_are_reduced_to_names_of_variables() {
        let env = json!([
            {"name": "AWS_ACCESS_KEY_ID", "value": "AKIASECRET"},
            {"name": "HTTP_PROXY", "value": "http://user:password@proxy"},
            {"name": "NO_PROXY", "value": "10.0.0.0/8"},
        ]);
        let pod = pod_of(json!({
            "metadata": {"annotations": {SKIP_CONTAINERS: "side, other", LEGACY_ROLE: "orders"}, "labels": {SKIP_LABEL: ""}},
            "spec": {
                "securityContext": {"runAsUser": 7, "fsGroup": 9},
                "containers": [{"name": "app", "env": env, "volumeMounts": [{"name": "v", "mountPath": "/etc/app/.aws/"}]}],
            },
        }));
        let detail = detail(&pod, &Agents::default(), false).unwrap();
        assert_eq!(detail.skip_containers, names("side,other"));
        assert!(detail.skip_label && detail.fs_group && detail.legacy_role.is_some());
        let app = &detail.containers[0];
        assert_eq!(app.own_variable.as_deref(), Some("AWS_ACCESS_KEY_ID"));
        assert_eq!(
            (app.proxy.as_deref(), app.no_proxy.as_deref(), app.run_as_user),
            (Some("HTTP_PROXY"), Some("10.0.0.0/8"), Some(7))
        );
        assert_eq!(app.profile_mount.as_deref(), Some("/etc/app/.aws/"));
        let text = serde_json::to_string(&detail).unwrap();
        assert!(
            !text.contains("AKIASECRET") && !text.contains("password"),
            "{text}"
        );
    }

    #[test]
    fn token_and_agent_variables_are_read_by_container() {
        let env = |name: &str, value: &str| json!([{"name": name, "value": value}]);
        let pod = pod_of(json!({"spec": {"containers": [
            {"name": "irsa", "env": env(TOKEN, "/t")},
            {"name": "agent", "env": env("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials")},
            {"name": "none"},
        ]}}));
        let detail = detail(&pod, &Agents::default(), false).unwrap();
        let forms: Vec<(bool, bool)> = detail
            .containers
            .iter()
            .map(|container| (container.web_identity, container.pod_identity))
            .collect();
        assert_eq!(forms, [(true, false), (false, true), (false, false)]);
    }
}
