//! An index of all pods of the cluster: for each pod only its subject, credentials, owner and node. Input: pods
//! of a watch. Output: the pods of a subject. No I/O; the operator runs the watch.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::pods::PodList;

use super::places::Agents;
use super::reading::PodFacts;
use super::record::PodRecord;

/// The namespace and name of a ServiceAccount.
pub type SubjectKey = (Arc<str>, Arc<str>);

/// All non-terminal pods of the cluster, by uid.
#[derive(Debug, Default)]
pub struct PodIndex {
    pods: HashMap<Arc<str>, PodFacts<Arc<str>>>,
    by_subject: BTreeMap<SubjectKey, BTreeSet<Arc<str>>>,
    agents: Agents,
    strings: StringPool,
    /// The uids seen since a list began. At its end, all other pods are removed.
    listing: Option<HashSet<Arc<str>>>,
    /// True if a list was ever completed. Before that, the pods of a subject are unknown.
    complete: bool,
}

impl PodIndex {
    /// Starts a list of all pods.
    pub fn list_begins(&mut self) {
        self.listing = Some(HashSet::new());
    }

    /// Completes the list and removes the pods that it did not contain. Returns the subjects that lost a pod.
    pub fn list_ends(&mut self) -> Vec<SubjectKey> {
        self.complete = true;
        let Some(seen) = self.listing.take() else {
            return Vec::new();
        };
        let removed: Vec<Arc<str>> = self
            .pods
            .keys()
            .filter(|uid| !seen.contains(*uid))
            .cloned()
            .collect();
        removed.iter().flat_map(|uid| self.remove(uid)).collect()
    }

    /// Adds or updates a pod. Returns the subjects whose credentials, owners or places changed: its own, and those of a
    /// node whose agent became ready or unready.
    pub fn upsert(&mut self, pod: PodRecord) -> Vec<SubjectKey> {
        let Some(uid) = pod.uid() else {
            return Vec::new();
        };
        let known = self.pods.get_key_value(uid).map(|(known, _)| Arc::clone(known));
        let uid = known.unwrap_or_else(|| uid.into());
        if let Some(listing) = &mut self.listing {
            listing.insert(Arc::clone(&uid));
        }
        let Some(facts) = pod.facts else {
            return self.remove(&uid);
        };
        let facts = facts.map(|text| self.strings.share(&text));
        let mut changed = match facts.agent {
            true => self.update_agent(&uid, |agents| agents.set(&uid, facts.node.as_ref(), facts.ready)),
            false => Vec::new(),
        };
        if let Some(before) = self.pods.get_mut(&uid)
            && before.counts_as(&facts)
            && before.place(&self.agents, false) == facts.place(&self.agents, false)
        {
            *before = facts;
            return changed;
        }
        changed.push(self.insert(uid, facts));
        changed
    }

    /// Changes what is known of an agent's pod. Returns the subjects of the nodes that the change affects. A list that is
    /// in progress returns none.
    fn update_agent(&mut self, uid: &str, update: impl FnOnce(&mut Agents)) -> Vec<SubjectKey> {
        let (before, served) = (self.agents.state(uid), self.agents.ready_nodes());
        update(&mut self.agents);
        let after = self.agents.state(uid);
        if self.listing.is_some() || before == after {
            return Vec::new();
        }
        // Without any agent, no node counts as unsupported.
        let all = served == 0 || self.agents.ready_nodes() == 0;
        let nodes = [before.flatten(), after.flatten()];
        let is_on = |pod: &&PodFacts<Arc<str>>| pod.node.is_some() && (all || nodes.contains(&pod.node));
        let mut subjects: Vec<SubjectKey> = self.pods.values().filter(is_on).map(key).collect();
        subjects.sort();
        subjects.dedup();
        subjects
    }

    /// The number of nodes with a ready agent, whatever installed it.
    #[must_use]
    pub fn agent_nodes(&self) -> usize {
        self.agents.ready_nodes()
    }

