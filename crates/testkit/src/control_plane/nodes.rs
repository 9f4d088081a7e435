//! The simulated nodes: KWOK, which simulates the kubelets, and the Node objects.
//! Input: the site, a way to the API server, how many. Output: nodes that are ready and pods that run. Does I/O.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{Node, ServiceAccount};
use kube::api::{ListParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::apiserver::flag;
use super::kubeconfig::Access;
use crate::process::Process;
use crate::site::Site;

/// KWOK ends the pods of a Job as soon as they run. A pod with this annotation runs on until it is taken off: the value
/// does not matter.
pub const ANNOTATION_RUNS_ON: &str = "testkit.lanyard.dev/runs-on";

/// The label of the pods of a probe, whose end the suites write themselves.
const LABEL_PROBE: &str = "lanyard.dev/probe";

const LIMIT: Duration = Duration::from_secs(60);

/// Starts KWOK. It has no health endpoint; see [`ready`].
pub(super) fn kwok(site: &Site, access: &Access) -> Result<Process> {
    let annotation = format!(".metadata.annotations[\"{ANNOTATION_RUNS_ON}\"]");
    let runs_on = site.dir("kwok")?.join("runs-on.json");
    fs::write(&runs_on, runs_on_stage("pod-runs-on", &annotation).to_string())?;
    let probes = site.dir("kwok")?.join("probes.json");
    let label = format!(".metadata.labels[\"{LABEL_PROBE}\"]");
    fs::write(&probes, runs_on_stage("pod-probe", &label).to_string())?;
    let mut command = site.command(&site.tools.kwok);
    command
        .arg(flag("kubeconfig", access.file()))
        .arg(flag("config", &site.tools.kwok_stages))
        .arg(flag("config", &runs_on))
        .arg(flag("config", &probes))
        .args([
            "--manage-all-nodes=true",
            "--node-lease-duration-seconds=40",
            "--cidr=10.0.0.1/16",
        ]);
    site.spawn("kwok", command)
}

/// A Stage for pods that have the key. It is preferred to KWOK's own by its weight, and does not come due while a test bed
/// lives.
fn runs_on_stage(name: &str, key: &str) -> Value {
    json!({
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": name},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": "Pod"},
            "selector": {"matchExpressions": [
                {"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"},
                {"key": ".status.phase", "operator": "In", "values": ["Running"]},
                {"key": key, "operator": "Exists"},
            ]},
            "weight": 1,
            "delay": {"durationMilliseconds": 86_400_000},
            "next": {"statusTemplate": "phase: Running"},
        },
    })
}

/// Creates the Node objects.
pub(super) async fn create(client: &Client, count: usize) -> Result<()> {
    let nodes: Api<Node> = Api::all(client.clone());
    for index in 0..count {
        let name = format!("node-{index}");
        let node = serde_json::from_value(json!({
            "metadata": {"name": name, "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
            }},
        }))?;
        nodes
            .create(&PostParams::default(), &node)
            .await
            .with_context(|| format!("creating {name}"))?;
    }
    Ok(())
}

/// Waits until KWOK has made all nodes ready, and the controllers have made the first ServiceAccount (pods need it).
pub(super) async fn ready(
    kwok: &mut Process,
    controllers: &mut Process,
    client: &Client,
    count: usize,
) -> Result<()> {
    let nodes: Api<Node> = Api::all(client.clone());
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    let all_ready = async || {
        let list = nodes.list(&ListParams::default()).await.ok()?;
        (list.iter().filter(|node| is_ready(node)).count() >= count).then_some(())
    };
    kwok.until("running the nodes", LIMIT, all_ready).await?;
    controllers
        .until("making ServiceAccounts", LIMIT, async || {
            accounts.get_opt("default").await.ok()?.map(drop)
        })
        .await
}

fn is_ready(node: &Node) -> bool {
    let conditions = node
        .status
        .iter()
        .filter_map(|status| status.conditions.as_ref())
        .flatten();
    conditions
        .into_iter()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
