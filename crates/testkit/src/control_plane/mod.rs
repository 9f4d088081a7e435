//! A real Kubernetes control plane on this machine, with simulated kubelets: etcd, API server, controllers, scheduler, KWOK.
//! Input: the issuer its tokens shall carry, and how many nodes. Output: a cluster in which Deployments roll. Does I/O.
//! ```text
//!   etcd <- kube-apiserver <- kube-controller-manager, kube-scheduler, kwok
//! ```

mod apiserver;
mod controllers;
mod etcd;
mod kubeconfig;
mod nodes;
mod pki;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use kube::Client;

pub(crate) use self::etcd::Etcd;
pub use self::nodes::ANNOTATION_RUNS_ON;

use self::apiserver::ApiServer;
use self::controllers::Controller;
use self::kubeconfig::Access;
use self::pki::Pki;
use crate::process::Process;
use crate::site::Site;

/// A running control plane. Its processes end when it is dropped.
#[derive(Debug)]
pub struct ControlPlane {
    admin: Access,
    url: String,
    issuer: String,
    // In the order in which they end.
    _kwok: Process,
    _scheduler: Controller,
    _controllers: Controller,
    _apiserver: ApiServer,
    _etcd: Etcd,
}

impl ControlPlane {
    /// Starts everything above `etcd` and returns when the nodes are ready and ServiceAccounts are made.
    pub(crate) async fn start(site: &Site, etcd: Etcd, issuer: &str, nodes: usize) -> Result<Self> {
        let pki = Pki::new(site.dir("pki")?)?;
        let apiserver = ApiServer::start(site, &pki, &etcd, issuer).await?;
        let dir = site.dir("kubeconfig")?;
        let access = |name, group| Access::write(&dir, &apiserver.url(), &pki, name, group);
        let admin = access("admin", "system:masters")?;
        let client = admin.client().await?;

        // All controllers share one identity, which needs the rights of all of them.
        let manager = access("system:kube-controller-manager", "system:masters")?;
        let scheduler = access("system:kube-scheduler", "lanyard-test-bed")?;
        let mut kwok = nodes::kwok(site, &access("kwok", "system:masters")?)?;
        let (mut controllers, scheduler, ()) = tokio::try_join!(
            controllers::controller_manager(site, &pki, &manager),
            controllers::scheduler(site, &pki, &scheduler),
            nodes::create(&client, nodes),
        )?;
        nodes::ready(&mut kwok, &mut controllers.process, &client, nodes).await?;
        let url = apiserver.url();
        Ok(Self {
            admin,
            url,
            issuer: issuer.to_owned(),
            _kwok: kwok,
            _scheduler: scheduler,
            _controllers: controllers,
            _apiserver: apiserver,
            _etcd: etcd,
        })
    }

    /// The API server's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The issuer of its ServiceAccount tokens.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The public keys of its ServiceAccount tokens, as JSON (a JWK set): what AWS would fetch from the issuer.
    pub async fn token_keys(&self) -> Result<String> {
        let request = http::Request::get("/openid/v1/jwks").body(Vec::new())?;
        self.client()
            .await?
            .request_text(request)
            .await
            .context("reading the API server's token keys")
    }

    /// A kubeconfig file for the administrator.
    pub fn kubeconfig(&self) -> &Path {
        self.admin.file()
    }

    /// Client configuration of the administrator.
    pub(crate) fn config(&self) -> impl Future<Output = Result<kube::Config>> + Send + 'static {
        let admin = self.admin.clone();
        async move { admin.config().await }
    }

    /// A kubeconfig file for a front that speaks as the administrator.
    pub(crate) fn kubeconfig_through(&self, front: &str, caller: &str) -> Result<PathBuf> {
        self.admin.through(front, caller)
    }

    /// A client for the administrator. It belongs to the runtime it is made in, so every test makes its own.
    pub fn client(&self) -> impl Future<Output = Result<Client>> + Send + 'static {
        let admin = self.admin.clone();
        async move { admin.client().await }
    }
}
