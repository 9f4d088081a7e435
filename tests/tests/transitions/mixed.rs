//! Proves that twenty workloads of every kind move to Pod Identity and back: those that roll, and those that a user has to
//! replace. Until the user approves a loss, no pod loses access. Does I/O; waits only on conditions.

use anyhow::{Result, ensure};
use kube::api::{Patch, PatchParams};
use lanyard_tests::{TestNamespace, eventually, with};
use serde_json::{Value, json};

use crate::broken::{RESTARTED_AT, RESTARTED_FOR, budget, is_marked};
use crate::change::{
    STS_AUDIENCE, approve, only_irsa, only_pod_identity, plain, role, until_done, until_stage,
};
use crate::fleet::{
    all, annotate_template, bare_pod, create, delete_pod, deploy_slow, deployments, end_job, is_of_app,
    is_ready, job, pod_spec, pod_with_secrets, replace_of,
};
use crate::guard::Guard;
use crate::pod_credentials::PodCredentials;
use crate::trust::Form;
use crate::{LAG, stage};

/// Workloads whose pods a restart replaces.
const ROLLING: [&str; 8] = [
    "web",
    "api",
    "single",
    "recreated",
    "queue",
    "db",
    "agent",
    "logs",
];
/// Workloads whose pods stay until a user deletes them.
const BY_HAND: [&str; 6] = ["ledger", "search", "halted", "billing", "kept", "rollout"];
const BARE: [&str; 2] = ["by-hand", "worker"];

#[tokio::test]
async fn twenty_mixed_workloads_move_there_and_back() -> Result<()> {
    let scene = stage().await?.scene("mixed").await?;
    scene.account("orders").await?;
    scene.apply("orders", plain("IRSA", "Never")).await?;
    scene.until_ready("orders").await?;
    // The webhook must know the binding when the first pod is created.
    tokio::time::sleep(LAG).await;
    deploy_all(&scene).await?;

    let guard = Guard::over(&scene);
    scene.apply("orders", plain("PodIdentity", "Rollout")).await?;
    // The driver of a volume reads the annotation, which a change to Pod Identity removes.
    approve(&scene).await?;
    until_rolled(&scene, |carried| *carried == PodCredentials::PodIdentity).await?;
    replace_by_hand(&scene).await?;
    remove_variables(&scene).await?;
    for pod in BARE {
        delete_pod(&scene, pod).await?;
    }
    delete_pod(&scene, "reader").await?;
    end_job(&scene, "report").await?;
    until_done(&scene).await?;
    guard.finish().await?;
    only_pod_identity(&scene, Form::Tagged).await?;

    let guard = Guard::over(&scene);
    scene.apply("orders", plain("IRSA", "Rollout")).await?;
    until_stage(&scene, "ApprovalRequired").await?;
    guard.finish().await?;
    approve(&scene).await?;
    until_rolled(&scene, |carried| {
        matches!(carried, PodCredentials::WebIdentity { .. })
    })
    .await?;
    replace_by_hand(&scene).await?;
    until_done(&scene).await?;
    only_irsa(&scene, STS_AUDIENCE).await
}

