//! Facts about the cluster: the OIDC provider, the agent and its pods, and the pod identity webhook. One read serves all
//! reconciles. Input: an account or nodes. Output: facts. Does I/O if the cached fact is too old. Bad facts are cached
//! for seconds.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use futures::FutureExt;
use k8s_openapi::api::apps::v1::DaemonSet;
use kube::api::Api;
use lanyard_core::class;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::observed::{Agent, Provider};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::pods::{AGENT_DAEMON_SETS, AGENT_NAMESPACE, Agents};

impl Engine {
    /// The OIDC provider.
    pub async fn provider(&self, by: &class::Aws, arn: &str) -> Fact<Provider> {
        self.provider_at(by, arn, false).await
    }

    /// The OIDC provider. `fresh`: not from the cache.
    pub(crate) async fn provider_at(&self, by: &class::Aws, arn: &str, fresh: bool) -> Fact<Provider> {
        let slot = self.cluster_facts().provider(by, arn);
        let read = async {
            match self.aws_of_provider(by, arn).await {
                Ok(aws) => aws.without_retry().provider(arn).await,
                Err(error) => Fact::Unreadable(error.read_error()),
            }
        };
        slot.get(self.cluster_facts().max_age, fresh, read.boxed()).await
    }

    /// Makes the next reconcile that needs a provider read it.
    pub fn forget_provider(&self, arn: &str) {
        self.cluster_facts().forget_provider(arn);
    }

    /// The agent: built into Auto Mode nodes, otherwise the add-on, otherwise a DaemonSet of the add-on's names, otherwise
    /// pods with the agent's image or port.
    pub async fn agent(&self) -> Fact<Agent> {
        self.agent_at(false).await
    }

    /// The agent. `fresh`: not from the cache.
    pub(crate) async fn agent_at(&self, fresh: bool) -> Fact<Agent> {
        if self.auto_mode_at(fresh).await {
            return Fact::Present(Agent {
                ready: true,
                found: "EKS Auto Mode".to_owned(),
            });
        }
        let Some(cluster) = self.cluster().eks_name() else {
            return Fact::Absent;
        };
        let read = async {
            match self.aws().without_retry().addon_agent(cluster).await {
                Fact::Present(agent) if agent.ready => Fact::Present(agent),
                other => better(other, self.agent_without_add_on().await),
            }
        };
        let max_age = self.cluster_facts().max_age;
        self.cluster_facts().agent.get(max_age, fresh, read.boxed()).await
    }

    async fn agent_without_add_on(&self) -> Fact<Agent> {
        let mut found = Fact::Absent;
        for name in AGENT_DAEMON_SETS {
            found = better(found, self.agent_daemon_set(name).await);
            if found.present().is_some_and(|agent| agent.ready) {
                return found;
            }
        }
        match self.cluster_facts().agent_nodes.load(Ordering::Relaxed) {
            0 => found,
            nodes => Fact::Present(Agent {
                ready: true,
                found: format!("pods of the agent ready on {nodes} nodes"),
            }),
        }
    }

    /// Sets the number of nodes with a ready agent's pod, as shown by the watch on pods.
    pub fn set_agent_nodes(&self, nodes: usize) {
        self.cluster_facts().agent_nodes.store(nodes, Ordering::Relaxed);
    }

    /// The name of the pod identity webhook's configuration.
    pub async fn webhook(&self) -> Fact<String> {
        self.webhook_at(false).await
    }

    /// The name of the pod identity webhook's configuration. `fresh`: not from the cache.
    pub(crate) async fn webhook_at(&self, fresh: bool) -> Fact<String> {
        let max_age = self.cluster_facts().max_age;
        let read = self.registered_webhook();
        self.cluster_facts()
            .webhook
            .get(max_age, fresh, read.boxed())
            .await
    }

