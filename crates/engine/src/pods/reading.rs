//! The facts about one pod: its subject, credentials, owner and place. Input: a pod. Output: facts that borrow
//! from it. No I/O.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, Volume};
use lanyard_core::model::pods::{Credential, Place, PodCredentials};
use lanyard_core::model::workload::WorkloadRef;

use super::places;

/// The environment variables of IRSA (docs/dev/aws-behaviour.md#webhook).
const IRSA_ROLE: &str = "AWS_ROLE_ARN";
const IRSA_TOKEN: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
/// The name of the token volume that the webhook of AWS adds.
const IRSA_VOLUME: &str = "aws-iam-token";
/// The environment variable of Pod Identity (docs/dev/aws-behaviour.md#pod-wiring), and the path of the EKS
/// endpoint.
const POD_IDENTITY_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const POD_IDENTITY_PATH: &str = "/v1/credentials";
/// The variables that SDKs read before web identity, in this order (docs/dev/aws-behaviour.md#sdk-credential-order): keys,
/// then a profile.
const BEFORE_WEB_IDENTITY: [&str; 4] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE",
];
/// The variable that SDKs read before the one of Pod Identity.
const RELATIVE_URI: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
/// The label and the annotation by which a pod asks the webhook to skip it, or some of its containers
/// (docs/dev/aws-behaviour.md#webhook).
const SKIP_LABEL: &str = "eks.amazonaws.com/skip-pod-identity-webhook";
const SKIP_CONTAINERS: &str = "eks.amazonaws.com/skip-containers";
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

/// The credentials of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Carried<S> {
    WebIdentity { role: S, audience: S },
    PodIdentity,
}

impl<S> Carried<S> {
    fn map<T>(self, keep: &mut impl FnMut(S) -> T) -> Carried<T> {
        match self {
            Self::WebIdentity { role, audience } => Carried::WebIdentity {
                role: keep(role),
                audience: keep(audience),
            },
            Self::PodIdentity => Carried::PodIdentity,
        }
    }
}

impl<S: AsRef<str>> Carried<S> {
    fn to_credential(&self) -> Credential {
        match self {
            Self::WebIdentity { role, audience } => Credential::WebIdentity {
                role: role.as_ref().to_owned(),
                audience: audience.as_ref().to_owned(),
            },
            Self::PodIdentity => Credential::PodIdentity,
        }
    }
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
            created: self.created,
            owner: self.owner.as_ref().map(|(kind, name)| WorkloadRef {
                kind: text(kind),
                name: text(name),
            }),
            place: self.place(agents, built_in),
        }
    }
}

/// Reads the facts of a pod. Returns `None` if the pod is terminal or lacks required fields.
pub(crate) fn read(pod: &Pod) -> Option<PodFacts<&str>> {
    let spec = pod.spec.as_ref().filter(|_| !is_terminal(pod))?;
    let created = pod.metadata.creation_timestamp.as_ref();
    Some(PodFacts {
        namespace: pod.metadata.namespace.as_deref()?,
        service_account: spec.service_account_name.as_deref().unwrap_or("default"),
        carries: carries(spec),
        overridden_by: containers(spec).find_map(overridden_by),
        loads_variables: containers(spec)
            .any(|container| container.env_from.iter().flatten().next().is_some()),
        skips_webhook: skips_webhook(pod),
        // A pod of unknown age counts as the oldest, which can delay a transition but never finishes it too early.
        created: created.map_or(Timestamp::MIN, |time| time.0),
        ready: is_ready(pod),
        owner: owner(pod),
        node: spec.node_name.as_deref(),
        place: places::alone(pod, spec),
        agent: places::is_agent(pod),
    })
}