async fn deploy_all(scene: &TestNamespace<'_>) -> Result<()> {
    let stateful = |more: Value| with(json!({"replicas": 2, "serviceName": "none"}), more);
    for (kind, name, more) in [
        ("Deployment", "web", json!({"replicas": 2})),
        ("Deployment", "api", json!({"replicas": 3})),
        ("Deployment", "single", json!({"replicas": 1})),
        (
            "Deployment",
            "recreated",
            json!({"strategy": {"type": "Recreate"}}),
        ),
        ("Deployment", "halted", json!({"paused": false})),
        ("StatefulSet", "queue", stateful(json!({}))),
        (
            "StatefulSet",
            "db",
            stateful(json!({"podManagementPolicy": "Parallel"})),
        ),
        (
            "StatefulSet",
            "ledger",
            stateful(json!({"updateStrategy": {"type": "OnDelete"}})),
        ),
        ("StatefulSet", "search", stateful(partition())),
        ("StatefulSet", "billing", stateful(json!({}))),
        ("DaemonSet", "agent", json!({})),
        ("DaemonSet", "logs", json!({})),
        ("ReplicaSet", "rollout", json!({"replicas": 2})),
    ] {
        create(scene, "apps", kind, name, with(rolls(name, pod_spec()), more)).await?;
    }
    let legacy = rolls("legacy", own_web_identity(scene).await?);
    create(scene, "apps", "Deployment", "legacy", legacy).await?;
    let nightly = json!({"schedule": "* * * * *", "jobTemplate": {"spec": {"template": {
        "spec": with(pod_spec(), json!({"restartPolicy": "Never"}))}}}});
    create(scene, "batch", "CronJob", "nightly", nightly).await?;
    budget(scene, "billing").await?;
    deploy_slow(scene, "kept").await?;
    for pod in BARE {
        bare_pod(scene, pod).await?;
    }
    pod_with_secrets(scene, "reader", "orders-db").await?;
    job(scene, "report").await?;
    let apps = ROLLING.iter().chain(&BY_HAND).chain(&["legacy"]);
    for app in apps {
        eventually(&format!("{app} is Ready"), async || {
            let pods = all(scene).await?;
            Ok(pods.iter().any(|pod| is_of_app(pod, app) && is_ready(pod)))
        })
        .await?;
    }
    let pause = json!({"spec": {"paused": true}});
    let patch = Patch::Merge(&pause);
    deployments(scene)
        .patch("halted", &PatchParams::default(), &patch)
        .await?;
    Ok(())
}

fn partition() -> Value {
    json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}})
}

fn rolls(app: &str, pod: Value) -> Value {
    let labels = json!({"app": app});
    json!({"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}})
}

/// A pod whose template has what the webhook injects for IRSA, as written by hand.
async fn own_web_identity(scene: &TestNamespace<'_>) -> Result<Value> {
    let arn = format!(
        "arn:aws:iam::000000000000:role/lanyard/us-east-1/lanyard/{}",
        role(scene).await?
    );
    let token = json!({"serviceAccountToken": {"audience": STS_AUDIENCE, "path": "token"}});
    Ok(json!({
        "serviceAccountName": "orders",
        "terminationGracePeriodSeconds": 1,
        "volumes": [{"name": "aws-iam-token", "projected": {"sources": [token]}}],
        "containers": [{"name": "app", "image": "app",
            "volumeMounts": [{"name": "aws-iam-token", "mountPath": "/var/run/own"}],
            "env": [
                {"name": "AWS_ROLE_ARN", "value": arn},
                {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "/var/run/own/token"},
            ]}],
    }))
}

/// Waits until all pods that a restart replaces carry the binding. Reverts the template of the Deployment whose owner does
/// so, as soon as it is restarted.
async fn until_rolled(scene: &TestNamespace<'_>, right: impl Fn(&PodCredentials) -> bool) -> Result<()> {
    eventually("the Deployment of the reverting owner is restarted", async || {
        Ok(is_marked(&deployments(scene).get("kept").await?))
    })
    .await?;
    annotate_template(scene, "kept", json!({RESTARTED_FOR: null, RESTARTED_AT: null})).await?;
    for app in ROLLING {
        eventually(&format!("{app} carries the binding"), async || {
            let pods = all(scene).await?;
            let mut pods = pods.iter().filter(|pod| is_of_app(pod, app));
            Ok(pods.all(|pod| right(&PodCredentials::of(pod))))
        })
        .await?;
    }
    Ok(())
}

async fn replace_by_hand(scene: &TestNamespace<'_>) -> Result<()> {
    for app in BY_HAND {
        replace_of(scene, app).await?;
    }
    Ok(())
}

/// Removes what was written by hand from the template, which restarts the Deployment.
async fn remove_variables(scene: &TestNamespace<'_>) -> Result<()> {
    let before = deployments(scene).get("legacy").await?.metadata.generation;
    let patch = json!({"spec": {"template": {"spec": {"volumes": null,
        "containers": [{"name": "app", "image": "app"}]}}}});
    let patch = Patch::Merge(&patch);
    let patched = deployments(scene)
        .patch("legacy", &PatchParams::default(), &patch)
        .await?;
    ensure!(patched.metadata.generation > before, "{patched:?}");
    Ok(())
}