    /// Reads the facts again that were bad when they were last read. Returns a number that differs from that of the last
    /// call if a fact turned good since, for whichever reader.
    pub async fn reread_bad_cluster_facts(&self) -> u64 {
        let facts = self.cluster_facts();
        if facts.agent.is_bad().await {
            self.agent_at(true).await;
        }
        if facts.webhook.is_bad().await {
            self.webhook_at(true).await;
        }
        for (arn, provider) in facts.providers() {
            if provider.slot.is_bad().await {
                self.provider_at(&provider.access, &arn, true).await;
            }
        }
        facts.recoveries()
    }

    /// The pods of the agent, for pods on these nodes. The cache is used only while it lists a ready agent on
    /// every node, so that a new agent is seen at once.
    pub(crate) async fn agents_on(&self, nodes: &BTreeSet<&str>) -> Result<Arc<Agents>, EngineError> {
        if nodes.is_empty() {
            return Ok(Arc::default());
        }
        let mut slot = self.cluster_facts().agents.lock().await;
        if let Some((at, known)) = &*slot
            && at.elapsed() < self.cluster_facts().max_age
            && nodes.iter().all(|node| known.serve(node))
        {
            return Ok(Arc::clone(known));
        }
        let agents = Arc::new(self.list_agents(nodes).await?);
        *slot = Some((Instant::now(), Arc::clone(&agents)));
        Ok(agents)
    }

    /// Returns true if EKS Auto Mode includes the agent in its nodes. A failed read keeps the last value. Users can switch
    /// it on and off.
    pub async fn auto_mode(&self) -> bool {
        self.auto_mode_at(false).await
    }

    /// As [`Self::auto_mode`]. `fresh`: not from the cache.
    async fn auto_mode_at(&self, fresh: bool) -> bool {
        let Some(cluster) = self.cluster().eks_name() else {
            return false;
        };
        let mut read = self.cluster_facts().auto_mode_read.lock().await;
        let max_age = self.cluster_facts().max_age;
        if !fresh && read.is_some_and(|at| at.elapsed() < max_age) {
            return self.known_auto_mode();
        }
        match self.aws().without_retry().auto_mode(cluster).await {
            Ok(auto_mode) => self.cluster_facts().auto_mode.store(auto_mode, Ordering::Relaxed),
            Err(error) => tracing::warn!(%error, "could not read if the cluster is in EKS Auto Mode"),
        }
        *read = Some(Instant::now());
        self.known_auto_mode()
    }

    /// Returns true if EKS Auto Mode includes the agent in its nodes, as last read. Does no I/O.
    #[must_use]
    pub fn known_auto_mode(&self) -> bool {
        self.cluster_facts().auto_mode.load(Ordering::Relaxed)
    }

    async fn agent_daemon_set(&self, name: &str) -> Fact<Agent> {
        let api: Api<DaemonSet> = Api::namespaced(self.kube().clone(), AGENT_NAMESPACE);
        let what = format!("daemonsets.apps {AGENT_NAMESPACE}/{name}");
        let daemon_set = match self.read("get", &what, api.get_opt(name)).await {
            Ok(Some(daemon_set)) => daemon_set,
            Ok(None) => return Fact::Absent,
            Err(error) => return Fact::Unreadable(error.read_error()),
        };
        let status = daemon_set.status.unwrap_or_default();
        let (ready, desired) = (status.number_ready, status.desired_number_scheduled);
        Fact::Present(Agent {
            // A joining or draining node does not affect the agent on other nodes.
            ready: ready > 0,
            found: format!("DaemonSet with {ready} of {desired} pods ready"),
        })
    }
}

/// Combines two sources. A ready agent is preferred, then any agent, then an unreadable source, then absence.
fn better(addon: Fact<Agent>, daemon_set: Fact<Agent>) -> Fact<Agent> {
    match (addon, daemon_set) {
        (_, Fact::Present(agent)) if agent.ready => Fact::Present(agent),
        (Fact::Present(addon), _) => Fact::Present(addon),
        (_, Fact::Present(daemon_set)) => Fact::Present(daemon_set),
        (Fact::Unreadable(error), _) | (_, Fact::Unreadable(error)) => {
            Fact::Unreadable::<Agent>(ReadError::clone(&error))
        }
        (Fact::Absent, Fact::Absent) => Fact::Absent,
    }
}
