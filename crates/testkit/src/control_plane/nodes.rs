//! The simulated machines: KWOK, which plays every kubelet, and the Node objects it plays them for.
//! In: the site, a way to the API server, how many. Out: nodes that are ready and pods that run. Does I/O.
//! Called by `control_plane`.

use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{Node, ServiceAccount};
use kube::api::{ListParams, PostParams};
use kube::{Api, Client};
use serde_json::json;

use super::apiserver::flag;
use super::kubeconfig::Access;
use crate::process::Process;
use crate::site::Site;

const LIMIT: Duration = Duration::from_secs(60);

/// Starts KWOK. It serves nothing, so [`ready`] is how one knows that it works.
pub(super) fn kwok(site: &Site, access: &Access) -> Result<Process> {
    let mut command = site.command(&site.tools.kwok);
    command
        .arg(flag("kubeconfig", access.file()))
        .arg(flag("config", &site.tools.kwok_stages))
        .args([
            "--manage-all-nodes=true",
            "--node-lease-duration-seconds=40",
            "--cidr=10.0.0.1/16",
        ]);
    site.spawn("kwok", command)
}

/// Makes the Node objects.
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
