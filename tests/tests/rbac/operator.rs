//! Proves that the operator's rights are sufficient and minimal: as its own ServiceAccount it performs all its functions,
//! is refused nothing, and uses each right. Does I/O.
//!
//! A right that is used is needed: without it the API server would have refused the call.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule, Role};
use kube::api::{Api, DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use lanyard_testkit::TestBedOptions;
use lanyard_testkit::gateway::{Calls, Fault, Service};
use lanyard_tests::{
    ClusterFlags, TestEnv, TestEnvOptions, TestNamespace, condition, put_class, rights, with,
};
use serde_json::{Value, json};

use crate::RESTART;

const BINARY: &str = env!("CARGO_BIN_EXE_lanyard-under-test");
const OFF_EKS: &[&str] = &["off-eks"];
const TIMINGS: &str = "binding-propagation=1s,step=200ms,waiting=1s,margin=1s,cached=2s";

#[tokio::test]
async fn eks_rights_are_sufficient_and_minimal() -> Result<()> {
    let options = TestEnvOptions {
        rights: Some(RESTART),
        timings: TIMINGS,
        ..TestEnvOptions::default()
    };
    let stage = TestEnv::set(BINARY, options).await?;
    let scene = stage.scene("shop").await?;
    scene.aws.remove_agent().await?;
    daemon_set(&scene).await?;
    conflict(&stage);
    class(&scene).await?;
    full_lifecycle(&scene).await?;

    let granted = granted(&scene, &["lanyard", "lanyard-restart"]).await?;
    ensure_minimal(&stage, &granted)?;
    stage.bed.stop().await
}

#[tokio::test]
async fn off_eks_rights_add_only_the_webhook() -> Result<()> {
    let bed = TestBedOptions {
        issuer: Some("https://oidc.example.com/prod".to_owned()),
        ..TestBedOptions::default()
    };
    let options = TestEnvOptions {
        bed,
        cluster: ClusterFlags(vec!["--cluster-id", "prod.example.com"]),
        rights: Some(OFF_EKS),
        ..TestEnvOptions::default()
    };
    let stage = TestEnv::set(BINARY, options).await?;
    let scene = stage.scene("shop").await?;
    scene
        .apply(
            "orders",
            json!({"serviceAccount": {"create": true}, "role": {"managed": {}}}),
        )
        .await?;
    scene.until_ready("orders").await?;
    scene.delete("orders").await?;
    let granted = rules(&scene, "lanyard-off-eks").await?;
    ensure_minimal(&stage, &granted)?;
    stage.bed.stop().await
}

/// From IRSA on a ServiceAccount that Lanyard creates, to Pod Identity by rollout, to deletion.
async fn full_lifecycle(scene: &TestNamespace<'_>) -> Result<()> {
    let spec = |method: &str| json!({"serviceAccount": {"create": true}, "method": method, "podRestart": "Rollout", "role": {"managed": {}}});
    scene.apply("orders", spec("IRSA")).await?;
    scene.until_ready("orders").await?;
    workloads(scene).await?;
    scene
        .until_is("orders", "PodsCurrent", "True", "PodsCurrent")
        .await?;
    scene.apply("orders", spec("PodIdentity")).await?;
    scene
        .until("orders", "free of a transition", |object| {
            let ready = condition(object, "Ready").is_some_and(|ready| ready.status == "True");
            let status = object.status.as_ref();
            ready
                && status.is_some_and(|status| status.transition.is_none())
                && status.and_then(|status| status.observed_generation) == object.metadata.generation
        })
        .await?;
    scene.delete("orders").await
}

/// Creates a class that an identity follows.
async fn class(scene: &TestNamespace<'_>) -> Result<()> {
    let guardrails = json!({"namespaceSelector": {}, "methods": ["IRSA", "PodIdentity"]});
    put_class(&scene.client, "platform", true, json!({"guardrails": guardrails})).await
}

/// Causes a conflict of a status write with a write of another client.
fn conflict(stage: &TestEnv) {
    let conflict = Fault::on("patch workloadidentities/status").nth(2);
    let _ = stage
        .bed
        .gateway
        .faults()
        .add(conflict.fails(409, "Conflict", "the object has been modified"));
}

/// The Pod Identity Agent as a DaemonSet, without the add-on.
async fn daemon_set(scene: &TestNamespace<'_>) -> Result<()> {
    let labels = json!({"app.kubernetes.io/name": "eks-pod-identity-agent"});
    let spec = json!({
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "agent", "image": "agent"}]}},
    });
    create(scene, "kube-system", "DaemonSet", "eks-pod-identity-agent", spec).await
}

