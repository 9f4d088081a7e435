//! The place of a pod with regard to Pod Identity (docs/dev/aws-behaviour.md#supported-nodes): a kind of node
//! that the agent does not support, or a node without an agent. Input: pods. Output: places. No I/O. Nodes are
//! not watched; only the nodes with a ready agent matter.

use std::collections::HashMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use lanyard_core::model::pods::Place;

/// The namespace of the add-on, and the name that begins the labels of its pods and is the name of its image
/// (docs/dev/aws-behaviour.md#agent).
pub(crate) const AGENT_NAMESPACE: &str = "kube-system";
const LABEL_NAME: &str = "app.kubernetes.io/name";
const AGENT_NAME: &str = "eks-pod-identity-agent";
/// The names of the DaemonSets of the add-on, which are the labels of their pods too: for cloud nodes, hybrid nodes, and
/// hybrid nodes with Bottlerocket.
pub(crate) const AGENT_DAEMON_SETS: [&str; 3] = [
    AGENT_NAME,
    "eks-pod-identity-agent-hybrid",
    "eks-pod-identity-agent-hybrid-bottlerocket",
];
/// The port for probes, which is the same in every form of the agent.
const AGENT_PORT: i32 = 2703;
/// The label of pods on Fargate, and the prefix of the names of their nodes.
const LABEL_FARGATE: &str = "eks.amazonaws.com/fargate-profile";
const FARGATE_NODE: &str = "fargate-";
const COMPUTE_TYPE: &str = "eks.amazonaws.com/compute-type";

/// The pods of the agent, by node.
#[derive(Debug, Default)]
pub(crate) struct Agents {
    /// The node and readiness of each pod, by uid.
    pods: HashMap<Arc<str>, (Option<Arc<str>>, bool)>,
    /// The number of ready pods of each node.
    ready: HashMap<Arc<str>, usize>,
}

impl Agents {
    /// Adds or updates a pod.
    pub fn set(&mut self, uid: &Arc<str>, node: Option<&Arc<str>>, ready: bool) {
        self.remove(uid);
        if let (Some(node), true) = (node, ready) {
            *self.ready.entry(Arc::clone(node)).or_default() += 1;
        }
        self.pods.insert(Arc::clone(uid), (node.cloned(), ready));
    }

    /// Removes a pod. Pods of other applications are ignored.
    pub fn remove(&mut self, uid: &str) {
        let Some((Some(node), true)) = self.pods.remove(uid) else {
            return;
        };
        if let Some(ready) = self.ready.get_mut(&node) {
            *ready -= 1;
            if *ready == 0 {
                self.ready.remove(&node);
            }
        }
    }

    /// The place of a pod: as shown by the pod itself, otherwise by the agent on its node. A cluster without
    /// any agent is reported once for the cluster instead of for every pod. `built_in`: EKS Auto Mode includes the
    /// agent in its nodes, without a pod. In a mixed cluster the other nodes need one.
    pub fn place(&self, alone: Place, node: Option<&str>, built_in: bool) -> Place {
        let is_served = |node: &str| match built_in {
            true => !is_outside_auto_mode(node) || self.ready.contains_key(node),
            false => self.serve(node),
        };
        match (alone, node) {
            (Place::Reached, Some(node)) if !is_served(node) => Place::WithoutAgent,
            (place, _) => place,
        }
    }

    /// Returns true if a node is not known to lack an agent.
    pub fn serve(&self, node: &str) -> bool {
        self.pods.is_empty() || self.ready.contains_key(node)
    }

    /// The number of nodes with a ready agent.
    pub fn ready_nodes(&self) -> usize {
        self.ready.len()
    }

    /// The state of a pod: its node, if it is ready there. The outer value is `None` if the pod is not known.
    pub fn state(&self, uid: &str) -> Option<Option<Arc<str>>> {
        let (node, ready) = self.pods.get(uid)?;
        Some(node.clone().filter(|_| *ready))
    }
}

/// Returns true if the name of a node shows that EKS Auto Mode does not manage it: a private DNS name, or a hybrid node. The
/// nodes of Auto Mode have the id of their instance as name (docs/dev/aws-behaviour.md#supported-nodes). A node of another
/// name counts as one of Auto Mode.
pub(crate) fn is_outside_auto_mode(node: &str) -> bool {
    node.starts_with("ip-") || node.starts_with("mi-") || node.ends_with(".internal")
}

