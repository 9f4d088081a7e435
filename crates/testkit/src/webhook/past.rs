//! Past annotations of ServiceAccounts with their times, for a webhook that sees changes late.
//! Input: a watch of ServiceAccounts, and an age. Output: the annotations at that time. Network I/O.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, ResourceExt as _};

type Account = PartialObjectMeta<ServiceAccount>;
type Annotations = BTreeMap<String, String>;

/// The past of every ServiceAccount. Clones share one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Past(Arc<Mutex<HashMap<(String, String), History>>>);

/// The values of a ServiceAccount's annotations over time; `None` while it did not exist.
#[derive(Debug, Default)]
struct History {
    /// Before the watch began.
    first: Option<Annotations>,
    changes: Vec<(Instant, Option<Annotations>)>,
}

impl History {
    fn last(&self) -> Option<&Annotations> {
        let changed = self.changes.last().map(|(_, value)| value);
        changed.unwrap_or(&self.first).as_ref()
    }

    fn before(&self, ago: Duration) -> Option<&Annotations> {
        let mut old = self.changes.iter().rev().filter(|(at, _)| at.elapsed() >= ago);
        old.next().map_or(&self.first, |(_, value)| value).as_ref()
    }
}

impl Past {
    /// Reads the existing ServiceAccounts, and returns a future that records every change until it is dropped.
    pub async fn begin(&self, client: &Client) -> Result<impl Future<Output = ()> + Send + 'static> {
        let api: Api<Account> = Api::all(client.clone());
        let mut events = watcher(api, watcher::Config::default()).default_backoff().boxed();
        while let Some(event) = events.try_next().await? {
            match event {
                Event::InitApply(account) => self.begins(&account),
                Event::InitDone => return Ok(self.clone().follow(events)),
                Event::Init | Event::Apply(_) | Event::Delete(_) => {}
            }
        }
        Err(anyhow::anyhow!("the watch ended")).context("listing ServiceAccounts")
    }

    async fn follow(self, mut events: impl Stream<Item = watcher::Result<Event<Account>>> + Unpin) {
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Apply(account) | Event::InitApply(account)) => {
                    let annotations = account.annotations().clone();
                    self.turns(&account, Some(annotations));
                }
                Ok(Event::Delete(account)) => self.turns(&account, None),
                Ok(Event::Init | Event::InitDone) => {}
                Err(why) => tracing::warn!(%why, "the webhook's watch of ServiceAccounts broke off"),
            }
        }
    }

    fn begins(&self, account: &Account) {
        let first = Some(account.annotations().clone());
        let changes = Vec::new();
        self.with(|known| known.insert(key(account), History { first, changes }));
    }

    fn turns(&self, account: &Account, now: Option<Annotations>) {
        self.with(|known| {
            let history = known.entry(key(account)).or_default();
            if history.last() != now.as_ref() {
                history.changes.push((Instant::now(), now));
            }
        });
    }

    /// The annotations of a ServiceAccount at that time. Returns `None` if it did not exist.
    pub fn annotations(&self, namespace: &str, name: &str, ago: Duration) -> Option<Annotations> {
        let key = (namespace.to_owned(), name.to_owned());
        self.with(|known| known.get(&key)?.before(ago).cloned())
    }

    fn with<T>(&self, part: impl FnOnce(&mut HashMap<(String, String), History>) -> T) -> T {
        part(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn key(account: &Account) -> (String, String) {
    (account.namespace().unwrap_or_default(), account.name_any())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn account(role: &str) -> Account {
        let annotations = json!({"role": role});
        let metadata = json!({"name": "orders", "namespace": "shop", "annotations": annotations});
        serde_json::from_value(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}))
            .unwrap()
    }

    fn role(past: &Past, ago: Duration) -> Option<String> {
        past.annotations("shop", "orders", ago)?.remove("role")
    }

    #[test]
    fn previous_version_is_known_after_a_change() {
        let past = Past::default();
        past.begins(&account("a"));
        assert_eq!(role(&past, HOUR).as_deref(), Some("a"));
        past.turns(&account("b"), Some(account("b").annotations().clone()));
        assert_eq!(role(&past, HOUR).as_deref(), Some("a"));
        assert_eq!(role(&past, Duration::ZERO).as_deref(), Some("b"));
        past.turns(&account("b"), None);
        assert_eq!(role(&past, Duration::ZERO), None);
    }

    #[test]
    fn new_object_has_no_previous_version() {
        let past = Past::default();
        past.turns(&account("a"), Some(account("a").annotations().clone()));
        assert_eq!(role(&past, HOUR), None);
        assert_eq!(role(&past, Duration::ZERO).as_deref(), Some("a"));
    }
}
