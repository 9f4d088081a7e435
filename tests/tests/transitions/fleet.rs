//! Workloads of one namespace whose pods really roll, and a guard that checks all the while that each of its pods could
//! get credentials. Needs the test bed; does I/O.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, PostParams};
use kube::core::GroupVersionKind;
use lanyard_tests::{PATIENCE, POLL, Scene};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// What a pod carries, as its environment shows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Carries {
    WebIdentity(String),
    PodIdentity,
    Nothing,
}

/// Creates a Deployment of two, a StatefulSet of two and a DaemonSet, and waits until their pods are Ready.
pub async fn deploy(scene: &Scene<'_>) -> Result<()> {
    let pod = json!({"serviceAccountName": "orders", "terminationGracePeriodSeconds": 1, "containers": [{"name": "app", "image": "app"}]});
    let spec = |name: &str, more: Value| {
        let mut spec = json!({
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
        });
        if let (Some(spec), Value::Object(more)) = (spec.as_object_mut(), more) {
            spec.extend(more);
        }
        spec
    };
    create(scene, "Deployment", "web", spec("web", json!({"replicas": 2}))).await?;
    create(
        scene,
        "StatefulSet",
        "queue",
        spec("queue", json!({"replicas": 2, "serviceName": "queue"})),
    )
    .await?;
    create(scene, "DaemonSet", "agent", spec("agent", json!({}))).await?;
    until(scene, "all pods are Ready", |pods| {
        pods.len() >= 5 && pods.iter().all(is_ready)
    })
    .await
}

/// Creates a pod that nothing replaces.
pub async fn bare_pod(scene: &Scene<'_>, name: &str) -> Result<()> {
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": name},
        "spec": {"serviceAccountName": "orders", "terminationGracePeriodSeconds": 1, "containers": [{"name": "app", "image": "app"}]},
    }))?;
    pods(&scene.client, &scene.namespace)
        .create(&PostParams::default(), &pod)
        .await?;
    until(scene, "the pod is Ready", |pods| {
        pods.iter()
            .any(|pod| pod.metadata.name.as_deref() == Some(name) && is_ready(pod))
    })
    .await
}

/// Deletes one pod.
pub async fn delete_pod(scene: &Scene<'_>, name: &str) -> Result<()> {
    pods(&scene.client, &scene.namespace)
        .delete(name, &DeleteParams::default())
        .await?;
    Ok(())
}

async fn create(scene: &Scene<'_>, kind: &str, name: &str, spec: Value) -> Result<()> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", kind));
    let api: Api<DynamicObject> = Api::namespaced_with(scene.client.clone(), &scene.namespace, &resource);
    let mut object = DynamicObject::new(name, &resource).within(&scene.namespace);
    object.data = json!({"spec": spec});
    api.create(&PostParams::default(), &object).await?;
    Ok(())
}

/// Deletes every pod once; their owners make new ones.
pub async fn replace_all(scene: &Scene<'_>) -> Result<()> {
    let api = pods(&scene.client, &scene.namespace);
    for pod in api.list(&ListParams::default()).await? {
        let name = pod.metadata.name.context("a name")?;
        api.delete(&name, &DeleteParams::default()).await?;
    }
    Ok(())
}

fn pods(client: &Client, namespace: &str) -> Api<Pod> {
    Api::namespaced(client.clone(), namespace)
}

