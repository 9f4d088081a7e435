//! kube-controller-manager and kube-scheduler: they create ServiceAccounts and roll Deployments.
//! Input: the site, the PKI, the way to the API server. Output: running processes that are healthy. Does I/O.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::apiserver::flag;
use super::kubeconfig::{Access, anonymous, healthy};
use super::pki::Pki;
use crate::process::{Port, Process};
use crate::site::Site;

const LIMIT: Duration = Duration::from_secs(60);

/// A process, with the port of its health endpoint.
#[derive(Debug)]
pub(super) struct Controller {
    pub process: Process,
    _port: Port,
}

pub(super) async fn controller_manager(site: &Site, pki: &Pki, access: &Access) -> Result<Controller> {
    let mut command = site.command(&site.tools.kube_controller_manager);
    command
        .args([
            flag("root-ca-file", &pki.ca_file()),
            flag("service-account-private-key-file", &pki.token_key()),
        ])
        // One replica, and large fleets come and go in tests: the usual 20 a second would be what they wait for.
        .args(["--kube-api-qps=1000", "--kube-api-burst=2000"]);
    start(site, pki, access, "kube-controller-manager", command).await
}

pub(super) async fn scheduler(site: &Site, pki: &Pki, access: &Access) -> Result<Controller> {
    let mut command = site.command(&site.tools.kube_scheduler);
    command.args(["--kube-api-qps=1000", "--kube-api-burst=2000"]);
    start(site, pki, access, "kube-scheduler", command).await
}

async fn start(
    site: &Site,
    pki: &Pki,
    access: &Access,
    name: &str,
    mut command: Command,
) -> Result<Controller> {
    let port = site.port()?;
    command
        .arg(flag("kubeconfig", access.file()))
        .args(["--leader-elect=false", "--bind-address=127.0.0.1"])
        .arg(format!("--secure-port={}", port.number))
        .args([
            flag("tls-cert-file", &pki.server_certificate()),
            flag("tls-private-key-file", &pki.server_key()),
        ]);
    let mut process = site.spawn(name, command)?;
    let client = anonymous(&port.address(), pki)?;
    process
        .until("healthy", LIMIT, async || healthy(&client, "/healthz").await)
        .await?;
    Ok(Controller { process, _port: port })
}
