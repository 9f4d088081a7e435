//! The cache of facts about the cluster: the OIDC providers, the agent and its pods, and the pod identity webhook.
//! Input: reads. Output: facts that are recent enough. Does I/O only through the reads that the caller passes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use lanyard_core::class;
use lanyard_core::model::fact::Fact;
use lanyard_core::model::observed::{Agent, Provider};
use parking_lot::Mutex as SyncMutex;
use tokio::sync::Mutex;

use crate::keyed_locks::KeyedLocks;
use crate::pods::Agents;

/// A bad fact (absent, not ready or unreadable) is used for this time, so that many objects that wait for it cause one read.
const BAD_MAX_AGE: Duration = Duration::from_secs(10);

/// A fact that says whether objects can rely on a part of the cluster.
pub(crate) trait ClusterFact: Clone {
    /// True if objects can rely on it.
    fn is_good(&self) -> bool;
}

impl ClusterFact for Provider {
    fn is_good(&self) -> bool {
        true
    }
}

impl ClusterFact for Agent {
    fn is_good(&self) -> bool {
        self.ready
    }
}

impl ClusterFact for String {
    fn is_good(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct Known<T> {
    /// The start of the read.
    at: Instant,
    fact: Fact<T>,
}

impl<T: ClusterFact> Known<T> {
    fn is_good(&self) -> bool {
        self.fact.present().is_some_and(T::is_good)
    }
}

/// One cached fact. The lock is held during a read, so that concurrent reconciles share one call; reads of other facts do
/// not wait for it. A read is boxed, because futures of AWS calls are large, and `observe` holds many of them.
#[derive(Debug)]
pub(crate) struct Slot<T> {
    known: Mutex<Option<Known<T>>>,
    /// The number of times that the fact turned from bad to good.
    recoveries: AtomicU64,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self {
            known: Mutex::new(None),
            recoveries: AtomicU64::new(0),
        }
    }
}

impl<T: ClusterFact> Slot<T> {
    /// The cached fact, or the result of `read` if the cached one is too old. `fresh`: only a read that began after this
    /// call counts.
    pub(crate) async fn get(&self, max_age: Duration, fresh: bool, read: BoxFuture<'_, Fact<T>>) -> Fact<T> {
        let called = Instant::now();
        let mut slot = self.known.lock().await;
        if let Some(known) = &*slot {
            let max_age = if known.is_good() {
                max_age
            } else {
                max_age.min(BAD_MAX_AGE)
            };
            if known.at >= called || (!fresh && known.at.elapsed() < max_age) {
                return known.fact.clone();
            }
        }
        let at = Instant::now();
        let fact = read.await;
        let now = Known {
            at,
            fact: fact.clone(),
        };
        if now.is_good() && slot.as_ref().is_some_and(|known| !known.is_good()) {
            self.recoveries.fetch_add(1, Ordering::Relaxed);
        }
        *slot = Some(now);
        fact
    }

    /// The cached value. Returns `None` if it is absent, unreadable or too old.
    pub(crate) async fn present(&self, max_age: Duration) -> Option<T> {
        let slot = self.known.lock().await;
        let known = slot.as_ref().filter(|known| known.at.elapsed() < max_age)?;
        known.fact.present().cloned()
    }

    /// True if the last read found the fact bad.
    pub(crate) async fn is_bad(&self) -> bool {
        let slot = self.known.lock().await;
        slot.as_ref().is_some_and(|known| !known.is_good())
    }

    fn recoveries(&self) -> u64 {
        self.recoveries.load(Ordering::Relaxed)
    }

    pub(crate) async fn set(&self, value: T) {
        *self.known.lock().await = Some(Known {
            at: Instant::now(),
            fact: Fact::Present(value),
        });
    }

    pub(crate) async fn forget(&self) {
        *self.known.lock().await = None;
    }
}

/// The OIDC provider of an account, and the access to the account.
#[derive(Debug, Clone)]
pub(crate) struct ProviderSlot {
    pub(crate) access: class::Aws,
    pub(crate) slot: Arc<Slot<Provider>>,
}

/// The cached facts.
pub(crate) struct ClusterFacts {
    pub(crate) max_age: Duration,
    /// True if EKS Auto Mode runs the nodes, as last read.
    pub(crate) auto_mode: AtomicBool,
    /// The time of that read.
    pub(crate) auto_mode_read: Mutex<Option<Instant>>,
    /// The number of nodes with a ready agent's pod, as last shown by the watch on pods.
    pub(crate) agent_nodes: AtomicUsize,
    /// The OIDC provider of each account with roles, by ARN.
    providers: SyncMutex<HashMap<String, ProviderSlot>>,
    provider_locks: KeyedLocks<String>,
    pub(crate) agent: Slot<Agent>,
    pub(crate) agents: Mutex<Option<(Instant, Arc<Agents>)>>,
    pub(crate) webhook: Slot<String>,
}

impl ClusterFacts {
    pub(crate) fn new(max_age: Duration, auto_mode: bool) -> Self {
        Self {
            max_age,
            auto_mode: AtomicBool::new(auto_mode),
            auto_mode_read: Mutex::new(Some(Instant::now())),
            agent_nodes: AtomicUsize::new(0),
            providers: SyncMutex::default(),
            provider_locks: KeyedLocks::default(),
            agent: Slot::default(),
            agents: Mutex::new(None),
            webhook: Slot::default(),
        }
    }

