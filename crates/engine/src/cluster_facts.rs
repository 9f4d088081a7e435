//! The cache of facts about the cluster: the OIDC providers, the agent and its pods, and the pod identity webhook.
//! Input: facts that were read. Output: facts that are recent enough. No I/O.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lanyard_core::model::fact::Fact;
use lanyard_core::model::observed::{Agent, Provider};
use tokio::sync::Mutex;

use crate::keyed_locks::KeyedLocks;
use crate::pods::Agents;

/// The cached facts.
pub(crate) struct ClusterFacts {
    pub(crate) max_age: Duration,
    pub(crate) auto_mode: bool,
    /// The OIDC provider of each account with roles, by ARN.
    pub(crate) providers: Mutex<HashMap<String, (Instant, Fact<Provider>)>>,
    provider_locks: KeyedLocks<String>,
    pub(crate) agent: Mutex<Option<(Instant, Fact<Agent>)>>,
    pub(crate) agents: Mutex<Option<(Instant, Arc<Agents>)>>,
    pub(crate) webhook: Mutex<Option<(Instant, String)>>,
}

impl ClusterFacts {
    pub(crate) fn new(max_age: Duration, auto_mode: bool) -> Self {
        Self {
            max_age,
            auto_mode,
            providers: Mutex::default(),
            provider_locks: KeyedLocks::default(),
            agent: Mutex::new(None),
            agents: Mutex::new(None),
            webhook: Mutex::new(None),
        }
    }

    /// Clears the cache, because a fresh reconcile was requested.
    pub(crate) async fn forget(&self) {
        self.providers.lock().await.clear();
        *self.agent.lock().await = None;
        *self.agents.lock().await = None;
        *self.webhook.lock().await = None;
    }

    /// Drops a provider, because an AWS event reported a change of it.
    pub(crate) async fn forget_provider(&self, arn: &str) {
        self.providers.lock().await.remove(arn);
    }

    /// Returns the cached provider, or `None` if it is absent or too old.
    pub(crate) async fn known_provider(&self, arn: &str) -> Option<Provider> {
        let providers = self.providers.lock().await;
        let (at, fact) = providers.get(arn)?;
        fact.present().filter(|_| at.elapsed() < self.max_age).cloned()
    }

    /// Caches the provider as written by a step.
    pub(crate) async fn set_provider(&self, arn: &str, provider: Provider) {
        let known = (Instant::now(), Fact::Present(provider));
        self.providers.lock().await.insert(arn.to_owned(), known);
    }

    /// The lock for writes to a provider.
    pub(crate) fn provider_lock(&self, arn: &str) -> Arc<Mutex<()>> {
        self.provider_locks.of(arn.to_owned())
    }
}
