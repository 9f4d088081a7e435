//! Facts of the whole cluster, remembered for a while: the OIDC provider, the agent and its nodes, the pod webhook. One
//! read serves every look.
//! Talks to AWS and the API server when what is remembered is too old; an unreadable fact is never remembered.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::DaemonSet;
use kube::api::Api;
use lanyard_core::class;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::observed::{Agent, Provider};
use tokio::sync::Mutex;

use crate::Engine;
use crate::error::EngineError;
use crate::keyed_locks::KeyedLocks;
use crate::pods::Agents;

/// The agent's DaemonSet (docs/dev/aws-behaviour.md#agent).
const AGENT_NAMESPACE: &str = "kube-system";
const AGENT_NAME: &str = "eks-pod-identity-agent";

/// What is remembered.
pub(crate) struct Shared {
    lasts: Duration,
    auto_mode: bool,
    /// One for each account that roles are in.
    providers: Mutex<HashMap<String, (Instant, Fact<Provider>)>>,
    provider_turns: KeyedLocks<String>,
    agent: Mutex<Option<(Instant, Fact<Agent>)>>,
    agents: Mutex<Option<(Instant, Arc<Agents>)>>,
    webhook: Mutex<Option<(Instant, String)>>,
}

impl Shared {
    pub(crate) fn new(lasts: Duration, auto_mode: bool) -> Self {
        Self {
            lasts,
            auto_mode,
            providers: Mutex::default(),
            provider_turns: KeyedLocks::default(),
            agent: Mutex::new(None),
            agents: Mutex::new(None),
            webhook: Mutex::new(None),
        }
    }

    /// Forgets everything: somebody asked for a fresh look.
    pub(crate) async fn forget(&self) {
        self.providers.lock().await.clear();
        *self.agent.lock().await = None;
        *self.agents.lock().await = None;
        *self.webhook.lock().await = None;
    }

    /// Forgets a provider: somebody is said to have changed it.
    async fn forget_provider(&self, arn: &str) {
        self.providers.lock().await.remove(arn);
    }

    /// The provider as it was read or written last, while that counts.
    pub(crate) async fn known_provider(&self, arn: &str) -> Option<Provider> {
        let providers = self.providers.lock().await;
        let (at, fact) = providers.get(arn)?;
        fact.present().filter(|_| at.elapsed() < self.lasts).cloned()
    }

    /// What a step of ours made of the provider.
    pub(crate) async fn provider_is(&self, arn: &str, provider: Provider) {
        let known = (Instant::now(), Fact::Present(provider));
        self.providers.lock().await.insert(arn.to_owned(), known);
    }

    /// The lock of one provider, for whoever writes to it.
    pub(crate) fn turn_of_provider(&self, arn: &str) -> Arc<Mutex<()>> {
        self.provider_turns.of(arn.to_owned())
    }
}

impl Engine {
    /// The OIDC provider. The lock is held while it is read: many looks at once are one call, sent once.
    pub async fn provider(&self, by: &class::Aws, arn: &str) -> Fact<Provider> {
        let mut known = self.shared().providers.lock().await;
        if let Some((_, fact)) = known
            .get(arn)
            .filter(|(at, _)| at.elapsed() < self.shared().lasts)
        {
            return fact.clone();
        }
        let fact = match self.aws_of_provider(by, arn).await {
            Ok(aws) => aws.without_retry().provider(arn).await,
            Err(error) => Fact::Unreadable(error.read_error()),
        };
        // Its absence is about to end, and not only by us: the replica that led before may have created it.
        match fact.present() {
            Some(_) => known.insert(arn.to_owned(), (Instant::now(), fact.clone())),
            None => known.remove(arn),
        };
        fact
    }

    /// Has the next look that needs an OIDC provider read it afresh.
    pub async fn forget_provider(&self, arn: &str) {
        self.shared().forget_provider(arn).await;
    }

