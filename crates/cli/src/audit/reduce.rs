//! Pods and pod templates as facts of the audit. Input: objects of the API server. Output: facts without values. No I/O.

use k8s_openapi::api::core::v1::{
    Container, EnvFromSource, EnvVar, EnvVarSource, Pod, PodSpec, PodTemplateSpec, Volume,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use lanyard_core::audit::{
    ContainerFacts, Load, LoadKind, Mount, MountSource, NodeKind, PodFacts, Reference,
};
use lanyard_core::model::pods::Place;
use lanyard_core::model::workload::WorkloadRef;
use lanyard_engine::pods::PodSigns;

/// The ServiceAccount of a pod that names none (Kubernetes, `ServiceAccount` admission).
const DEFAULT: &str = "default";
/// The annotation of kiam and kube2iam (README of both).
const PROXY_ROLE: &str = "iam.amazonaws.com/role";
/// The volume that the pod identity webhook adds (docs/dev/aws-behaviour.md#webhook).
const WEBHOOK_VOLUMES: [&str; 2] = ["aws-iam-token", "eks-pod-identity-token"];

/// The facts about a pod. Returns `None` if it has ended or has no spec. `parent` gives the CronJob of a Job.
pub(super) fn of_pod(pod: &Pod, parent: impl FnOnce(&str, &str) -> Option<String>) -> Option<PodFacts> {
    let signs = PodSigns::of(pod).filter(|signs| !signs.is_terminal)?;
    let namespace = pod.metadata.namespace.as_deref()?;
    let name = pod.metadata.name.as_deref()?;
    let (kind, owner) = signs.owner.unwrap_or(("Pod", name));
    let cron_job = (kind == "Job").then(|| parent(namespace, owner)).flatten();
    let workload = match cron_job {
        Some(name) => workload("CronJob", &name),
        None => workload(kind, owner),
    };
    facts(namespace, workload, pod, &signs)
}

/// The facts about the pod template of a workload.
pub(super) fn of_template(kind: &str, object: &ObjectMeta, template: PodTemplateSpec) -> Option<PodFacts> {
    let pod = Pod {
        metadata: template.metadata.unwrap_or_default(),
        spec: template.spec,
        status: None,
    };
    let name = object.name.as_deref()?;
    facts(
        object.namespace.as_deref()?,
        workload(kind, name),
        &pod,
        &PodSigns::of(&pod)?,
    )
}

fn workload(kind: &str, name: &str) -> WorkloadRef {
    WorkloadRef {
        kind: kind.to_owned(),
        name: name.to_owned(),
    }
}

fn facts(namespace: &str, workload: WorkloadRef, pod: &Pod, signs: &PodSigns<'_>) -> Option<PodFacts> {
    let spec = pod.spec.as_ref()?;
    let annotations = pod.metadata.annotations.as_ref();
    let proxy_role = annotations.and_then(|all| all.get(PROXY_ROLE));
    let named = spec.service_account_name.as_deref();
    Some(PodFacts {
        namespace: namespace.to_owned(),
        workload,
        service_account: named
            .filter(|name| !name.is_empty())
            .unwrap_or(DEFAULT)
            .to_owned(),
        containers: containers(spec)
            .map(|container| of_container(container, spec))
            .collect(),
        proxy_role: proxy_role.filter(|role| !role.is_empty()).cloned(),
        node: match signs.place {
            Place::Fargate => NodeKind::Fargate,
            Place::Windows => NodeKind::Windows,
            Place::Reached | Place::WithoutAgent => NodeKind::Ordinary,
        },
        host_network: spec.host_network == Some(true),
        token_volume: signs.token_volume.map(str::to_owned),
        skips_webhook: signs.skips_webhook,
    })
}

fn containers(spec: &PodSpec) -> impl Iterator<Item = &Container> {
    spec.containers
        .iter()
        .chain(spec.init_containers.iter().flatten())
}

fn of_container(container: &Container, spec: &PodSpec) -> ContainerFacts {
    let mounts = mounts(container, spec);
    let mut facts = ContainerFacts::new(&container.name, &mounts);
    for variable in container.env.iter().flatten() {
        add_variable(&mut facts, variable, &mounts);
    }
    for source in container.env_from.iter().flatten() {
        if let Some(load) = load(source) {
            facts.load(load);
        }
    }
    let words = container.command.iter().chain(&container.args).flatten();
    facts.arguments(words.map(String::as_str));
    facts
}

fn add_variable(facts: &mut ContainerFacts, variable: &EnvVar, mounts: &[Mount]) {
    match &variable.value_from {
        Some(source) => facts.reference(&variable.name, reference(source)),
        None => facts.literal(
            &variable.name,
            variable.value.as_deref().unwrap_or_default(),
            mounts,
        ),
    }
}

fn reference(source: &EnvVarSource) -> Reference {
    if let Some(secret) = &source.secret_key_ref {
        let (name, key) = (secret.name.clone(), secret.key.clone());
        return Reference::Secret { name, key };
    }
    match &source.config_map_key_ref {
        Some(map) => Reference::ConfigMap {
            name: map.name.clone(),
            key: map.key.clone(),
        },
        None => Reference::Other,
    }
}

fn load(source: &EnvFromSource) -> Option<Load> {
    let secret = source
        .secret_ref
        .as_ref()
        .map(|secret| (LoadKind::Secret, &secret.name));
    let map = source
        .config_map_ref
        .as_ref()
        .map(|map| (LoadKind::ConfigMap, &map.name));
    let (kind, name) = secret.or(map)?;
    Some(Load {
        kind,
        name: name.clone(),
        prefix: source.prefix.clone().unwrap_or_default(),
        has_access_key: None,
    })
}

/// The mounts of a container, without those of the webhook.
fn mounts(container: &Container, spec: &PodSpec) -> Vec<Mount> {
    let volumes = spec.volumes.as_deref().unwrap_or_default();
    let mounts = container.volume_mounts.iter().flatten();
    mounts
        .filter(|mount| !WEBHOOK_VOLUMES.contains(&mount.name.as_str()))
        .map(|mount| Mount {
            path: mount.mount_path.clone(),
            sources: volumes
                .iter()
                .find(|volume| volume.name == mount.name)
                .map_or_else(|| vec![MountSource::volume(&mount.name)], sources),
        })
        .collect()
}

fn sources(volume: &Volume) -> Vec<MountSource> {
    let secret = volume
        .secret
        .as_ref()
        .and_then(|secret| secret.secret_name.clone());
    let map = volume.config_map.as_ref().map(|map| map.name.clone());
    let mut all: Vec<MountSource> = secret.map(MountSource::Secret).into_iter().collect();
    all.extend(map.map(MountSource::ConfigMap));
    let projected = volume
        .projected
        .iter()
        .flat_map(|projected| &projected.sources)
        .flatten();
    for source in projected {
        all.extend(
            source
                .secret
                .as_ref()
                .map(|secret| MountSource::Secret(secret.name.clone())),
        );
        all.extend(
            source
                .config_map
                .as_ref()
                .map(|map| MountSource::ConfigMap(map.name.clone())),
        );
    }
    if all.is_empty() {
        all.push(MountSource::volume(&volume.name));
    }
    all
}

#[cfg(test)]
mod tests {
    use lanyard_core::audit::{Fold, Form};
    use serde_json::{Value, json};

    use super::*;

    fn pod(spec: &Value, metadata: &Value) -> Pod {
        let mut object = json!({"metadata": {"namespace": "shop", "name": "api-1"}, "spec": spec});
        if let (Some(to), Some(from)) = (object["metadata"].as_object_mut(), metadata.as_object()) {
            to.extend(from.clone());
        }
        serde_json::from_value(object).unwrap()
    }

    fn read(spec: &Value, metadata: &Value) -> PodFacts {
        of_pod(&pod(spec, metadata), |_, job| {
            (job == "nightly-1").then(|| "nightly".to_owned())
        })
        .unwrap()
    }

    fn forms(facts: &PodFacts) -> Vec<(Form, String)> {
        let mut fold = Fold::default();
        fold.pod(facts);
        let usages = fold.usages().keys();
        usages
            .flat_map(|usage| &usage.found)
            .map(|found| (found.form, found.evidence.clone()))
            .collect()
    }

    #[test]
    fn job_of_a_cron_job_counts_as_the_cron_job() {
        let owner = |name: &str| json!({"ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": "1", "controller": true}]});
        let spec = json!({"containers": [{"name": "app"}]});
        assert_eq!(
            read(&spec, &owner("nightly-1")).workload,
            workload("CronJob", "nightly")
        );
        assert_eq!(read(&spec, &owner("once")).workload, workload("Job", "once"));
        let bare = read(&spec, &json!({}));
        assert_eq!(
            (bare.workload, bare.service_account.as_str()),
            (workload("Pod", "api-1"), "default")
        );
    }

    #[test]
    fn every_source_of_credentials_is_read() {
        let spec = json!({
            "initContainers": [{"name": "init", "env": [{"name": "AWS_ACCESS_KEY_ID", "valueFrom": {"secretKeyRef": {"name": "s3", "key": "id"}}}]}],
            "containers": [{
                "name": "app",
                "args": ["--key", "AKIAIOSFODNN7EXAMPLE"],
                "envFrom": [{"prefix": "AWS_", "secretRef": {"name": "app"}}, {"configMapRef": {"name": "settings"}}],
                "volumeMounts": [{"name": "p", "mountPath": "/etc/app/.aws"}, {"name": "aws-iam-token", "mountPath": "/x/.aws"}],
            }],
            "volumes": [
                {"name": "p", "projected": {"sources": [{"secret": {"name": "one"}}, {"configMap": {"name": "two"}}]}},
                {"name": "aws-iam-token", "projected": {"sources": []}},
            ],
        });
        let facts = read(&spec, &json!({"annotations": {PROXY_ROLE: "orders"}}));
        let texts: Vec<String> = forms(&facts).into_iter().map(|(_, evidence)| evidence).collect();
        for expected in [
            "AWS_ACCESS_KEY_ID from key id of Secret s3",
            "envFrom Secret app",
            "envFrom ConfigMap settings",
            "AKIA…MPLE in its arguments",
            "Secret one, ConfigMap two at .aws",
            "annotation iam.amazonaws.com/role: orders",
        ] {
            assert!(texts.iter().any(|text| text == expected), "{expected}: {texts:?}");
        }
        assert!(
            !texts.iter().any(|text| text.contains("aws-iam-token")),
            "{texts:?}"
        );
    }

    #[test]
    fn ended_pod_is_ignored() {
        let mut ended = pod(&json!({"containers": []}), &json!({}));
        ended.status = serde_json::from_value(json!({"phase": "Succeeded"})).unwrap();
        assert_eq!(of_pod(&ended, |_, _| None), None);
    }
}