    fn insert(&mut self, uid: Arc<str>, pod: PodFacts<Arc<str>>) -> SubjectKey {
        let subject = key(&pod);
        if let Some(before) = self.pods.insert(Arc::clone(&uid), pod) {
            self.unlist(&key(&before), &uid);
        }
        self.by_subject.entry(subject.clone()).or_default().insert(uid);
        subject
    }

    /// Removes a pod. Returns the subjects that it affects.
    pub fn delete(&mut self, pod: &PodRecord) -> Vec<SubjectKey> {
        let uid = pod.uid();
        uid.map(|uid| self.remove(uid)).unwrap_or_default()
    }

    fn remove(&mut self, uid: &str) -> Vec<SubjectKey> {
        let mut changed = self.update_agent(uid, |agents| agents.remove(uid));
        if let Some(pod) = self.pods.remove(uid) {
            let subject = key(&pod);
            self.unlist(&subject, uid);
            changed.push(subject);
        }
        changed
    }

    fn unlist(&mut self, subject: &SubjectKey, uid: &str) {
        if let Some(uids) = self.by_subject.get_mut(subject) {
            uids.remove(uid);
            if uids.is_empty() {
                self.by_subject.remove(subject);
            }
        }
    }

    /// Returns true if a list of all pods was ever completed.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// The pods of a subject as last shown by the watch. Unreadable before the first complete list. `built_in`: the nodes
    /// of EKS Auto Mode include the agent, which no pod shows.
    #[must_use]
    pub fn counted(&self, namespace: &str, service_account: &str, built_in: bool) -> Fact<PodList> {
        if !self.complete {
            return Fact::Unreadable(ReadError::NotRead);
        }
        let key: SubjectKey = (namespace.into(), service_account.into());
        let uids = self.by_subject.get(&key).into_iter().flatten();
        let pods = uids
            .filter_map(|uid| self.pods.get(uid))
            .map(|pod| pod.pod(&self.agents, built_in));
        Fact::Present(PodList {
            items: pods.collect(),
            fresh: false,
        })
    }
}

fn key(pod: &PodFacts<Arc<str>>) -> SubjectKey {
    (Arc::clone(&pod.namespace), Arc::clone(&pod.service_account))
}

/// Shared strings: thousands of pods share a few namespaces, roles, owners and nodes.
#[derive(Debug, Default)]
struct StringPool {
    known: HashSet<Arc<str>>,
    /// Size at which unused strings are dropped.
    full: usize,
}

impl StringPool {
    /// Minimum size for dropping unused strings.
    const FEW: usize = 1024;

    fn share(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.known.get(text) {
            return Arc::clone(known);
        }
        if self.known.len() >= self.full.max(Self::FEW) {
            self.known.retain(|known| Arc::strong_count(known) > 1);
            self.full = self.known.len() * 2;
        }
        let text: Arc<str> = text.into();
        self.known.insert(Arc::clone(&text));
        text
    }
}

#[cfg(test)]
mod tests {
    use lanyard_core::model::pods::{Credential, Place};
    use serde_json::json;

    use super::super::credentials::Carried;
    use super::super::testing::{IRSA, POD_IDENTITY, pod, pod_of};
    use super::*;

    /// An index after its first list.
    fn listed_index() -> PodIndex {
        let mut index = PodIndex::default();
        index.list_begins();
        index.list_ends();
        index
    }

    fn carried(index: &PodIndex) -> Vec<Credential> {
        let pods = index.counted("shop", "orders", false);
        let pods = &pods.present().unwrap().items;
        let carried = pods.iter().flat_map(|pod| &pod.credentials);
        carried.cloned().collect()
    }

    #[test]
    fn pods_are_unreadable_before_first_complete_list() {
        let mut index = PodIndex::default();
        index.list_begins();
        index.upsert(pod("a", IRSA).into());
        assert_eq!(
            index.counted("shop", "orders", false),
            Fact::Unreadable(ReadError::NotRead)
        );
        index.list_ends();
        let counted = index.counted("shop", "orders", false);
        assert_eq!(
            counted.present().map(|pods| (pods.total(), pods.fresh)),
            Some((1, false))
        );
        assert_eq!(
            index
                .counted("shop", "other", false)
                .present()
                .map(PodList::total),
            Some(0)
        );
    }