    /// The agent: built in with Auto Mode, else the add-on, else the DaemonSet that somebody installed by hand.
    pub async fn agent(&self) -> Fact<Agent> {
        if self.shared().auto_mode {
            return Fact::Present(Agent {
                ready: true,
                found: "EKS Auto Mode".to_owned(),
            });
        }
        let mut slot = self.shared().agent.lock().await;
        match &*slot {
            Some((at, fact)) if at.elapsed() < self.shared().lasts => return fact.clone(),
            Some(_) | None => {}
        }
        let Some(cluster) = self.cluster().eks_name() else {
            return Fact::Absent;
        };
        let fact = match self.aws().without_retry().addon_agent(cluster).await {
            Fact::Present(agent) if agent.ready => Fact::Present(agent),
            other => better(other, self.agent_daemon_set().await),
        };
        let ready = fact.present().is_some_and(|agent| agent.ready);
        // Only good news is remembered: who waits for the agent wants to see it at once.
        *slot = ready.then(|| (Instant::now(), fact.clone()));
        fact
    }

    /// AWS's pod identity webhook, by the name of its registration. Only good news is remembered here too.
    pub async fn webhook(&self) -> Fact<String> {
        let mut slot = self.shared().webhook.lock().await;
        if let Some((_, name)) = slot.as_ref().filter(|(at, _)| at.elapsed() < self.shared().lasts) {
            return Fact::Present(name.clone());
        }
        let fact = self.registered_webhook().await;
        *slot = fact.present().map(|name| (Instant::now(), name.clone()));
        fact
    }

    /// The agent's pods, for pods on these nodes. What is remembered is good only while it says nothing against one of
    /// them: an agent that has just come is seen at once.
    pub(crate) async fn agents_on(&self, nodes: &BTreeSet<&str>) -> Result<Arc<Agents>, EngineError> {
        if nodes.is_empty() || self.auto_mode() {
            return Ok(Arc::new(Agents::new(self.auto_mode())));
        }
        let mut slot = self.shared().agents.lock().await;
        if let Some((at, known)) = &*slot
            && at.elapsed() < self.shared().lasts
            && nodes.iter().all(|node| known.serve(node))
        {
            return Ok(Arc::clone(known));
        }
        let agents = Arc::new(self.list_agents().await?);
        *slot = Some((Instant::now(), Arc::clone(&agents)));
        Ok(agents)
    }

    /// Whether EKS Auto Mode brings the agent with its nodes.
    #[must_use]
    pub fn auto_mode(&self) -> bool {
        self.shared().auto_mode
    }

    async fn agent_daemon_set(&self) -> Fact<Agent> {
        let api: Api<DaemonSet> = Api::namespaced(self.kube().clone(), AGENT_NAMESPACE);
        let what = format!("daemonsets.apps {AGENT_NAMESPACE}/{AGENT_NAME}");
        let found = match self.read("get", &what, api.get_opt(AGENT_NAME)).await {
            Ok(Some(found)) => found,
            Ok(None) => return Fact::Absent,
            Err(error) => return Fact::Unreadable(error.read_error()),
        };
        let status = found.status.unwrap_or_default();
        let (ready, wanted) = (status.number_ready, status.desired_number_scheduled);
        Fact::Present(Agent {
            // A node that joins or drains does not take the agent from the others.
            ready: ready > 0,
            found: format!("DaemonSet with {ready} of {wanted} pods ready"),
        })
    }
}

/// What two sources say together: readiness wins, then what was found, then not knowing, then absence.
fn better(addon: Fact<Agent>, daemon_set: Fact<Agent>) -> Fact<Agent> {
    match (addon, daemon_set) {
        (_, Fact::Present(agent)) if agent.ready => Fact::Present(agent),
        (Fact::Present(addon), _) => Fact::Present(addon),
        (_, Fact::Present(daemon_set)) => Fact::Present(daemon_set),
        (Fact::Unreadable(why), _) | (_, Fact::Unreadable(why)) => {
            Fact::Unreadable::<Agent>(ReadError::clone(&why))
        }
        (Fact::Absent, Fact::Absent) => Fact::Absent,
    }
}
