//! The place of a pod with regard to Pod Identity (docs/dev/aws-behaviour.md#supported-nodes): a kind of node
//! that the agent does not support, or a node without an agent. Input: pods. Output: places. No I/O. Nodes are
//! not watched; only the nodes with a ready agent matter.

use std::collections::HashMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, PodSpec};
use lanyard_core::model::pods::Place;

/// The namespace and label of the agent's pods (docs/dev/aws-behaviour.md#agent).
pub(crate) const AGENT_NAMESPACE: &str = "kube-system";
const LABEL_NAME: &str = "app.kubernetes.io/name";
const AGENT_NAME: &str = "eks-pod-identity-agent";
/// The label of pods on Fargate, and the prefix of the names of their nodes.
const LABEL_FARGATE: &str = "eks.amazonaws.com/fargate-profile";
const FARGATE_NODE: &str = "fargate-";
const COMPUTE_TYPE: &str = "eks.amazonaws.com/compute-type";

/// The pods of the agent, by node.
#[derive(Debug, Default)]
pub(crate) struct Agents {
    /// EKS Auto Mode has the agent built into its nodes, without a pod.
    built_in: bool,
    /// The node and readiness of each pod, by uid.
    pods: HashMap<Arc<str>, (Option<Arc<str>>, bool)>,
    /// The number of ready pods of each node.
    ready: HashMap<Arc<str>, usize>,
}

impl Agents {
    /// No pods are known yet.
    pub fn new(built_in: bool) -> Self {
        Self {
            built_in,
            ..Self::default()
        }
    }

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
    /// any agent is reported once for the cluster instead of for every pod.
    pub fn place(&self, alone: Place, node: Option<&str>) -> Place {
        match (alone, node) {
            (Place::Reached, Some(node)) if !self.serve(node) => Place::WithoutAgent,
            (place, _) => place,
        }
    }

    /// Returns true if a node is not known to lack an agent.
    pub fn serve(&self, node: &str) -> bool {
        self.built_in || self.pods.is_empty() || self.ready.contains_key(node)
    }
}

/// The label selector of the agent's pods.
pub(crate) fn agent_selector() -> String {
    format!("{LABEL_NAME}={AGENT_NAME}")
}

/// Returns true if a pod belongs to the agent.
pub(super) fn is_agent(pod: &Pod) -> bool {
    pod.metadata.namespace.as_deref() == Some(AGENT_NAMESPACE) && label(pod, LABEL_NAME) == Some(AGENT_NAME)
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
        assert_eq!(agents.place(alone, Some(&hybrid)), Place::WithoutAgent);
        agents.set(&"2".into(), Some(&hybrid), true);
        assert_eq!(agents.place(alone, Some(&hybrid)), Place::Reached);
    }

    #[test]
    fn agent_is_detected_by_namespace_and_label() {
        let named = |namespace: &str, name: &str| {
            is_agent(&pod_of(
                json!({"metadata": {"namespace": namespace, "labels": {LABEL_NAME: name}}}),
            ))
        };
        assert!(named("kube-system", "eks-pod-identity-agent"));
        assert!(!named("shop", "eks-pod-identity-agent"));
        assert!(!named("kube-system", "coredns"));
    }

    #[test]
    fn node_without_ready_agent_needs_another_agent_pod() {
        let (node, other): (Arc<str>, Arc<str>) = ("node-a".into(), "node-b".into());
        let mut agents = Agents::default();
        let place = |agents: &Agents| agents.place(Place::Reached, Some("node-a"));
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
        assert_eq!(agents.place(Place::Reached, None), Place::Reached);
        assert_eq!(agents.place(Place::Windows, Some("node-b")), Place::Windows);
        let mut built_in = Agents::new(true);
        built_in.set(&"1".into(), Some(&"node-b".into()), true);
        assert_eq!(built_in.place(Place::Reached, Some("node-a")), Place::Reached);
    }
}