/// The label selector of the agent's pods, as installed by the add-on.
pub(crate) fn agent_selector() -> String {
    format!("{LABEL_NAME} in ({})", AGENT_DAEMON_SETS.join(","))
}

/// The field selector of the pods that can be the agent in any form.
pub(crate) const HOST_NETWORK: &str = "spec.hostNetwork=true";

/// Returns true if a pod belongs to the agent: a pod of the add-on, or in any namespace and by any name a pod with the
/// image or the port of the agent. Only a pod in the network of its node can serve others, and a tenant who may run one
/// can do more than pretend to be the agent.
pub(super) fn is_agent(pod: &Pod) -> bool {
    let named = label(pod, LABEL_NAME).is_some_and(|name| AGENT_DAEMON_SETS.contains(&name));
    if named && pod.metadata.namespace.as_deref() == Some(AGENT_NAMESPACE) {
        return true;
    }
    let spec = pod.spec.as_ref().filter(|spec| spec.host_network == Some(true));
    spec.is_some_and(|spec| spec.containers.iter().any(is_agent_container))
}

fn is_agent_container(container: &Container) -> bool {
    let image = container.image.as_deref().unwrap_or_default();
    let repository = image.rsplit('/').next().unwrap_or_default();
    let name = repository.split(['@', ':']).next().unwrap_or_default();
    let mut ports = container.ports.iter().flatten();
    name == AGENT_NAME || ports.any(|port| port.container_port == AGENT_PORT)
}

/// The place of a pod as shown by the pod itself.
pub(super) fn alone(pod: &Pod, spec: &PodSpec) -> Place {
    let selected = |key: &str| spec.node_selector.as_ref()?.get(key).map(String::as_str);
    let windows = ["kubernetes.io/os", "beta.kubernetes.io/os"]
        .into_iter()
        .any(|key| selected(key) == Some("windows"))
        || spec.os.as_ref().is_some_and(|os| os.name == "windows");
    let node = spec.node_name.as_deref().unwrap_or_default();
    let fargate = label(pod, LABEL_FARGATE).is_some()
        || selected(COMPUTE_TYPE) == Some("fargate")
        || node.starts_with(FARGATE_NODE);
    match (fargate, windows) {
        (true, _) => Place::Fargate,
        (false, true) => Place::Windows,
        (false, false) => Place::Reached,
    }
}

