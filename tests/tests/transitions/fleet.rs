//! Workloads of one namespace: some whose pods roll, and some whose pods no controller replaces. Input: a namespace.
//! Output: objects of the API server. Needs the test bed; does I/O.

use anyhow::{Context, Result};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use lanyard_testkit::control_plane::ANNOTATION_RUNS_ON;
use lanyard_tests::{TestNamespace, eventually, with};
use serde_json::{Value, json};

/// Creates a Deployment of two, a StatefulSet of two and a DaemonSet, and waits until their pods are Ready.
pub async fn deploy(scene: &TestNamespace<'_>) -> Result<()> {
    for (kind, name, more) in [
        ("Deployment", "web", json!({"replicas": 2})),
        (
            "StatefulSet",
            "queue",
            json!({"replicas": 2, "serviceName": "queue"}),
        ),
        ("DaemonSet", "agent", json!({})),
    ] {
        let labels = json!({"app": name});
        let rolls = json!({
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod_spec()},
        });
        create(scene, "apps", kind, name, with(rolls, more)).await?;
    }
    until(scene, "all pods are Ready", |pods| {
        pods.len() >= 5 && pods.iter().all(is_ready)
    })
    .await
}

/// Creates a Deployment of one whose pods are available only after an hour, so that a rollout of it keeps the old pod.
pub async fn deploy_slow(scene: &TestNamespace<'_>, name: &str) -> Result<()> {
    let labels = json!({"app": name});
    let spec = json!({
        "replicas": 1,
        "minReadySeconds": 3600,
        "progressDeadlineSeconds": 7200,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod_spec()},
    });
    create(scene, "apps", "Deployment", name, spec).await?;
    until(scene, "its pod is Ready", |pods| {
        let mut named = pods.iter().filter(|pod| is_of_app(pod, name));
        named.any(is_ready)
    })
    .await
}

/// Creates a pod with a volume of the Secrets Store CSI driver, which no node of the test bed mounts.
pub async fn pod_with_secrets(scene: &TestNamespace<'_>, name: &str, class: &str) -> Result<()> {
    let source = json!({
        "driver": "secrets-store.csi.k8s.io",
        "readOnly": true,
        "volumeAttributes": {"secretProviderClass": class},
    });
    let volumes = json!([{"name": "secrets", "csi": source}]);
    create(
        scene,
        "",
        "Pod",
        name,
        with(pod_spec(), json!({"volumes": volumes})),
    )
    .await
}

/// Returns true if the pod has this value of the label `app`.
pub fn is_of_app(pod: &Pod, app: &str) -> bool {
    let labels = pod.metadata.labels.as_ref();
    labels
        .and_then(|labels| labels.get("app"))
        .is_some_and(|found| found == app)
}

/// Creates a pod that no controller replaces.
pub async fn bare_pod(scene: &TestNamespace<'_>, name: &str) -> Result<()> {
    create(scene, "", "Pod", name, pod_spec()).await?;
    until(scene, "the pod is Ready", |pods| {
        pods.iter()
            .any(|pod| pod.metadata.name.as_deref() == Some(name) && is_ready(pod))
    })
    .await
}

/// Creates a Job whose only pod runs until [`end_job`], and waits until it runs.
pub async fn job(scene: &TestNamespace<'_>, name: &str) -> Result<()> {
    let template = json!({
        "metadata": {"annotations": {ANNOTATION_RUNS_ON: ""}},
        "spec": with(pod_spec(), json!({"restartPolicy": "Never"})),
    });
    create(scene, "batch", "Job", name, json!({"template": template})).await?;
    until(scene, "the Job's pod is Ready", |pods| {
        pods.iter().any(|pod| is_of_job(pod, name) && is_ready(pod))
    })
    .await
}

