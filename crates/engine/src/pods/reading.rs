//! The facts about one pod: its subject, credentials, owner and place. Input: a pod. Output: facts that borrow
//! from it. No I/O.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use lanyard_core::model::pods::{Place, PodCredentials};
use lanyard_core::model::workload::WorkloadRef;
use lanyard_core::proof::PROBE_LABEL;

use super::credentials::{self, Carried, containers};
use super::{places, volumes};

/// The label and the annotation by which a pod asks the webhook to skip it, or some of its containers
/// (docs/dev/aws-behaviour.md#webhook).
pub(super) const SKIP_LABEL: &str = "eks.amazonaws.com/skip-pod-identity-webhook";
pub(super) const SKIP_CONTAINERS: &str = "eks.amazonaws.com/skip-containers";
/// The label of the pods of a Deployment, whose value is the suffix of the names of its ReplicaSets.
const TEMPLATE_HASH: &str = "pod-template-hash";

/// The facts about one pod. Its strings are borrowed from the pod or shared with other pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PodFacts<S> {
    pub namespace: S,
    pub service_account: S,
    /// The credentials of its containers, without duplicates.
    pub carries: Vec<Carried<S>>,
    /// The first variable by which a container sets credentials of its own.
    pub overridden_by: Option<&'static str>,
    pub loads_variables: bool,
    pub skips_webhook: bool,
    /// The SecretProviderClass of a volume whose CSI driver creates tokens of the ServiceAccount itself.
    pub token_volume: Option<S>,
    pub created: Timestamp,
    pub ready: bool,
    /// Kind and name of the owner.
    pub owner: Option<(S, S)>,
    pub node: Option<S>,
    /// The place as shown by the pod itself.
    pub place: Place,
    /// True if the pod belongs to the Pod Identity Agent.
    pub agent: bool,
}

impl<S> PodFacts<S> {
    /// Converts the strings.
    pub fn map<T>(self, mut keep: impl FnMut(S) -> T) -> PodFacts<T> {
        PodFacts {
            namespace: keep(self.namespace),
            service_account: keep(self.service_account),
            carries: self
                .carries
                .into_iter()
                .map(|credentials| credentials.map(&mut keep))
                .collect(),
            overridden_by: self.overridden_by,
            loads_variables: self.loads_variables,
            skips_webhook: self.skips_webhook,
            token_volume: self.token_volume.map(&mut keep),
            created: self.created,
            ready: self.ready,
            owner: self.owner.map(|(kind, name)| (keep(kind), keep(name))),
            node: self.node.map(keep),
            place: self.place,
            agent: self.agent,
        }
    }
}

impl<S: AsRef<str> + PartialEq> PodFacts<S> {
    /// Returns true if two versions of a pod need the same treatment. Readiness and node are ignored.
    pub fn counts_as(&self, other: &Self) -> bool {
        self.namespace == other.namespace
            && self.service_account == other.service_account
            && self.carries == other.carries
            && self.overridden_by == other.overridden_by
            && self.loads_variables == other.loads_variables
            && self.token_volume == other.token_volume
            && self.owner == other.owner
    }

    /// The place as determined by its node. `built_in`: the nodes of EKS Auto Mode include the agent.
    pub fn place(&self, agents: &places::Agents, built_in: bool) -> Place {
        agents.place(self.place, self.node.as_ref().map(AsRef::as_ref), built_in)
    }

    /// Converts the facts for core, with the place determined by its node.
    pub fn pod(&self, agents: &places::Agents, built_in: bool) -> PodCredentials {
        let text = |value: &S| value.as_ref().to_owned();
        PodCredentials {
            credentials: self.carries.iter().map(Carried::to_credential).collect(),
            overridden_by: self.overridden_by.map(str::to_owned),
            loads_variables: self.loads_variables,
            skips_webhook: self.skips_webhook,
            token_volume: self.token_volume.as_ref().map(text),
            created: self.created,
            owner: self.owner.as_ref().map(|(kind, name)| WorkloadRef {
                kind: text(kind),
                name: text(name),
            }),
            place: self.place(agents, built_in),
        }
    }
}

/// Reads the facts of a pod. Returns `None` if the pod is terminal, is the probe of a proof, or lacks required fields.
pub(crate) fn read(pod: &Pod) -> Option<PodFacts<&str>> {
    let spec = pod
        .spec
        .as_ref()
        .filter(|_| !is_terminal(pod) && !is_probe(pod))?;
    let created = pod.metadata.creation_timestamp.as_ref();
    Some(PodFacts {
        namespace: pod.metadata.namespace.as_deref()?,
        service_account: spec.service_account_name.as_deref().unwrap_or("default"),
        carries: credentials::carries(spec),
        overridden_by: containers(spec).find_map(credentials::overridden_by),
        loads_variables: containers(spec)
            .any(|container| container.env_from.iter().flatten().next().is_some()),
        skips_webhook: skips_webhook(pod),
        token_volume: volumes::token_volume(spec),
        // A pod of unknown age counts as the oldest, which can delay a transition but never finishes it too early.
        created: created.map_or(Timestamp::MIN, |time| time.0),
        ready: is_ready(pod),
        owner: owner(pod),
        node: spec.node_name.as_deref(),
        place: places::alone(pod, spec),
        agent: places::is_agent(pod),
    })
}

/// Returns true for the pod of a Job of `kubectl lanyard verify`. It ends by itself, so that no drain waits for it.
fn is_probe(pod: &Pod) -> bool {
    let mut labels = pod.metadata.labels.iter();
    let is_marked = labels.any(|labels| labels.contains_key(PROBE_LABEL));
    is_marked && owner(pod).is_some_and(|(kind, _)| kind == "Job")
}

