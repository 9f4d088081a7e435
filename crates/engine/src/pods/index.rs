//! The pods of the cluster, folded: of each only whose it is, what it carries, what restarts it and where it runs.
//! Pods from a watch in, holders of a subject out; no I/O. The watch that feeds it is the operator's.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::pods::PodList;

use super::SubjectKey;
use super::places::Agents;
use super::reading::{Read, read};

/// All pods of the cluster that are not terminal, by uid.
#[derive(Debug, Default)]
pub struct PodIndex {
    pods: HashMap<Arc<str>, Read<Arc<str>>>,
    by_subject: BTreeMap<SubjectKey, BTreeSet<Arc<str>>>,
    agents: Agents,
    words: Words,
    /// The uids seen since a list began; what is missing from it at its end is gone.
    listing: Option<HashSet<Arc<str>>>,
    /// Whether a list has ever come to its end: before, nobody knows what is missing.
    complete: bool,
}

impl PodIndex {
    /// An empty fold. `auto_mode`: the cluster's nodes may have the agent built in, which no pod shows.
    #[must_use]
    pub fn new(auto_mode: bool) -> Self {
        Self {
            agents: Agents::new(auto_mode),
            ..Self::default()
        }
    }

    /// A list of all pods begins.
    pub fn list_begins(&mut self) {
        self.listing = Some(HashSet::new());
    }

    /// The list is at its end: pods that were not in it are gone. Returns the subjects that lost one.
    pub fn list_ends(&mut self) -> Vec<SubjectKey> {
        self.complete = true;
        let Some(seen) = self.listing.take() else {
            return Vec::new();
        };
        let gone: Vec<Arc<str>> = self
            .pods
            .keys()
            .filter(|uid| !seen.contains(*uid))
            .cloned()
            .collect();
        gone.iter().filter_map(|uid| self.remove(uid)).collect()
    }

    /// A pod is there or has changed. Returns its subject when what it counts for has changed; that it came to a
    /// node is kept and wakes nobody.
    pub fn upsert(&mut self, pod: &Pod) -> Option<SubjectKey> {
        let uid = pod.metadata.uid.as_deref()?;
        let known = self.pods.get_key_value(uid).map(|(known, _)| Arc::clone(known));
        let uid = known.unwrap_or_else(|| uid.into());
        if let Some(listing) = &mut self.listing {
            listing.insert(Arc::clone(&uid));
        }
        let Some(read) = read(pod) else {
            return self.remove(&uid);
        };
        let read = read.map(|word| self.words.share(word));
        if read.agent {
            self.agents.set(&uid, read.node.as_ref(), read.ready);
        }
        if let Some(before) = self.pods.get_mut(&uid)
            && before.counts_as(&read)
        {
            *before = read;
            return None;
        }
        Some(self.insert(uid, read))
    }

    fn insert(&mut self, uid: Arc<str>, pod: Read<Arc<str>>) -> SubjectKey {
        let subject = key(&pod);
        if let Some(before) = self.pods.insert(Arc::clone(&uid), pod) {
            self.unlist(&key(&before), &uid);
        }
        self.by_subject.entry(subject.clone()).or_default().insert(uid);
        subject
    }

    /// A pod is gone. Returns its subject.
    pub fn delete(&mut self, pod: &Pod) -> Option<SubjectKey> {
        self.remove(pod.metadata.uid.as_deref()?)
    }

    fn remove(&mut self, uid: &str) -> Option<SubjectKey> {
        self.agents.remove(uid);
        let subject = key(&self.pods.remove(uid)?);
        self.unlist(&subject, uid);
        Some(subject)
    }

    fn unlist(&mut self, subject: &SubjectKey, uid: &str) {
        if let Some(uids) = self.by_subject.get_mut(subject) {
            uids.remove(uid);
            if uids.is_empty() {
                self.by_subject.remove(subject);
            }
        }
    }

    /// Whether a list of all pods has ever come to its end.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// The holders of a subject as a fact, as the watch last showed them: unknown until a first list of all pods has
    /// come to its end.
    #[must_use]
    pub fn counted(&self, namespace: &str, service_account: &str) -> Fact<PodList> {
        if !self.complete {
            return Fact::Unreadable(ReadError::NotRead);
        }
        let key: SubjectKey = (namespace.into(), service_account.into());
        let uids = self.by_subject.get(&key).into_iter().flatten();
        let pods = uids
            .filter_map(|uid| self.pods.get(uid))
            .map(|pod| pod.pod(&self.agents));
        Fact::Present(PodList {
            items: pods.collect(),
            fresh: false,
        })
    }
}

fn key(pod: &Read<Arc<str>>) -> SubjectKey {
    (Arc::clone(&pod.namespace), Arc::clone(&pod.service_account))
}

/// The words of all pods, each kept once: thousands of pods share a few namespaces, roles, owners and nodes.
#[derive(Debug, Default)]
struct Words {
    known: HashSet<Arc<str>>,
    /// At this many, those that no pod uses any more are dropped.
    full: usize,
}

impl Words {
    /// So few are never worth looking through.
    const FEW: usize = 1024;

