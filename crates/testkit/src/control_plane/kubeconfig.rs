//! Access to the API server: kubeconfig files for programs, clients for tests.
//! Input: the server's address and its PKI. Output: files and clients. Writes files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;

use super::pki::Pki;

/// One user's kubeconfig file.
#[derive(Clone, Debug)]
pub(super) struct Access {
    file: PathBuf,
    content: Kubeconfig,
}

impl Access {
    /// Writes `<dir>/<name>` for the user `name` in `group`.
    pub(super) fn write(dir: &Path, server: &str, pki: &Pki, name: &str, group: &str) -> Result<Self> {
        let own = pki.client(name, group)?;
        let content = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "lanyard", "cluster": {
                "server": server,
                "certificate-authority-data": STANDARD.encode(pki.ca_pem()),
            }}],
            "users": [{"name": name, "user": {
                "client-certificate-data": STANDARD.encode(own.certificate),
                "client-key-data": STANDARD.encode(own.key),
            }}],
            "contexts": [{"name": "lanyard", "context": {"cluster": "lanyard", "user": name}}],
            "current-context": "lanyard",
        });
        let file = dir.join(name.replace(':', "-"));
        // JSON is YAML, and kubectl reads it.
        fs::write(&file, serde_json::to_vec_pretty(&content)?)
            .with_context(|| format!("writing {}", file.display()))?;
        Ok(Self {
            file,
            content: serde_json::from_value(content)?,
        })
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// A client for this user. It belongs to the runtime it is made in.
    pub(super) async fn client(&self) -> Result<Client> {
        Ok(Client::try_from(self.config().await?)?)
    }

    /// Client configuration of this user.
    pub(super) async fn config(&self) -> Result<Config> {
        let mut config =
            Config::from_custom_kubeconfig(self.content.clone(), &KubeConfigOptions::default()).await?;
        config.proxy_url = None;
        Ok(config)
    }

    /// Writes a kubeconfig beside this one that leads to `front`, which speaks as this user: it needs no credentials,
    /// and its token only identifies the caller in the ledger.
    pub(super) fn through(&self, front: &str, caller: &str) -> Result<PathBuf> {
        let content = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "lanyard", "cluster": {"server": front}}],
            "users": [{"name": "front", "user": {"token": caller}}],
            "contexts": [{"name": "lanyard", "context": {"cluster": "lanyard", "user": "front"}}],
            "current-context": "lanyard",
        });
        let file = self.file.with_extension(format!("{caller}.front"));
        fs::write(&file, serde_json::to_vec_pretty(&content)?)
            .with_context(|| format!("writing {}", file.display()))?;
        Ok(file)
    }
}

/// A client for one of the control plane's servers on this machine, without credentials: enough for its health.
pub(super) fn anonymous(address: &str, pki: &Pki) -> Result<Client> {
    let mut config = Config::new(format!("https://{address}").parse::<Uri>()?);
    config.root_cert_file = Some(pki.ca_file());
    config.proxy_url = None;
    Ok(Client::try_from(config)?)
}

/// Returns true if `path` (`/healthz`, `/readyz`) answers 200.
pub(super) async fn healthy(client: &Client, path: &str) -> Option<()> {
    let request = http::Request::get(path).body(Vec::new()).ok()?;
    client.request_text(request).await.ok().map(drop)
}