/// Creates one workload of each kind that Lanyard restarts.
async fn workloads(scene: &TestNamespace<'_>) -> Result<()> {
    let pod = json!({"serviceAccountName": "orders", "terminationGracePeriodSeconds": 1, "containers": [{"name": "app", "image": "app"}]});
    for (kind, name) in [
        ("Deployment", "web"),
        ("StatefulSet", "queue"),
        ("DaemonSet", "watcher"),
    ] {
        let mut spec = json!({
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
        });
        if kind == "StatefulSet" {
            spec = with(spec, json!({"serviceName": name}));
        }
        create(scene, &scene.namespace, kind, name, spec).await?;
    }
    Ok(())
}

async fn create(
    scene: &TestNamespace<'_>,
    namespace: &str,
    kind: &str,
    name: &str,
    spec: Value,
) -> Result<()> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", kind));
    let mut object = DynamicObject::new(name, &resource).within(namespace);
    object.data = json!({"spec": spec});
    let api: Api<DynamicObject> = Api::namespaced_with(scene.client.clone(), namespace, &resource);
    api.create(&PostParams::default(), &object).await?;
    Ok(())
}

/// The allowed calls of rules, in the words of the ledger: `patch workloadidentities/status`.
fn call_names(rules: &[PolicyRule]) -> BTreeSet<String> {
    let targets = |rule: &PolicyRule| {
        let resources = rule.resources.iter().flatten();
        resources
            .chain(rule.non_resource_urls.iter().flatten())
            .cloned()
            .collect::<Vec<_>>()
    };
    let words = |rule: &PolicyRule| {
        let of = |target: String| {
            rule.verbs
                .iter()
                .map(move |verb| format!("{verb} {target}"))
                .collect::<Vec<_>>()
        };
        targets(rule).into_iter().flat_map(of).collect::<Vec<_>>()
    };
    rules.iter().flat_map(words).collect()
}

async fn rules(scene: &TestNamespace<'_>, cluster_role: &str) -> Result<BTreeSet<String>> {
    let role = Api::<ClusterRole>::all(scene.client.clone())
        .get(cluster_role)
        .await?;
    Ok(call_names(&role.rules.context("rules")?))
}

async fn granted(scene: &TestNamespace<'_>, cluster_roles: &[&str]) -> Result<BTreeSet<String>> {
    let role = Api::<Role>::namespaced(scene.client.clone(), "kube-system")
        .get("lanyard")
        .await?;
    let mut granted = call_names(&role.rules.context("rules")?);
    let own = Api::<Role>::namespaced(scene.client.clone(), rights::NAMESPACE)
        .get("lanyard-info")
        .await?;
    granted.append(&mut call_names(&own.rules.context("rules")?));
    // Server-side apply of an absent object needs it, and the ledger has the request.
    granted.remove("create configmaps");
    for cluster_role in cluster_roles {
        granted.append(&mut rules(scene, cluster_role).await?);
    }
    Ok(granted)
}

fn ensure_minimal(stage: &TestEnv, granted: &BTreeSet<String>) -> Result<()> {
    let calls = stage.permitted_calls()?.to(Service::Kubernetes);
    let unused: Vec<_> = granted.difference(&used(&calls)).cloned().collect();
    ensure!(unused.is_empty(), "unused rights: {unused:?}");
    Ok(())
}

fn used(calls: &Calls) -> BTreeSet<String> {
    calls
        .entries()
        .iter()
        .map(|entry| entry.call.operation.clone())
        .collect()
}