    /// Clears the cache at the start of a leader term.
    pub(crate) async fn forget(&self) {
        self.providers.lock().clear();
        *self.auto_mode_read.lock().await = None;
        self.agent.forget().await;
        *self.agents.lock().await = None;
        self.webhook.forget().await;
    }

    /// The cache of a provider. The last access to its account is kept for later reads.
    pub(crate) fn provider(&self, access: &class::Aws, arn: &str) -> Arc<Slot<Provider>> {
        let mut providers = self.providers.lock();
        let known = providers.entry(arn.to_owned()).or_insert_with(|| ProviderSlot {
            access: access.clone(),
            slot: Arc::default(),
        });
        known.access.clone_from(access);
        Arc::clone(&known.slot)
    }

    /// The caches of all providers that were read, by ARN.
    pub(crate) fn providers(&self) -> Vec<(String, ProviderSlot)> {
        let providers = self.providers.lock();
        let all = providers.iter();
        all.map(|(arn, provider)| (arn.clone(), provider.clone()))
            .collect()
    }

    /// A number that changes whenever a fact turns good.
    pub(crate) fn recoveries(&self) -> u64 {
        let providers = self.providers.lock();
        let of_providers: u64 = providers
            .values()
            .map(|provider| provider.slot.recoveries())
            .sum();
        self.agent.recoveries() + self.webhook.recoveries() + of_providers
    }

    /// Drops a provider, because an AWS event reported a change of it.
    pub(crate) fn forget_provider(&self, arn: &str) {
        self.providers.lock().remove(arn);
    }

    /// The lock for writes to a provider.
    pub(crate) fn provider_lock(&self, arn: &str) -> Arc<Mutex<()>> {
        self.provider_locks.of(arn.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use futures::FutureExt;
    use futures::future::{join3, pending};
    use lanyard_core::model::fact::ReadError;

    use super::*;

    const MAX_AGE: Duration = Duration::from_secs(300);

    fn failed() -> Fact<Agent> {
        Fact::Unreadable(ReadError::Failed("no answer".to_owned()))
    }

    async fn reads(fact: &Fact<Agent>, fresh: &[bool]) -> usize {
        let (slot, count) = (Slot::default(), AtomicUsize::new(0));
        for fresh in fresh {
            let read = async {
                count.fetch_add(1, Ordering::Relaxed);
                fact.clone()
            };
            slot.get(MAX_AGE, *fresh, read.boxed()).await;
        }
        count.into_inner()
    }

    #[tokio::test]
    async fn bad_fact_is_remembered_and_fresh_read_bypasses_it() {
        let unready = Agent {
            ready: false,
            found: "none".to_owned(),
        };
        for fact in [failed(), Fact::Absent, Fact::Present(unready)] {
            assert_eq!(reads(&fact, &[false; 40]).await, 1, "{fact:?}");
            assert_eq!(reads(&fact, &[false, true, false]).await, 2, "{fact:?}");
        }
    }

    #[tokio::test]
    async fn fact_that_turns_good_for_any_reader_counts_as_recovery() {
        let slot = Slot::default();
        let good = Fact::Present(Agent {
            ready: true,
            found: "add-on".to_owned(),
        });
        for (fact, recoveries) in [(good.clone(), 0), (failed(), 0), (good.clone(), 1), (good, 1)] {
            slot.get(MAX_AGE, true, async { fact }.boxed()).await;
            assert_eq!(slot.recoveries(), recoveries);
        }
    }

    #[tokio::test]
    async fn slow_provider_does_not_delay_another() {
        let facts = ClusterFacts::new(MAX_AGE, false);
        let by = class::Aws::default();
        let (slow, other) = (facts.provider(&by, "slow"), facts.provider(&by, "other"));
        let found = Fact::Present(Provider::default());
        let waits = slow.get(MAX_AGE, false, pending().boxed());
        let answered = other.get(MAX_AGE, false, async { found.clone() }.boxed());
        tokio::select! {
            fact = answered => assert_eq!(fact, found),
            _ = waits => unreachable!("it never answers"),
        }
    }

    #[tokio::test]
    async fn concurrent_fresh_reads_share_one_call() {
        let (slot, count) = (Slot::<Agent>::default(), AtomicUsize::new(0));
        let read = || async {
            count.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            failed()
        };
        let get = || slot.get(MAX_AGE, true, read().boxed());
        join3(get(), get(), get()).await;
        // The first began before the calls of the other two.
        assert_eq!(count.into_inner(), 2);
    }
}
