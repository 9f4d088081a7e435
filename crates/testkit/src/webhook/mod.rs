//! The pod webhook: a replacement for AWS's amazon-eks-pod-identity-webhook, which runs in the control plane of EKS. It mutates
//! a new pod as that webhook does (docs/dev/aws-behaviour.md#pod-wiring, docs/dev/aws-behaviour.md#webhook).
//! Input: a client of the cluster, the gateway. Output: pods with credentials. Network I/O.
//! ```text
//!   API server -> server -> sources (association, annotations, lag) -> decision -> patch -> API server
//! ```

mod decision;
mod lag;
mod past;
mod patch;
mod server;
mod sources;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhook, MutatingWebhookConfiguration, RuleWithOperations, WebhookClientConfig,
};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use self::decision::{Credentials, Decision, Known, decide};
pub use self::lag::Lag;
pub use self::patch::patch;

use self::past::Past;
use self::server::{Admission, Silent};
use self::sources::Sources;
use crate::gateway::Gateway;

/// The cluster that the webhook serves, as EKS knows it.
#[derive(Clone, Debug)]
pub struct WebhookOptions {
    /// The account, twelve digits.
    pub account: String,
    /// The region; pods get it as `AWS_REGION`.
    pub region: String,
    /// The cluster's name.
    pub cluster: String,
}

/// A running webhook. It stops when dropped. Its registration stays, and pods are then admitted unchanged.
#[derive(Debug)]
pub struct Webhook {
    server: JoinHandle<()>,
    watch: JoinHandle<()>,
    lag: Arc<Mutex<Lag>>,
    silent: Silent,
}

/// The name of the registration, as AWS's own manifest has it.
const NAME: &str = "pod-identity-webhook";
/// The limit until the first request of the API server.
const LIMIT: Duration = Duration::from_secs(30);

impl Webhook {
    /// Starts the webhook on a free port of 127.0.0.1, registers it, and waits until the API server asks it about pods.
    /// It runs on the runtime that this is called on, to which the client must belong.
    pub async fn start(client: Client, gateway: Gateway, options: WebhookOptions) -> Result<Self> {
        let WebhookOptions {
            account,
            region,
            cluster,
        } = options;
        let identity = rcgen::generate_simple_self_signed([Ipv4Addr::LOCALHOST.to_string()])?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("no free port for the pod webhook")?;
        let address = listener.local_addr()?;
        let (asked, mut asks) = watch::channel(0);
        let (lag, past) = (Arc::<Mutex<Lag>>::default(), Past::default());
        let watch = past.begin(&client).await?;
        let sources = Sources {
            lag: Arc::clone(&lag),
            past,
            client: client.clone(),
            gateway,
            account,
            region: region.clone(),
            cluster,
        };
        let silent = Silent::default();
        let admission = Admission {
            sources,
            region,
            asked,
            silent: Arc::clone(&silent),
        };
        let server = server::serve(listener, tls(&identity)?, Arc::new(admission));
        let webhook = Self {
            server: tokio::spawn(server),
            watch: tokio::spawn(watch),
            lag,
            silent,
        };
        register(&client, address, identity.cert.pem()).await?;
        tokio::time::timeout(LIMIT, provoke(&client, &mut asks))
            .await
            .context("the API server does not ask the pod webhook")??;
        Ok(webhook)
    }

    /// Sets the delay after which the webhook sees changes, including earlier ones.
    pub fn set_lag(&self, lag: Lag) {
        *self.lag.lock().unwrap_or_else(PoisonError::into_inner) = lag;
    }

    /// Lets new pods of a namespace pass unchanged, or ends that.
    pub fn set_silent(&self, namespace: &str, silent: bool) {
        let mut namespaces = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        if silent {
            namespaces.insert(namespace.to_owned());
        } else {
            namespaces.remove(namespace);
        }
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.server.abort();
        self.watch.abort();
    }
}

fn tls(identity: &rcgen::CertifiedKey<rcgen::KeyPair>) -> Result<ServerConfig> {
    let key = PrivateKeyDer::try_from(identity.signing_key.serialize_der()).map_err(anyhow::Error::msg)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config
        .with_no_client_auth()
        .with_single_cert(vec![identity.cert.der().clone()], key)?)
}

/// Registers the webhook as AWS's own manifest does, but for the address.
async fn register(client: &Client, address: SocketAddr, certificate: String) -> Result<()> {
    let not_skipped = LabelSelectorRequirement {
        key: "eks.amazonaws.com/skip-pod-identity-webhook".to_owned(),
        operator: "DoesNotExist".to_owned(),
        values: None,
    };
    let hook = MutatingWebhook {
        name: format!("{NAME}.amazonaws.com"),
        client_config: WebhookClientConfig {
            url: Some(format!("https://{address}/mutate")),
            ca_bundle: Some(ByteString(certificate.into_bytes())),
            service: None,
        },
        failure_policy: Some("Ignore".to_owned()),
        object_selector: Some(LabelSelector {
            match_expressions: Some(vec![not_skipped]),
            match_labels: None,
        }),
        rules: Some(vec![RuleWithOperations {
            api_groups: Some(vec![String::new()]),
            api_versions: Some(vec!["v1".to_owned()]),
            operations: Some(vec!["CREATE".to_owned()]),
            resources: Some(vec!["pods".to_owned()]),
            scope: None,
        }]),
        side_effects: "None".to_owned(),
        admission_review_versions: vec!["v1".to_owned()],
        ..MutatingWebhook::default()
    };
    let configuration = MutatingWebhookConfiguration {
        metadata: ObjectMeta {
            name: Some(NAME.to_owned()),
            ..ObjectMeta::default()
        },
        webhooks: Some(vec![hook]),
    };
    let applied = PatchParams::apply(NAME).force();
    let configurations: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let registered = configurations
        .patch(NAME, &applied, &Patch::Apply(configuration))
        .await;
    registered.context("registering the pod webhook")?;
    Ok(())
}

/// Creates pods by dry run until the API server, which sees a registration late, sends one.
async fn provoke(client: &Client, asks: &mut watch::Receiver<usize>) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), "default");
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"generateName": "pod-identity-webhook-"},
        "spec": {"containers": [{"name": "none", "image": "none"}]},
    }))?;
    let unkept = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    while *asks.borrow_and_update() == 0 {
        // Refused while the namespace has no `default` ServiceAccount yet, which also passes with time.
        if let Err(why) = pods.create(&unkept, &pod).await {
            tracing::debug!(%why, "a pod that was not to be kept was refused");
        }
        let _ = tokio::time::timeout(Duration::from_millis(50), asks.changed()).await;
    }
    Ok(())
}