/// Waits until the pods are as wanted.
pub async fn until(scene: &Scene<'_>, what: &str, wanted: impl Fn(&[Pod]) -> bool) -> Result<()> {
    let waiting = async {
        loop {
            let list = pods(&scene.client, &scene.namespace)
                .list(&ListParams::default())
                .await?;
            if wanted(&list.items) {
                return anyhow::Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .with_context(|| format!("it never came to be that {what}"))?
}

/// How many pods carry what.
pub async fn count(scene: &Scene<'_>) -> Result<BTreeMap<Carries, usize>> {
    let mut count = BTreeMap::new();
    for pod in pods(&scene.client, &scene.namespace)
        .list(&ListParams::default())
        .await?
    {
        *count.entry(carries(&pod)).or_default() += 1;
    }
    Ok(count)
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    let mut ready = conditions.filter(|condition| condition.type_ == "Ready");
    ready.any(|condition| condition.status == "True")
}

pub fn carries(pod: &Pod) -> Carries {
    let container = pod.spec.as_ref().and_then(|spec| spec.containers.first());
    let env = |name: &str| {
        let variables = container
            .into_iter()
            .flat_map(|container| container.env.iter().flatten());
        variables
            .filter(|variable| variable.name == name)
            .find_map(|variable| variable.value.clone())
    };
    match (env("AWS_ROLE_ARN"), env("AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
        (Some(role), _) => Carries::WebIdentity(role),
        (None, Some(_)) => Carries::PodIdentity,
        (None, None) => Carries::Nothing,
    }
}

/// Looks again and again whether AWS would still give each pod what it carries.
pub struct Guard {
    watching: JoinHandle<()>,
    lost: Arc<Mutex<Vec<String>>>,
    looks: Arc<Mutex<usize>>,
}

impl Guard {
    /// Begins to watch the namespace of a scene.
    pub fn over(scene: &Scene<'_>) -> Self {
        let (lost, looks) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
        let (client, namespace) = (scene.client.clone(), scene.namespace.clone());
        let (aws, found, seen) = (scene.aws.clone(), Arc::clone(&lost), Arc::clone(&looks));
        let watching = tokio::spawn(async move {
            loop {
                match backed(&client, &namespace, &aws).await {
                    Ok(unbacked) => found
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .extend(unbacked),
                    Err(error) => found
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(format!("{error:#}")),
                }
                *seen.lock().unwrap_or_else(PoisonError::into_inner) += 1;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        Self {
            watching,
            lost,
            looks,
        }
    }

    /// Ends the watch; fails when any pod could not have got credentials at any look.
    pub fn found_nothing(self) -> Result<()> {
        self.watching.abort();
        let lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        let looks = *self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(looks > 10, "the guard looked only {looks} times");
        ensure!(lost.is_empty(), "pods lost access: {:#?}", *lost);
        Ok(())
    }
}

async fn backed(client: &Client, namespace: &str, aws: &lanyard_tests::Clients) -> Result<Vec<String>> {
    // First AWS, then the pods: one that came between may have what AWS gives since.
    let associated = !aws.associations(namespace, "orders").await?.is_empty();
    let list = pods(client, namespace).list(&ListParams::default()).await?;
    let mut unbacked = Vec::new();
    for pod in list
        .items
        .iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_none())
    {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        match carries(pod) {
            Carries::PodIdentity
                if !associated && aws.associations(namespace, "orders").await?.is_empty() =>
            {
                unbacked.push(format!("{name} carries Pod Identity and has no association"));
            }
            Carries::WebIdentity(role) => {
                let role = role.rsplit('/').next().unwrap_or_default().to_owned();
                let trusted = aws.has_role(&role).await? && federated(&aws.trust(&role).await?);
                if !trusted && exists(client, namespace, name).await? {
                    unbacked.push(format!(
                        "{name} carries web identity and {role} does not trust it"
                    ));
                }
            }
            Carries::PodIdentity => {}
            Carries::Nothing => unbacked.push(format!("{name} carries nothing")),
        }
    }
    Ok(unbacked)
}

/// A pod that went while AWS was asked lost nothing.
async fn exists(client: &Client, namespace: &str, name: &str) -> Result<bool> {
    let found = pods(client, namespace).get_opt(name).await?;
    Ok(found.is_some_and(|pod| pod.metadata.deletion_timestamp.is_none()))
}

/// Whether a trust policy has a statement for web identity.
pub fn federated(trust: &Value) -> bool {
    statements(trust)
        .iter()
        .any(|statement| statement["Principal"].get("Federated").is_some())
}

/// The statements of a trust policy.
pub fn statements(trust: &Value) -> Vec<Value> {
    trust["Statement"].as_array().cloned().unwrap_or_default()
}
