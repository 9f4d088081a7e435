//! etcd, in memory as far as it lets us: nothing is synced to disk. Input: the site. Output: a running store. Does I/O.

use std::time::Duration;

use anyhow::Result;

use crate::process::{self, Port, Process};
use crate::site::Site;

const LIMIT: Duration = Duration::from_secs(30);

/// The store behind the API server.
#[derive(Debug)]
pub(crate) struct Etcd {
    _process: Process,
    client: Port,
    _peer: Port,
}

impl Etcd {
    pub(crate) async fn start(site: &Site) -> Result<Self> {
        let (client, peer) = (site.port()?, site.port()?);
        let (client_url, peer_url) = (
            format!("http://{}", client.address()),
            format!("http://{}", peer.address()),
        );
        let mut command = site.command(&site.tools.etcd);
        command
            .arg("--data-dir")
            .arg(site.dir("etcd")?)
            .args([
                "--listen-client-urls",
                &client_url,
                "--advertise-client-urls",
                &client_url,
            ])
            .args([
                "--listen-peer-urls",
                &peer_url,
                "--initial-advertise-peer-urls",
                &peer_url,
            ])
            .args(["--initial-cluster", &format!("default={peer_url}")])
            .args(["--unsafe-no-fsync", "--log-level", "warn"]);
        let mut process = site.spawn("etcd", command)?;
        let health = format!("{client_url}/health");
        process
            .until("healthy", LIMIT, async || {
                process::get(&health)
                    .await
                    .ok()?
                    .status
                    .is_success()
                    .then_some(())
            })
            .await?;
        Ok(Self {
            _process: process,
            client,
            _peer: peer,
        })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.client.address())
    }
}