    #[test]
    fn pod_missing_from_new_list_is_removed() {
        let mut index = listed_index();
        index.upsert(pod("a", &[]).into());
        index.list_begins();
        index.upsert(pod("b", POD_IDENTITY).into());
        assert_eq!(index.list_ends().len(), 1);
        assert_eq!(carried(&index), [Credential::PodIdentity]);
    }

    #[test]
    fn terminal_pod_is_removed() {
        let mut index = listed_index();
        index.upsert(pod("a", POD_IDENTITY).into());
        let done = PodRecord::from(pod_of(
            json!({"metadata": {"uid": "a"}, "status": {"phase": "Succeeded"}}),
        ));
        assert!(!index.upsert(done.clone()).is_empty());
        assert!(carried(&index).is_empty());
        assert_eq!(index.upsert(done), []);
    }

    #[test]
    fn only_relevant_changes_return_the_subject() {
        let mut index = listed_index();
        assert!(!index.upsert(pod("a", &[]).into()).is_empty());
        let ready = json!({"spec": {"nodeName": "n"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        assert_eq!(index.upsert(pod_of(ready).into()), []);
        assert!(!index.upsert(pod("a", IRSA).into()).is_empty());
        let adopted =
            json!([{"apiVersion": "v1", "kind": "Job", "name": "j", "uid": "1", "controller": true}]);
        let mut owned = pod("a", IRSA);
        owned.metadata.owner_references = serde_json::from_value(adopted).unwrap();
        assert!(!index.upsert(owned.clone().into()).is_empty());
        assert!(!index.delete(&owned.into()).is_empty());
        assert!(carried(&index).is_empty());
    }

    #[test]
    fn agent_pods_determine_served_nodes() {
        let mut index = listed_index();
        let agent = |uid: &str, node: &str, ready: &str| {
            pod_of(json!({
                "metadata": {"uid": uid, "namespace": "kube-system", "labels": {"app.kubernetes.io/name": "eks-pod-identity-agent"}},
                "spec": {"nodeName": node},
                "status": {"conditions": [{"type": "Ready", "status": ready}]},
            }))
        };
        index.upsert(pod_of(json!({"metadata": {"uid": "a"}, "spec": {"nodeName": "one"}})).into());
        let place =
            |index: &PodIndex| index.counted("shop", "orders", false).present().unwrap().items[0].place;
        assert_eq!(place(&index), Place::Reached);
        index.upsert(agent("x", "two", "True").into());
        index.upsert(agent("y", "one", "False").into());
        assert_eq!(place(&index), Place::WithoutAgent);
        let orders: SubjectKey = ("shop".into(), "orders".into());
        assert!(index.upsert(agent("y", "one", "True").into()).contains(&orders));
        assert_eq!(place(&index), Place::Reached);
        index.delete(&agent("y", "one", "True").into());
        assert_eq!(place(&index), Place::WithoutAgent);
        index.delete(&agent("x", "two", "True").into());
        assert_eq!(place(&index), Place::Reached);
    }

    #[test]
    fn strings_are_shared_and_dropped_when_unused() {
        let mut strings = StringPool::default();
        let kept = strings.share("arn:r");
        assert!(Arc::ptr_eq(&kept, &strings.share("arn:r")));
        for number in 0..StringPool::FEW * 3 {
            strings.share(&format!("text-{number}"));
        }
        assert!(strings.known.len() <= StringPool::FEW, "{}", strings.known.len());
        assert!(Arc::ptr_eq(&kept, &strings.share("arn:r")));
    }

    #[test]
    fn indexed_pod_is_small() {
        // 30,000 pods: under 10 MB with their uids and the maps around them.
        let carried = size_of::<Carried<Arc<str>>>();
        let pod = size_of::<PodFacts<Arc<str>>>() + carried;
        assert!(pod <= 192, "{pod}");
    }
}