    fn share(&mut self, word: &str) -> Arc<str> {
        if let Some(known) = self.known.get(word) {
            return Arc::clone(known);
        }
        if self.known.len() >= self.full.max(Self::FEW) {
            self.known.retain(|known| Arc::strong_count(known) > 1);
            self.full = self.known.len() * 2;
        }
        let word: Arc<str> = word.into();
        self.known.insert(Arc::clone(&word));
        word
    }
}

#[cfg(test)]
mod tests {
    use lanyard_core::model::pods::{Credential, Place};
    use serde_json::json;

    use super::super::reading::Held;
    use super::super::testing::{IRSA, POD_IDENTITY, pod, pod_of};
    use super::*;

    /// A fold that has seen its first list.
    fn fold() -> PodIndex {
        let mut fold = PodIndex::default();
        fold.list_begins();
        fold.list_ends();
        fold
    }

    fn carried(fold: &PodIndex) -> Vec<Credential> {
        let pods = fold.counted("shop", "orders");
        let pods = &pods.present().unwrap().items;
        let carried = pods.iter().flat_map(|pod| &pod.credentials);
        carried.cloned().collect()
    }

    #[test]
    fn nobody_knows_the_holders_before_the_first_list_ends() {
        let mut fold = PodIndex::default();
        fold.list_begins();
        fold.upsert(&pod("a", IRSA));
        assert_eq!(
            fold.counted("shop", "orders"),
            Fact::Unreadable(ReadError::NotRead)
        );
        fold.list_ends();
        let counted = fold.counted("shop", "orders");
        assert_eq!(
            counted.present().map(|pods| (pods.total(), pods.fresh)),
            Some((1, false))
        );
        assert_eq!(
            fold.counted("shop", "other").present().map(PodList::total),
            Some(0)
        );
    }

    #[test]
    fn a_pod_that_a_new_list_does_not_hold_is_gone() {
        let mut fold = fold();
        fold.upsert(&pod("a", &[]));
        fold.list_begins();
        fold.upsert(&pod("b", POD_IDENTITY));
        assert_eq!(fold.list_ends().len(), 1);
        assert_eq!(carried(&fold), [Credential::PodIdentity]);
    }

    #[test]
    fn a_finished_pod_holds_nothing() {
        let mut fold = fold();
        fold.upsert(&pod("a", POD_IDENTITY));
        let done = pod_of(json!({"metadata": {"uid": "a"}, "status": {"phase": "Succeeded"}}));
        assert!(fold.upsert(&done).is_some());
        assert!(carried(&fold).is_empty());
        assert_eq!(fold.upsert(&done), None);
    }

    #[test]
    fn only_what_counts_wakes_somebody() {
        let mut fold = fold();
        assert!(fold.upsert(&pod("a", &[])).is_some());
        let ready = json!({"spec": {"nodeName": "n"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        assert_eq!(fold.upsert(&pod_of(ready)), None);
        assert!(fold.upsert(&pod("a", IRSA)).is_some());
        let adopted =
            json!([{"apiVersion": "v1", "kind": "Job", "name": "j", "uid": "1", "controller": true}]);
        let mut owned = pod("a", IRSA);
        owned.metadata.owner_references = serde_json::from_value(adopted).unwrap();
        assert!(fold.upsert(&owned).is_some());
        assert!(fold.delete(&owned).is_some());
        assert!(carried(&fold).is_empty());
    }

    #[test]
    fn the_agents_pods_say_which_nodes_are_served() {
        let mut fold = fold();
        let agent = |uid: &str, node: &str, ready: &str| {
            pod_of(json!({
                "metadata": {"uid": uid, "namespace": "kube-system", "labels": {"app.kubernetes.io/name": "eks-pod-identity-agent"}},
                "spec": {"nodeName": node},
                "status": {"conditions": [{"type": "Ready", "status": ready}]},
            }))
        };
        fold.upsert(&pod_of(
            json!({"metadata": {"uid": "a"}, "spec": {"nodeName": "one"}}),
        ));
        let place = |fold: &PodIndex| fold.counted("shop", "orders").present().unwrap().items[0].place;
        assert_eq!(place(&fold), Place::Reached);
        fold.upsert(&agent("x", "two", "True"));
        fold.upsert(&agent("y", "one", "False"));
        assert_eq!(place(&fold), Place::WithoutAgent);
        assert_eq!(fold.upsert(&agent("y", "one", "True")), None);
        assert_eq!(place(&fold), Place::Reached);
        fold.delete(&agent("y", "one", "True"));
        assert_eq!(place(&fold), Place::WithoutAgent);
        fold.delete(&agent("x", "two", "True"));
        assert_eq!(place(&fold), Place::Reached);
    }

    #[test]
    fn words_are_kept_once_and_not_for_ever() {
        let mut words = Words::default();
        let kept = words.share("arn:r");
        assert!(Arc::ptr_eq(&kept, &words.share("arn:r")));
        for number in 0..Words::FEW * 3 {
            words.share(&format!("word-{number}"));
        }
        assert!(words.known.len() <= Words::FEW, "{}", words.known.len());
        assert!(Arc::ptr_eq(&kept, &words.share("arn:r")));
    }

    #[test]
    fn a_folded_pod_is_small() {
        // 30,000 pods: under 10 MB with their uids and the maps around them.
        let carried = size_of::<Held<Arc<str>>>();
        let pod = size_of::<Read<Arc<str>>>() + carried;
        assert!(pod <= 192, "{pod}");
    }
}