fn is_terminal(pod: &Pod) -> bool {
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
fn owner(pod: &Pod) -> Option<(&str, &str)> {
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

/// The credentials of each container. A container with both methods uses web identity, which SDKs prefer
/// (docs/dev/aws-behaviour.md#sdk-credential-order).
fn carries(spec: &PodSpec) -> Vec<Carried<&str>> {
    let volumes = spec.volumes.as_deref().unwrap_or_default();
    let mut carried = Vec::new();
    for container in containers(spec) {
        let pod_identity = || has_pod_identity(container).then_some(Carried::PodIdentity);
        let credentials = web_identity(container, volumes).or_else(pod_identity);
        carried.extend(credentials.filter(|credentials| !carried.contains(credentials)));
    }
    carried
}

fn containers(spec: &PodSpec) -> impl Iterator<Item = &Container> {
    let inits = spec.init_containers.iter().flatten();
    spec.containers.iter().chain(inits)
}

/// The variable by which a container sets credentials that SDKs prefer to those of both methods. Returns `None` if it
/// sets none. Variables of `envFrom` are not known.
fn overridden_by(container: &Container) -> Option<&'static str> {
    let own = BEFORE_WEB_IDENTITY
        .into_iter()
        .find(|name| is_set(container, name));
    if own.is_some() || is_set(container, IRSA_TOKEN) {
        return own;
    }
    if is_set(container, RELATIVE_URI) {
        return Some(RELATIVE_URI);
    }
    let is_other = is_set(container, POD_IDENTITY_URI) && !has_pod_identity(container);
    is_other.then_some(POD_IDENTITY_URI)
}

/// Returns true if the pod spec sets a variable to a value or to a reference. SDKs ignore an empty value.
fn is_set(container: &Container, name: &str) -> bool {
    let mut vars = container.env.iter().flatten();
    vars.any(|var| {
        let has_value = var.value.as_ref().is_some_and(|value| !value.is_empty());
        var.name == name && (has_value || var.value_from.is_some())
    })
}

fn skips_webhook(pod: &Pod) -> bool {
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

fn web_identity<'a>(container: &'a Container, volumes: &'a [Volume]) -> Option<Carried<&'a str>> {
    let file = env(container, IRSA_TOKEN)?;
    Some(Carried::WebIdentity {
        role: env(container, IRSA_ROLE).unwrap_or_default(),
        audience: audience(container, volumes, file).unwrap_or_default(),
    })
}

fn has_pod_identity(container: &Container) -> bool {
    env(container, POD_IDENTITY_URI).is_some_and(|uri| uri.ends_with(POD_IDENTITY_PATH))
}

fn env<'a>(container: &'a Container, name: &str) -> Option<&'a str> {
    container
        .env
        .iter()
        .flatten()
        .find(|var| var.name == name)
        .map(|var| var.value.as_deref().unwrap_or_default())
}

/// The audience of the token in a file: from the volume that is mounted there, otherwise from the volume of the
/// webhook.
fn audience<'a>(container: &Container, volumes: &'a [Volume], file: &str) -> Option<&'a str> {
    let file = unix(file);
    let mounts = container.volume_mounts.iter().flatten();
    let mounted = mounts.filter_map(|mount| {
        let inside = file.strip_prefix(unix(&mount.mount_path).trim_end_matches('/'))?;
        Some((mount.name.as_str(), inside.strip_prefix('/')?.to_owned()))
    });
    // The deepest mount contains the file.
    match mounted.min_by_key(|(_, inside)| inside.len()) {
        Some((volume, inside)) => token_audience(volumes, volume, |path| path == inside),
        None => token_audience(volumes, IRSA_VOLUME, |_| true),
    }
}

fn token_audience<'a>(volumes: &'a [Volume], name: &str, at: impl Fn(&str) -> bool) -> Option<&'a str> {
    let volume = volumes.iter().find(|volume| volume.name == name)?;
    let sources = volume.projected.as_ref()?.sources.iter().flatten();
    let mut tokens = sources.filter_map(|source| source.service_account_token.as_ref());
    tokens.find(|token| at(&token.path))?.audience.as_deref()
}

