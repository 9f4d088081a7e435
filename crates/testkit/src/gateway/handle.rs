//! A running gateway as tests use it. Input: the emulators' URLs. Output: a URL for the SDK, the ledger, and switches
//! for faults, latency and throttling. Listens on a free port of 127.0.0.1.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http::Method;
use tokio::net::TcpListener;

use super::conformance::Conformance;
use super::core::Core;
use super::emulator::{Emulators, Origin};
use super::fault::Faults;
use super::gaps::Gaps;
use super::interference::Interference;
use super::ledger::Ledger;
use super::options::GatewayOptions;
use super::recall::Recall;
use super::serve::{self, Server};
use super::throttle::Throttle;

/// A running gateway. Clones are handles to the same one; it stops when the last is dropped.
#[derive(Clone, Debug)]
pub struct Gateway {
    pub(super) core: Arc<Core>,
    address: SocketAddr,
    _server: Arc<Server>,
}

impl Gateway {
    /// Starts a gateway on a free port of 127.0.0.1. The emulators need not answer yet.
    pub async fn start(options: GatewayOptions) -> anyhow::Result<Self> {
        let conformance = match &options.models {
            Some(models) => Conformance::load(models)?,
            None => Conformance::default(),
        };
        let core = Arc::new(Core {
            interference: Interference::new(),
            emulators: Emulators::new(&options)?,
            recall: Recall::default(),
            gaps: Gaps::default(),
            conformance,
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("no free port for the gateway")?;
        let address = listener.local_addr()?;
        let asked = Arc::clone(&core);
        let served = serve::serve(listener, Arc::default(), move |request| {
            serve::answer(request, Arc::clone(&asked))
        });
        let server = Server(tokio::spawn(served));
        Ok(Self {
            core,
            address,
            _server: Arc::new(server),
        })
    }

    /// The URL to give the SDK as `AWS_ENDPOINT_URL`, for all services.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The record of all calls.
    pub fn ledger(&self) -> &Ledger {
        &self.core.interference.ledger
    }

    /// The faults in force.
    pub fn faults(&self) -> &Faults {
        &self.core.interference.faults
    }

    /// Makes every call wait this long before anything else happens to it. Zero, the default, takes the wait away.
    pub fn set_latency(&self, latency: Duration) {
        self.core.interference.set_latency(latency);
    }

    /// Puts these rates in force in place of the ones before, with full buckets. None, the default, lets everything pass.
    pub fn set_throttles(&self, throttles: Vec<Throttle>) {
        self.core.interference.set_throttles(throttles);
    }

    /// Forgets what reads were answered so far: a stale answer is then never older than this.
    pub fn forget_answers(&self) {
        self.core.recall.forget();
    }

    /// Gives the gateway the keys with which an issuer signs its tokens, as the API server publishes them under `/openid/v1/jwks`.
    /// Until then no web identity token of that issuer is good. Replaces the keys before.
    pub fn set_jwks(&self, issuer: &str, jwks: &str) -> anyhow::Result<()> {
        self.core
            .gaps
            .keys
            .set(issuer, jwks)
            .with_context(|| format!("the keys of {issuer} cannot be read"))
    }

    /// Makes all associations look this much older than they are, in whole seconds. Replaces the shift before.
    pub fn shift_association_times(&self, older: Duration) {
        self.core.gaps.associations.shift_times(older);
    }

    /// Sets how late STS sees new roles, trust policies and OIDC providers; at first it does at once.
    pub fn set_sts_lag(&self, lag: Duration) {
        self.core.gaps.visibility.set_lag(lag);
    }

    /// Switches EKS Auto Mode on or off in every cluster.
    pub fn set_auto_mode(&self, enabled: bool) {
        self.core.gaps.clusters.set_auto_mode(enabled);
    }

    /// Makes STS know a session that a stand-in for the Pod Identity Agent vended.
    pub fn add_pod_session(&self, access_key_id: &str, arn: &str) {
        self.core.gaps.pod_sessions.add(access_key_id, arn);
    }

    /// Makes an association look owned by an EKS add-on (docs/dev/aws-behaviour.md#add-on-ownership).
    pub fn set_association_owner(&self, association_id: &str, owner_arn: &str) {
        self.core.gaps.associations.set_owner(association_id, owner_arn);
    }

    /// Returns true if a subject has an association, or had one `lag` ago. Bypasses ledger, latency and faults:
    /// for what stands for AWS itself. Of the past it knows only what came through the gateway.
    pub async fn is_associated(&self, subject: &Subject, lag: Duration) -> anyhow::Result<bool> {
        let Subject {
            account,
            region,
            cluster,
            namespace,
            service_account,
        } = subject;
        let key = format!("{namespace}/{service_account}");
        if let Some(before) = self.core.gaps.associations.before(&key, lag) {
            return Ok(before);
        }
        let origin = Origin {
            account: account.clone(),
            region: region.clone(),
        };
        let path = format!(
            "/clusters/{cluster}/pod-identity-associations?namespace={namespace}&serviceAccount={service_account}"
        );
        let answer = self
            .core
            .emulators
            .ask_eks(&origin, Method::GET, &path, None)
            .await;
        let body = answer
            .parse_json()
            .filter(|_| answer.status.is_success())
            .with_context(|| answer.text())?;
        Ok(body.pointer("/associations/0").is_some())
    }
}

/// A ServiceAccount of a cluster.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The cluster's account, twelve digits.
    pub account: String,
    /// The cluster's region.
    pub region: String,
    /// The cluster's name.
    pub cluster: String,
    /// The ServiceAccount's namespace.
    pub namespace: String,
    /// The ServiceAccount's name.
    pub service_account: String,
}
