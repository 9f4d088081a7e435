//! Runs Helm with the charts of `config/helm`. Input: values. Output: rendered objects, or what Helm says.

use std::path::PathBuf;
use std::process::Output;

use anyhow::{Context, Result, ensure};
use lanyard_testkit::TestBed;
use lanyard_tests::manifests;
use serde_json::Value;

/// The namespace of the operator.
pub const NAMESPACE: &str = "lanyard-system";

/// The directory of a chart.
pub fn path(chart: &str) -> Result<PathBuf> {
    Ok(manifests::config()?.join("helm").join(chart))
}

/// The values files with which the chart `lanyard` is tested.
pub fn ci_values() -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(path("lanyard")?.join("ci"))?;
    let mut files = Vec::new();
    for entry in entries {
        files.push(entry?.path());
    }
    ensure!(files.len() >= 5, "{files:?}");
    files.sort();
    Ok(files)
}

/// Runs Helm without judging its exit.
pub async fn helm(bed: &TestBed, arguments: &[&str]) -> Result<Output> {
    let mut command = bed.helm()?;
    command.args(arguments);
    tokio::task::spawn_blocking(move || command.output())
        .await?
        .context("running helm")
}

/// Runs Helm and returns what it printed.
pub async fn succeed(bed: &TestBed, arguments: &[&str]) -> Result<String> {
    let output = helm(bed, arguments).await?;
    ensure!(output.status.success(), "helm {arguments:?}: {output:?}");
    Ok(String::from_utf8(output.stdout)?)
}

/// The objects of the chart `lanyard` as YAML documents, without its hooks.
pub async fn template(bed: &TestBed, arguments: &[&str]) -> Result<Vec<String>> {
    let chart = path("lanyard")?;
    let chart = chart.to_str().context("the path of the chart")?;
    let base = [
        "template",
        "lanyard",
        chart,
        "--namespace",
        NAMESPACE,
        "--no-hooks",
    ];
    manifests::documents(helm(bed, &[&base, arguments].concat()).await?)
}

/// YAML documents as JSON.
pub fn objects(documents: &[String]) -> Result<Vec<Value>> {
    let parse = |text: &String| serde_saphyr::from_str(text).with_context(|| text.clone());
    documents.iter().map(parse).collect()
}