fn label<'a>(pod: &'a Pod, key: &str) -> Option<&'a str> {
    pod.metadata.labels.as_ref()?.get(key).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::pod_of;
    use super::*;

    fn place_of(pieces: Value) -> Place {
        let pod = pod_of(pieces);
        alone(&pod, pod.spec.as_ref().unwrap())
    }

    #[test]
    fn fargate_is_detected_by_label_selector_or_node() {
        let by_label = json!({"metadata": {"labels": {"eks.amazonaws.com/fargate-profile": "shop"}}});
        assert_eq!(place_of(by_label), Place::Fargate);
        let by_selector = json!({"spec": {"nodeSelector": {"eks.amazonaws.com/compute-type": "fargate"}}});
        assert_eq!(place_of(by_selector), Place::Fargate);
        assert_eq!(
            place_of(json!({"spec": {"nodeName": "fargate-ip-10-0-0-1.ec2.internal"}})),
            Place::Fargate
        );
        assert_eq!(
            place_of(json!({"spec": {"nodeName": "ip-10-0-0-1.ec2.internal"}})),
            Place::Reached
        );
    }

    #[test]
    fn windows_is_detected_by_selector_or_pod_os() {
        let by_selector = json!({"spec": {"nodeSelector": {"kubernetes.io/os": "windows"}}});
        assert_eq!(place_of(by_selector), Place::Windows);
        assert_eq!(
            place_of(json!({"spec": {"os": {"name": "windows"}}})),
            Place::Windows
        );
        assert_eq!(
            place_of(json!({"spec": {"os": {"name": "linux"}}})),
            Place::Reached
        );
    }

    #[test]
    fn hybrid_node_needs_its_own_agent() {
        let alone = place_of(json!({"spec": {"nodeSelector": {COMPUTE_TYPE: "hybrid"}}}));
        let hybrid: Arc<str> = "mi-0123456789abcdef0".into();
        let mut agents = Agents::default();
        agents.set(&"1".into(), Some(&"ip-10-0-0-1.ec2.internal".into()), true);
        assert_eq!(agents.place(alone, Some(&hybrid), false), Place::WithoutAgent);
        agents.set(&"2".into(), Some(&hybrid), true);
        assert_eq!(agents.place(alone, Some(&hybrid), false), Place::Reached);
    }

    #[test]
    fn agent_of_add_on_is_detected_by_namespace_and_label() {
        let named = |namespace: &str, name: &str| {
            is_agent(&pod_of(
                json!({"metadata": {"namespace": namespace, "labels": {LABEL_NAME: name}}}),
            ))
        };
        for name in AGENT_DAEMON_SETS {
            assert!(named("kube-system", name), "{name}");
            assert!(!named("shop", name), "{name}");
        }
        assert!(!named("kube-system", "coredns"));
        assert!(!named("kube-system", "eks-pod-identity-agent-of-ours"));
    }

    #[test]
    fn agent_by_helm_is_detected_by_image_or_port() {
        let is_agent = |image: &str, port: i32, host: bool| {
            let container = json!({"name": "agent", "image": image, "ports": [{"containerPort": port}]});
            is_agent(&pod_of(json!({
                "metadata": {"namespace": "identity", "labels": {LABEL_NAME: "our-agent"}},
                "spec": {"hostNetwork": host, "containers": [container]},
            })))
        };
        let image = "602401143452.dkr.ecr.eu-west-1.amazonaws.com/eks/eks-pod-identity-agent:v0.1.37";
        assert!(is_agent(image, 80, true));
        assert!(is_agent("mirror:5000/eks-pod-identity-agent@sha256:00", 80, true));
        assert!(is_agent("mirror/renamed:1", AGENT_PORT, true));
        assert!(
            !is_agent(image, AGENT_PORT, false),
            "not in the network of the node"
        );
        assert!(!is_agent("mirror/not-eks-pod-identity-agent:1", 80, true));
    }

    #[test]
    fn node_without_ready_agent_needs_another_agent_pod() {
        let (node, other): (Arc<str>, Arc<str>) = ("node-a".into(), "node-b".into());
        let mut agents = Agents::default();
        let place = |agents: &Agents| agents.place(Place::Reached, Some("node-a"), false);
        assert_eq!(place(&agents), Place::Reached);
        agents.set(&"1".into(), Some(&other), true);
        assert_eq!(place(&agents), Place::WithoutAgent);
        agents.set(&"2".into(), Some(&node), false);
        assert_eq!(place(&agents), Place::WithoutAgent);
        agents.set(&"2".into(), Some(&node), true);
        assert_eq!(place(&agents), Place::Reached);
        agents.set(&"3".into(), Some(&node), true);
        agents.remove("2");
        assert_eq!(place(&agents), Place::Reached);
        agents.remove("3");
        assert_eq!(place(&agents), Place::WithoutAgent);
        agents.remove("1");
        assert_eq!(place(&agents), Place::Reached);
    }

    #[test]
    fn unscheduled_pod_and_built_in_agent_are_reached() {
        let mut agents = Agents::default();
        agents.set(&"1".into(), Some(&"node-b".into()), true);
        assert_eq!(agents.place(Place::Reached, None, false), Place::Reached);
        assert_eq!(agents.place(Place::Windows, Some("node-b"), true), Place::Windows);
        let place = |built_in| agents.place(Place::Reached, Some("node-a"), built_in);
        assert_eq!((place(false), place(true)), (Place::WithoutAgent, Place::Reached));
    }

    #[test]
    fn managed_node_beside_auto_mode_needs_an_agent_pod() {
        let managed: Arc<str> = "ip-10-0-0-1.eu-west-1.compute.internal".into();
        let mut agents = Agents::default();
        let place = |agents: &Agents, node: &str| agents.place(Place::Reached, Some(node), true);
        assert_eq!(place(&agents, "i-0123456789abcdef0"), Place::Reached);
        for node in [
            &managed,
            "i-0123456789abcdef0.ec2.internal",
            "mi-0123456789abcdef0",
        ] {
            assert_eq!(place(&agents, node), Place::WithoutAgent, "{node}");
        }
        agents.set(&"1".into(), Some(&managed), true);
        assert_eq!(place(&agents, &managed), Place::Reached);
        assert_eq!(place(&agents, "mi-0123456789abcdef0"), Place::WithoutAgent);
        assert_eq!(place(&agents, "i-0123456789abcdef0"), Place::Reached);
    }
}