pub(super) fn is_terminal(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

fn is_ready(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    let mut conditions = status
        .into_iter()
        .flat_map(|status| status.conditions.iter().flatten());
    conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// The owner whose rollout replaces the pod: its controller, or the Deployment behind a ReplicaSet.
pub(super) fn owner(pod: &Pod) -> Option<(&str, &str)> {
    let mut references = pod.metadata.owner_references.iter().flatten();
    let controller = references.find(|reference| reference.controller == Some(true))?;
    let (kind, name) = (controller.kind.as_str(), controller.name.as_str());
    let hash = pod
        .metadata
        .labels
        .as_ref()
        .and_then(|labels| labels.get(TEMPLATE_HASH));
    let deployment = hash
        .filter(|_| kind == "ReplicaSet")
        .and_then(|hash| name.strip_suffix(hash.as_str())?.strip_suffix('-'));
    Some(deployment.map_or((kind, name), |deployment| ("Deployment", deployment)))
}

pub(super) fn skips_webhook(pod: &Pod) -> bool {
    let label = pod
        .metadata
        .labels
        .as_ref()
        .and_then(|labels| labels.get(SKIP_LABEL));
    let containers = pod
        .metadata
        .annotations
        .as_ref()
        .and_then(|all| all.get(SKIP_CONTAINERS));
    label.is_some() || containers.is_some_and(|names| !names.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{IRSA, pod, pod_of};
    use super::*;

    #[test]
    fn env_from_and_skip_marks_are_read() {
        let loads = pod_of(
            json!({"spec": {"containers": [{"name": "app", "envFrom": [{"secretRef": {"name": "s"}}]}]}}),
        );
        assert!(read(&loads).unwrap().loads_variables);
        let label = pod_of(json!({"metadata": {"labels": {SKIP_LABEL: "true"}}}));
        let annotation = pod_of(json!({"metadata": {"annotations": {SKIP_CONTAINERS: "app"}}}));
        assert!(read(&label).unwrap().skips_webhook && read(&annotation).unwrap().skips_webhook);
        let plain = pod("a", IRSA);
        let plain = read(&plain).unwrap();
        assert!(!plain.loads_variables && !plain.skips_webhook);
    }

    #[test]
    fn terminal_pod_is_ignored() {
        assert_eq!(read(&pod_of(json!({"status": {"phase": "Succeeded"}}))), None);
        assert_eq!(read(&pod_of(json!({"status": {"phase": "Failed"}}))), None);
        assert!(
            read(&pod_of(
                json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}})
            ))
            .is_some()
        );
    }

    #[test]
    fn pod_of_a_probe_job_is_ignored() {
        let labels = json!({PROBE_LABEL: "true"});
        assert_eq!(read(&owned("Job", "lanyard-probe-1", &labels)), None);
        assert!(read(&owned("Job", "nightly", &json!({}))).is_some());
        // The label alone exempts no pod of a workload.
        assert!(read(&owned("StatefulSet", "db", &labels)).is_some());
    }

    #[test]
    fn readiness_is_the_ready_condition() {
        let with =
            |status: &str| pod_of(json!({"status": {"conditions": [{"type": "Ready", "status": status}]}}));
        assert!(read(&with("True")).unwrap().ready);
        assert!(!read(&with("False")).unwrap().ready);
        assert!(!read(&pod("a", &[])).unwrap().ready);
    }

    fn owned(kind: &str, name: &str, labels: &serde_json::Value) -> Pod {
        let other = json!({"apiVersion": "v1", "kind": "Other", "name": "o", "uid": "1"});
        let owner =
            json!({"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": "2", "controller": true});
        pod_of(json!({"metadata": {"labels": labels, "ownerReferences": [other, owner]}}))
    }

    #[test]
    fn owner_is_controller_or_deployment_of_replica_set() {
        let owner = |kind: &str, name: &str, labels: serde_json::Value| {
            let pod = owned(kind, name, &labels);
            let (kind, name) = read(&pod).unwrap().owner.unwrap();
            format!("{kind} {name}")
        };
        let hash = || json!({"pod-template-hash": "5d4f"});
        assert_eq!(owner("ReplicaSet", "web-api-5d4f", hash()), "Deployment web-api");
        assert_eq!(owner("ReplicaSet", "web", json!({})), "ReplicaSet web");
        assert_eq!(
            owner("ReplicaSet", "web-5d4f", json!({"app": "web"})),
            "ReplicaSet web-5d4f"
        );
        assert_eq!(owner("StatefulSet", "db-5d4f", hash()), "StatefulSet db-5d4f");
        assert_eq!(owner("Job", "nightly-1", json!({})), "Job nightly-1");
    }

    #[test]
    fn owner_is_read_without_labels_or_controller() {
        let mut unlabelled = owned("DaemonSet", "agent", &json!({}));
        unlabelled.metadata.labels = None;
        assert_eq!(read(&unlabelled).unwrap().owner, Some(("DaemonSet", "agent")));
        let bare = pod("a", &[]);
        assert_eq!(read(&bare).unwrap().owner, None);
    }

    #[test]
    fn pod_of_unknown_age_is_oldest() {
        let mut young = pod("a", &[]);
        assert_eq!(
            read(&young).unwrap().created,
            "2026-03-01T10:00:00Z".parse().unwrap()
        );
        young.metadata.creation_timestamp = None;
        assert_eq!(read(&young).unwrap().created, Timestamp::MIN);
    }
}