/// Converts a path to its Linux form. On Windows the webhook writes `C:\var\run` for a mount at `/var/run`.
fn unix(path: &str) -> String {
    path.strip_prefix("C:").unwrap_or(path).replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{IRSA, POD_IDENTITY, pod, pod_of};
    use super::*;

    fn web_identity<'a>(role: &'a str, audience: &'a str) -> Carried<&'a str> {
        Carried::WebIdentity { role, audience }
    }

    #[test]
    fn container_with_both_methods_uses_web_identity() {
        let both = pod("a", &[POD_IDENTITY, IRSA].concat());
        assert_eq!(read(&both).unwrap().carries, [web_identity("arn:r", "")]);
        let one = pod("a", POD_IDENTITY);
        assert_eq!(read(&one).unwrap().carries, [Carried::PodIdentity]);
        assert_eq!(read(&pod("a", &[])).unwrap().carries, []);
    }

    #[test]
    fn containers_are_read_separately() {
        let env = |vars: &[(&str, &str)]| -> Vec<_> {
            let var = |(name, value): &(&str, &str)| json!({"name": name, "value": value});
            vars.iter().map(var).collect()
        };
        let mixed = pod_of(json!({"spec": {
            "initContainers": [{"name": "init", "env": env(POD_IDENTITY)}],
            "containers": [
                {"name": "app", "env": env(POD_IDENTITY)},
                {"name": "old", "env": env(IRSA)},
                {"name": "skipped"},
            ],
        }}));
        let carries = read(&mixed).unwrap().carries;
        assert_eq!(carries, [Carried::PodIdentity, web_identity("arn:r", "")]);
    }

    #[test]
    fn other_container_credentials_uri_is_ignored() {
        let ecs = pod("a", &[(POD_IDENTITY_URI, "http://169.254.170.2/v2/other")]);
        let facts = read(&ecs).unwrap();
        assert_eq!(
            (facts.carries, facts.overridden_by),
            (vec![], Some(POD_IDENTITY_URI))
        );
    }

    #[test]
    fn own_variables_override_in_sdk_order() {
        let by = |env: &[(&str, &str)]| read(&pod("a", env)).unwrap().overridden_by;
        let keys = ("AWS_ACCESS_KEY_ID", "AKIA");
        let profile = ("AWS_PROFILE", "team");
        assert_eq!(by(&[IRSA, &[profile, keys]].concat()), Some("AWS_ACCESS_KEY_ID"));
        assert_eq!(by(&[POD_IDENTITY, &[profile]].concat()), Some("AWS_PROFILE"));
        assert_eq!(by(&[POD_IDENTITY, &[("AWS_PROFILE", "")]].concat()), None);
        assert_eq!(
            by(&[POD_IDENTITY, &[(RELATIVE_URI, "/v2")]].concat()),
            Some(RELATIVE_URI)
        );
        assert_eq!(
            by(&[IRSA, &[(RELATIVE_URI, "/v2")]].concat()),
            None,
            "web identity is first"
        );
        assert_eq!(by(&[("AWS_REGION", "eu-west-1")]), None);
    }

    #[test]
    fn own_variable_by_reference_in_any_container_overrides() {
        let key =
            json!({"name": "AWS_ACCESS_KEY_ID", "valueFrom": {"secretKeyRef": {"name": "s3", "key": "id"}}});
        let with = |kind: &str| pod_of(json!({"spec": {kind: [{"name": "own", "env": [key]}]}}));
        for kind in ["containers", "initContainers"] {
            let pod = with(kind);
            assert_eq!(
                read(&pod).unwrap().overridden_by,
                Some("AWS_ACCESS_KEY_ID"),
                "{kind}"
            );
        }
    }

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

    fn with_token(file: &str, mount: &str, volume: &str) -> Pod {
        let token = |audience: &str| json!({"projected": {"sources": [{"serviceAccountToken": {"audience": audience, "path": "token"}}]}});
        let named = |name: &str, audience: &str| {
            let mut volume = token(audience);
            volume["name"] = json!(name);
            volume
        };
        pod_of(json!({
            "spec": {
                "containers": [{
                    "name": "app",
                    "env": [{"name": IRSA_ROLE, "value": "arn:r"}, {"name": IRSA_TOKEN, "value": file}],
                    "volumeMounts": [{"name": "outer", "mountPath": "/var"}, {"name": volume, "mountPath": mount}],
                }],
                "volumes": [named(IRSA_VOLUME, "sts.amazonaws.com"), named("own", "own-audience"), named("outer", "outer")],
            }
        }))
    }

    #[test]
    fn audience_is_from_volume_of_token_file() {
        let seen = |file: &str, mount: &str, volume: &str| {
            let pod = with_token(file, mount, volume);
            match read(&pod).unwrap().carries.as_slice() {
                [Carried::WebIdentity { audience, .. }] => (*audience).to_owned(),
                other => panic!("{other:?}"),
            }
        };
        let aws = "/var/run/secrets/eks.amazonaws.com/serviceaccount";
        let file = format!("{aws}/token");
        assert_eq!(seen(&file, aws, IRSA_VOLUME), "sts.amazonaws.com");
        assert_eq!(seen("/tokens/token", "/tokens/", "own"), "own-audience");
        // Without a matching mount the volume of the webhook is used.
        assert_eq!(seen("/elsewhere/token", "/tokens", "own"), "sts.amazonaws.com");
        assert_eq!(seen("/tokens/another", "/tokens", "own"), "");
        let windows = "C:\\var\\run\\secrets\\eks.amazonaws.com\\serviceaccount\\token";
        assert_eq!(seen(windows, aws, IRSA_VOLUME), "sts.amazonaws.com");
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
