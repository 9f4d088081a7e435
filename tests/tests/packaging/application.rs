//! Proves that `helm install --wait` of an application waits until its WorkloadIdentity is bound, and ends at once when
//! the identity is stalled. Does I/O.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lanyard_tests::{TestNamespace, condition};
use serde_json::{Value, json};

use crate::chart::helm;
use crate::stage;

/// Longer than any wait of the operator in this suite.
const LIMIT: Duration = Duration::from_secs(180);

/// Installs a chart with one WorkloadIdentity and waits for it, as `helm install --wait` does.
async fn install(scene: &TestNamespace<'_>, role: Value) -> Result<std::process::Output> {
    let chart = tempfile::tempdir()?;
    std::fs::create_dir(chart.path().join("templates"))?;
    let metadata = "apiVersion: v2\nname: orders\nversion: 0.1.0\n";
    std::fs::write(chart.path().join("Chart.yaml"), metadata)?;
    let object = json!({
        "apiVersion": "lanyard.dev/v1alpha1", "kind": "WorkloadIdentity", "metadata": {"name": "orders"},
        "spec": {"serviceAccount": {"create": true}, "role": role},
    });
    // JSON is YAML.
    std::fs::write(chart.path().join("templates/identity.yaml"), object.to_string())?;
    let path = chart.path().to_str().context("a path")?.to_owned();
    let limit = format!("{}s", LIMIT.as_secs());
    let arguments = [
        "install",
        "orders",
        &path,
        "--namespace",
        &scene.namespace,
        "--wait",
        "--timeout",
        &limit,
    ];
    helm(&scene.stage.bed, &arguments).await
}

#[tokio::test]
async fn wait_of_application_ends_when_bound() -> Result<()> {
    let scene = stage().await?.scene("helm-bound").await?;
    let output = install(&scene, json!({"managed": {}})).await?;
    ensure!(output.status.success(), "{output:?}");
    let object = scene.identities().get("orders").await?;
    let ready = condition(&object, "Ready").context("no condition Ready")?;
    ensure!(ready.status == "True", "{ready:?}");
    Ok(())
}

#[tokio::test]
async fn wait_of_application_ends_when_stalled() -> Result<()> {
    let scene = stage().await?.scene("helm-stalled").await?;
    let began = Instant::now();
    let missing = json!({"existing": {"arn": "arn:aws:iam::000000000000:role/absent"}});
    let output = install(&scene, missing).await?;
    ensure!(!output.status.success(), "{output:?}");
    let object = scene.identities().get("orders").await?;
    ensure!(condition(&object, "Stalled").is_some(), "{object:?}");
    // Helm gave up because of the status, and not because its time was over.
    ensure!(began.elapsed() < LIMIT, "{output:?}");
    Ok(())
}
