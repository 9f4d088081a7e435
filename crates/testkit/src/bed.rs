//! The test bed as one value: control plane, emulators, gateway and webhook, started and ended together.
//! Input: options. Output: a kubeconfig, clients, the environment for a program under test. Does I/O.
//! ```text
//!   etcd ------------------------------> kube-apiserver -> controllers, scheduler, nodes
//!   ministack -> EKS cluster -> issuer ---^    |   ^
//!        ^                                     |   +- pod webhook -+
//!        |                                     v keys              v
//!        +-------------------------------- gateway <---------------+
//!   LocalStack (when asked for)            | front -> kube-apiserver (for programs started through the gateway)
//! ```

mod commands;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use kube::Client;
use tokio::sync::OnceCell;

use crate::background::Background;
use crate::cache::Cache;
use crate::control_plane::{ControlPlane, Etcd};
use crate::crds;
use crate::emulator::{self, ACCOUNT, EksCluster, Emulator, REGION};
use crate::gateway::{Front, Gateway, GatewayOptions, Mark};
use crate::site::Site;
use crate::tools::Tools;
use crate::webhook::{Lag, Webhook, WebhookOptions};

/// The name of the emulated EKS cluster.
pub const CLUSTER: &str = "lanyard";

/// Components of a test bed.
#[derive(Clone, Debug)]
pub struct TestBedOptions {
    /// The number of nodes.
    pub nodes: usize,
    /// LocalStack too; its first call takes about four seconds longer than the rest.
    pub localstack: bool,
    /// Serves IAM and STS from LocalStack, as a second opinion on ministack. Its free edition has no EKS.
    pub iam_from_localstack: bool,
    /// An issuer for the API server's tokens other than that of the emulated EKS cluster: as on a cluster that is not EKS.
    pub issuer: Option<String>,
    /// Makes ministack evaluate IAM policies and trust. The credentials of [`TestBed::aws_env`] are root's in any case.
    pub authorize: bool,
    /// The pod webhook, as on EKS. Without it no pod gets credentials, as on a cluster without the webhook.
    pub webhook: bool,
}

impl Default for TestBedOptions {
    fn default() -> Self {
        Self {
            nodes: 2,
            localstack: false,
            iam_from_localstack: false,
            issuer: None,
            authorize: true,
            webhook: true,
        }
    }
}

impl TestBedOptions {
    fn needs_localstack(&self) -> bool {
        self.localstack || self.iam_from_localstack
    }
}

/// A running test bed. It ends when this is dropped, or when the process ends, however it ends.
#[derive(Debug)]
pub struct TestBed {
    /// The Kubernetes side.
    pub control_plane: ControlPlane,
    /// IAM, STS and EKS.
    pub ministack: Arc<Emulator>,
    /// IAM and STS, if asked for.
    pub localstack: Option<Emulator>,
    /// The gateway between the AWS SDK and ministack.
    pub gateway: Gateway,
    /// The front between the API server and the programs started by [`TestBed::spawn_through`].
    pub front: Front,
    /// The EKS cluster, as ministack has it.
    pub cluster: EksCluster,
    webhook: Option<Webhook>,
    background: Background,
    site: Site,
}

impl TestBed {
    /// Starts everything, after building what was never built on this machine (minutes; it says so). Warm, it takes seconds.
    pub async fn start(options: TestBedOptions) -> Result<Self> {
        let site = site(options.needs_localstack()).await?;
        let failed = format!("the test bed did not start (all logs: {})", site.logs.display());
        Self::start_at(site, options).await.context(failed)
    }

    /// Starts a second cluster in the same account: a control plane of its own, and everything of AWS shared, its faults and
    /// its ledger too.
    pub async fn beside(&self, cluster: &str, options: TestBedOptions) -> Result<Self> {
        let site = site(false).await?;
        let background = Background::new()?;
        let url = self.ministack.url();
        let created = EksCluster::create(&url, cluster);
        let (etcd, cluster) = tokio::try_join!(Etcd::start(&site), created)?;
        let issuer = options.issuer.as_deref().unwrap_or(&cluster.issuer);
        let parts = Parts {
            control_plane: ControlPlane::start(&site, etcd, issuer, options.nodes).await?,
            cluster,
            ministack: Arc::clone(&self.ministack),
            localstack: None,
            gateway: self.gateway.clone(),
        };
        Self::assemble(site, background, options.webhook, parts).await
    }

