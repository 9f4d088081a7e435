//! The API server: RBAC on, its own certificates, tokens in the name of the emulated EKS cluster's issuer.
//! Input: the site, etcd, the PKI, the issuer. Output: a server that is ready. Does I/O.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::etcd::Etcd;
use super::kubeconfig::{anonymous, healthy};
use super::pki::Pki;
use crate::process::{Port, Process};
use crate::site::Site;

const LIMIT: Duration = Duration::from_secs(60);

/// Audience of the API server's own tokens, as on EKS. Tokens for AWS (`sts.amazonaws.com`, `pods.eks.amazonaws.com`)
/// can be requested for any audience, and must not open the API server.
const AUDIENCE: &str = "https://kubernetes.default.svc";

/// A running API server.
#[derive(Debug)]
pub(super) struct ApiServer {
    _process: Process,
    port: Port,
}

impl ApiServer {
    pub(super) async fn start(site: &Site, pki: &Pki, etcd: &Etcd, issuer: &str) -> Result<Self> {
        let port = site.port()?;
        let mut command = site.command(&site.tools.kube_apiserver);
        command
            .arg(format!("--etcd-servers={}", etcd.url()))
            .arg(format!("--secure-port={}", port.number))
            .args([
                "--bind-address=127.0.0.1",
                "--endpoint-reconciler-type=none",
                "--service-cluster-ip-range=10.100.0.0/16",
            ])
            .args([
                "--authorization-mode=RBAC",
                "--allow-privileged=true",
                "--enable-priority-and-fairness=false",
            ])
            .arg(format!("--service-account-issuer={issuer}"))
            // Where EKS publishes its keys: below the issuer.
            .arg(format!("--service-account-jwks-uri={issuer}/keys"))
            .arg(format!("--api-audiences={AUDIENCE}"))
            .args([
                flag("service-account-key-file", &pki.token_key()),
                flag("service-account-signing-key-file", &pki.token_key()),
            ])
            .args([
                flag("tls-cert-file", &pki.server_certificate()),
                flag("tls-private-key-file", &pki.server_key()),
            ])
            .arg(flag("client-ca-file", &pki.ca_file()));
        let mut process = site.spawn("kube-apiserver", command)?;
        let client = anonymous(&port.address(), pki)?;
        process
            .until("ready", LIMIT, async || healthy(&client, "/readyz").await)
            .await?;
        Ok(Self {
            _process: process,
            port,
        })
    }

    pub(super) fn url(&self) -> String {
        format!("https://{}", self.port.address())
    }
}

/// `--name=path`.
pub(super) fn flag(name: &str, path: &Path) -> OsString {
    let mut flag = OsString::from(format!("--{name}="));
    flag.push(path);
    flag
}
