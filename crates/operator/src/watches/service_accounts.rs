//! The watch on ServiceAccounts: reports objects whose ServiceAccount was created, deleted or changed by another writer.
//! ServiceAccount metadata in; references to reconcile out. Reads from the API server.

use std::collections::HashMap;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::Api;
use kube::core::PartialObjectMeta;
use kube_runtime::watcher::Event;
use lanyard_engine::fingerprint;

use crate::identity::{Context, IdentityRef};
use crate::watched::{paged, watched};

/// References to objects whose ServiceAccount was created, deleted, or had its annotations changed by another writer.
pub fn service_accounts(context: &Arc<Context>) -> impl Stream<Item = IdentityRef> + Send + 'static {
    let api: Api<PartialObjectMeta<ServiceAccount>> = Api::all(context.engine.kube().clone());
    let mut index = ServiceAccountIndex::default();
    let context = Arc::clone(context);
    let events = watched(api, paged(), "serviceaccounts", &context.watch_health);
    let changes = events.map(move |event| {
        let changes = event.map(|event| index.apply(event)).unwrap_or_default();
        let changes: Vec<IdentityRef> = changes
            .into_iter()
            .filter(|change| is_foreign_change(&context, change))
            .map(|change| change.reference)
            .collect();
        changes
            .iter()
            .for_each(|reference| context.drop_settled(reference));
        changes
    });
    changes.flat_map(futures::stream::iter)
}

/// True if an object exists for the ServiceAccount and the change is not one of the operator's own writes.
fn is_foreign_change(context: &Context, change: &Change) -> bool {
    let Some(object) = context.store.get(&change.reference) else {
        return false;
    };
    let Some(decoded) = object.decode(&context.engine.cluster().identity) else {
        return false;
    };
    let is_own_write = |fingerprint| {
        context
            .engine
            .wrote_annotations(&decoded.target.subject, fingerprint)
    };
    !change.fingerprint.is_some_and(is_own_write)
}

/// A ServiceAccount that was created, changed or deleted.
#[derive(Debug, PartialEq, Eq)]
pub struct Change {
    /// Namespace and name of the ServiceAccount, and so of its object.
    pub reference: IdentityRef,
    /// The fingerprint of its annotations. `None` if it was deleted.
    pub fingerprint: Option<u64>,
}

/// A fingerprint of the annotations of each ServiceAccount.
#[derive(Debug, Default)]
pub struct ServiceAccountIndex {
    fingerprints: HashMap<IdentityRef, u64>,
    /// The fingerprints of a list that is not yet complete.
    listing: Option<HashMap<IdentityRef, u64>>,
    /// True if a list was completed. The first list reports no changes, because each term begins with a drift scan.
    complete: bool,
}

impl ServiceAccountIndex {
    /// Records a watch event and returns the changes. A repeated list is compared with the index, so changes and
    /// deletions during an interrupted watch are reported too.
    pub fn apply(&mut self, event: Event<PartialObjectMeta<ServiceAccount>>) -> Vec<Change> {
        match event {
            Event::Init => self.listing = Some(HashMap::new()),
            Event::InitApply(account) => {
                if let (Some(listing), Some(reference)) = (&mut self.listing, reference(&account)) {
                    listing.insert(reference, fingerprint_of(&account));
                }
            }
            Event::InitDone => return self.replace(),
            Event::Apply(account) => {
                let Some(reference) = reference(&account) else {
                    return Vec::new();
                };
                let fingerprint = fingerprint_of(&account);
                let previous = self.fingerprints.insert(reference.clone(), fingerprint);
                return change_if(previous != Some(fingerprint), reference, Some(fingerprint));
            }
            Event::Delete(account) => {
                let Some(reference) = reference(&account) else {
                    return Vec::new();
                };
                let known = self.fingerprints.remove(&reference).is_some();
                return change_if(known, reference, None);
            }
        }
        Vec::new()
    }

    fn replace(&mut self) -> Vec<Change> {
        let current = self.listing.take().unwrap_or_default();
        let previous = std::mem::replace(&mut self.fingerprints, current);
        if !std::mem::replace(&mut self.complete, true) {
            return Vec::new();
        }
        let deleted = previous
            .keys()
            .filter(|reference| !self.fingerprints.contains_key(*reference));
        let deleted = deleted.map(|reference| Change {
            reference: reference.clone(),
            fingerprint: None,
        });
        let changed = self
            .fingerprints
            .iter()
            .filter(|(reference, fingerprint)| previous.get(*reference) != Some(*fingerprint));
        let changed = changed.map(|(reference, fingerprint)| Change {
            reference: reference.clone(),
            fingerprint: Some(*fingerprint),
        });
        deleted.chain(changed).collect()
    }
}

fn change_if(changed: bool, reference: IdentityRef, fingerprint: Option<u64>) -> Vec<Change> {
    let change = Change {
        reference,
        fingerprint,
    };
    changed.then_some(change).into_iter().collect()
}

fn reference(account: &PartialObjectMeta<ServiceAccount>) -> Option<IdentityRef> {
    let namespace = account.metadata.namespace.as_deref()?;
    Some(IdentityRef::new(account.metadata.name.as_deref()?).within(namespace))
}

fn fingerprint_of(account: &PartialObjectMeta<ServiceAccount>) -> u64 {
    fingerprint(account.metadata.annotations.iter().flatten())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn account(name: &str, role: &str) -> PartialObjectMeta<ServiceAccount> {
        let annotations = json!({"eks.amazonaws.com/role-arn": role});
        serde_json::from_value(json!({
            "apiVersion": "meta.k8s.io/v1",
            "kind": "PartialObjectMetadata",
            "metadata": {"name": name, "namespace": "shop", "annotations": annotations},
        }))
        .unwrap()
    }

    fn list(index: &mut ServiceAccountIndex, accounts: &[(&str, &str)]) -> Vec<String> {
        let mut changes = index.apply(Event::Init);
        for (name, role) in accounts {
            changes.extend(index.apply(Event::InitApply(account(name, role))));
        }
        changes.extend(index.apply(Event::InitDone));
        names(changes)
    }

    fn names(changes: Vec<Change>) -> Vec<String> {
        let mut names: Vec<String> = changes
            .into_iter()
            .map(|change| {
                let deleted = if change.fingerprint.is_none() { "-" } else { "" };
                format!("{deleted}{}", change.reference.name)
            })
            .collect();
        names.sort();
        names
    }

    #[test]
    fn first_list_reports_no_changes() {
        let mut index = ServiceAccountIndex::default();
        assert!(list(&mut index, &[("a", "1"), ("b", "1")]).is_empty());
    }

    #[test]
    fn repeated_list_reports_missed_changes() {
        let mut index = ServiceAccountIndex::default();
        list(&mut index, &[("changed", "1"), ("deleted", "1"), ("same", "1")]);
        let changes = list(&mut index, &[("added", "1"), ("changed", "2"), ("same", "1")]);
        assert_eq!(changes, ["-deleted", "added", "changed"]);
    }

    #[test]
    fn event_reports_only_changed_annotations() {
        let mut index = ServiceAccountIndex::default();
        list(&mut index, &[("a", "1")]);
        let mut apply = |event| names(index.apply(event));
        assert!(apply(Event::Apply(account("a", "1"))).is_empty());
        assert_eq!(apply(Event::Apply(account("a", "2"))), ["a"]);
        assert_eq!(apply(Event::Delete(account("a", "2"))), ["-a"]);
        assert!(apply(Event::Delete(account("a", "2"))).is_empty());
    }
}