    /// The test bed that all tests of one process share, with the default options. It ends with the process.
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<TestBed> = OnceCell::const_new();
        SHARED
            .get_or_try_init(|| Self::start(TestBedOptions::default()))
            .await
    }

    async fn start_at(site: Site, options: TestBedOptions) -> Result<Self> {
        let background = Background::new()?;
        let localstack = async {
            match options.needs_localstack() {
                true => emulator::localstack(&site).await.map(Some),
                false => Ok(None),
            }
        };
        let (localstack, (control_plane, ministack, cluster)) =
            tokio::try_join!(localstack, cluster_and_ministack(&site, &options))?;
        let mut behind = GatewayOptions::all(&ministack.url()).with_models(&site.tools.models);
        if let (true, Some(localstack)) = (options.iam_from_localstack, &localstack) {
            (behind.iam, behind.sts) = (localstack.url(), localstack.url());
        }
        let gateway = background.run(Gateway::start(behind)).await?;
        let parts = Parts {
            control_plane,
            cluster,
            ministack: Arc::new(ministack),
            localstack,
            gateway,
        };
        Self::assemble(site, background, options.webhook, parts).await
    }

    async fn assemble(
        mut site: Site,
        background: Background,
        with_webhook: bool,
        parts: Parts,
    ) -> Result<Self> {
        let Parts {
            control_plane,
            cluster,
            ministack,
            localstack,
            gateway,
        } = parts;
        gateway.set_jwks(control_plane.issuer(), &control_plane.token_keys().await?)?;
        let (config, behind) = (control_plane.config(), gateway.clone());
        let front = background
            .run(async move { behind.front(config.await?).await })
            .await?;
        let webhook = match with_webhook {
            true => Some(
                background
                    .run(webhook(&control_plane, &cluster, gateway.clone()))
                    .await?,
            ),
            false => None,
        };
        site.started();
        Ok(Self {
            control_plane,
            ministack,
            localstack,
            gateway,
            front,
            cluster,
            webhook,
            background,
            site,
        })
    }

    /// The administrator's kubeconfig file.
    pub fn kubeconfig(&self) -> &Path {
        self.control_plane.kubeconfig()
    }

    /// A client for the administrator. It belongs to the runtime it is made in, so every test makes its own.
    pub async fn client(&self) -> Result<Client> {
        self.control_plane.client().await
    }

    /// Where the programs are.
    pub fn tools(&self) -> &Tools {
        &self.site.tools
    }

    /// The directory with the log of every process.
    pub fn logs(&self) -> &Path {
        &self.site.logs
    }

    /// Sets how late the pod webhook learns of changes; at first it does at once.
    ///
    /// # Errors
    /// When the test bed has no pod webhook.
    pub fn set_webhook_lag(&self, lag: Lag) -> Result<()> {
        let webhook = self
            .webhook
            .as_ref()
            .context("this test bed has no pod webhook")?;
        webhook.set_lag(lag);
        Ok(())
    }

    /// Makes the pod webhook pass new pods of a namespace unchanged, as if it could not be reached, or ends that.
    pub fn set_webhook_silent(&self, namespace: &str, silent: bool) -> Result<()> {
        let webhook = self
            .webhook
            .as_ref()
            .context("this test bed has no pod webhook")?;
        webhook.set_silent(namespace, silent);
        Ok(())
    }

    /// One more front, for a user other than the administrator. A ServiceAccount's name as a user is
    /// `system:serviceaccount:<namespace>:<name>`; its groups come with it.
    pub async fn front_as(&self, user: &str) -> Result<Front> {
        let mut config = self.control_plane.config().await?;
        config.auth_info.impersonate = Some(user.to_owned());
        let gateway = self.gateway.clone();
        self.background
            .run(async move { gateway.front(config).await })
            .await
    }

    /// Applies the CRDs in the workspace's `crds/` and waits until they are served. Returns their names.
    pub async fn apply_crds(&self) -> Result<Vec<String>> {
        crds::apply(self.client().await?).await
    }

    /// Ends everything and removes the logs.
    ///
    /// # Errors
    /// Returns an error if a call through the gateway did not conform to AWS's models, or if something does not end.
    pub async fn stop(self) -> Result<()> {
        let conformance = self.gateway.ledger().since(Mark::default()).check_conformance();
        let Self {
            mut site,
            control_plane,
            ministack,
            localstack,
            gateway,
            front,
            webhook,
            background,
            ..
        } = self;
        drop((webhook, front, gateway, background));
        let ending = move || {
            let ended = site.end(false);
            drop((control_plane, ministack, localstack));
            ended
        };
        tokio::task::spawn_blocking(ending).await??;
        conformance
    }
}

/// Parts of a test bed.
struct Parts {
    control_plane: ControlPlane,
    cluster: EksCluster,
    ministack: Arc<Emulator>,
    localstack: Option<Emulator>,
    gateway: Gateway,
}

/// A place for a test bed, with all of its tools.
async fn site(localstack: bool) -> Result<Site> {
    let cache = Cache::open()?;
    let with = cache.clone();
    let tools = tokio::task::spawn_blocking(move || Tools::install(&with, localstack)).await??;
    Site::new(cache, tools)
}

/// ministack first: the API server's tokens carry the issuer that it gives the EKS cluster.
async fn cluster_and_ministack(
    site: &Site,
    options: &TestBedOptions,
) -> Result<(ControlPlane, Emulator, EksCluster)> {
    let emulated = async {
        let ministack = emulator::ministack(site, options.authorize).await?;
        let cluster = EksCluster::create(&ministack.url(), CLUSTER).await?;
        Ok((ministack, cluster))
    };
    let (etcd, (ministack, cluster)) = tokio::try_join!(Etcd::start(site), emulated)?;
    let issuer = options.issuer.as_deref().unwrap_or(&cluster.issuer);
    let control_plane = ControlPlane::start(site, etcd, issuer, options.nodes).await?;
    Ok((control_plane, ministack, cluster))
}

fn webhook(
    control_plane: &ControlPlane,
    cluster: &EksCluster,
    gateway: Gateway,
) -> impl Future<Output = Result<Webhook>> + Send + 'static {
    let client = control_plane.client();
    let options = WebhookOptions {
        account: ACCOUNT.to_owned(),
        region: REGION.to_owned(),
        cluster: cluster.name.clone(),
    };
    async move { Webhook::start(client.await?, gateway, options).await }
}