/// Ends a Job's pod.
pub async fn end_job(scene: &TestNamespace<'_>, name: &str) -> Result<()> {
    let patch = json!({"metadata": {"annotations": {ANNOTATION_RUNS_ON: null}}});
    let api = pods(&scene.client, &scene.namespace);
    for pod in all(scene).await?.iter().filter(|pod| is_of_job(pod, name)) {
        let name = pod.metadata.name.as_deref().context("a name")?;
        api.patch_metadata(name, &PatchParams::default(), &Patch::Merge(&patch))
            .await?;
    }
    Ok(())
}

fn is_of_job(pod: &Pod, name: &str) -> bool {
    let mut owners = pod.metadata.owner_references.iter().flatten();
    owners.any(|owner| owner.kind == "Job" && owner.name == name)
}

/// A pod of the ServiceAccount.
pub fn pod_spec() -> Value {
    json!({"serviceAccountName": "orders", "terminationGracePeriodSeconds": 1, "containers": [{"name": "app", "image": "app"}]})
}

pub async fn create(
    scene: &TestNamespace<'_>,
    group: &str,
    kind: &str,
    name: &str,
    spec: Value,
) -> Result<()> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
    let api: Api<DynamicObject> = Api::namespaced_with(scene.client.clone(), &scene.namespace, &resource);
    let mut object = DynamicObject::new(name, &resource).within(&scene.namespace);
    object.data = json!({"spec": spec});
    api.create(&PostParams::default(), &object).await?;
    Ok(())
}

/// Patches the annotations of a Deployment's pod template.
pub async fn annotate_template(
    scene: &TestNamespace<'_>,
    name: &str,
    annotations: Value,
) -> Result<Deployment> {
    let patch = json!({"spec": {"template": {"metadata": {"annotations": annotations}}}});
    let api = deployments(scene);
    Ok(api
        .patch(name, &PatchParams::default(), &Patch::Merge(&patch))
        .await?)
}

/// The Deployments of the namespace.
pub fn deployments(scene: &TestNamespace<'_>) -> Api<Deployment> {
    Api::namespaced(scene.client.clone(), &scene.namespace)
}

/// Deletes one pod.
pub async fn delete_pod(scene: &TestNamespace<'_>, name: &str) -> Result<()> {
    pods(&scene.client, &scene.namespace)
        .delete(name, &DeleteParams::default())
        .await?;
    Ok(())
}

/// Deletes every pod that has an owner once; the owners create new ones.
pub async fn replace_all(scene: &TestNamespace<'_>) -> Result<()> {
    for pod in all(scene).await? {
        if pod.metadata.owner_references.is_some() {
            delete_pod(scene, &pod.metadata.name.context("a name")?).await?;
        }
    }
    Ok(())
}

/// Deletes every pod of one workload once.
pub async fn replace_of(scene: &TestNamespace<'_>, app: &str) -> Result<()> {
    for pod in all(scene).await? {
        if is_of_app(&pod, app) {
            delete_pod(scene, &pod.metadata.name.context("a name")?).await?;
        }
    }
    Ok(())
}

/// The pods of a namespace.
pub fn pods(client: &Client, namespace: &str) -> Api<Pod> {
    Api::namespaced(client.clone(), namespace)
}

/// The pods of a namespace that have not ended.
pub async fn all(scene: &TestNamespace<'_>) -> Result<Vec<Pod>> {
    running(&scene.client, &scene.namespace).await
}

/// The pods of any namespace that have not ended.
pub async fn running(client: &Client, namespace: &str) -> Result<Vec<Pod>> {
    let mut list = pods(client, namespace).list(&ListParams::default()).await?;
    list.items.retain(|pod| !has_ended(pod));
    Ok(list.items)
}

fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// Waits until the pods satisfy a condition.
async fn until(scene: &TestNamespace<'_>, what: &str, wanted: impl Fn(&[Pod]) -> bool) -> Result<()> {
    eventually(what, async || Ok(wanted(&all(scene).await?))).await
}

/// Returns true if the pod is Ready.
pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    let mut ready = conditions.filter(|condition| condition.type_ == "Ready");
    ready.any(|condition| condition.status == "True")
}
