//! The pods of the cluster, folded: of each only whose it is and which credentials it carries.
//! Pods from a watch in, counts per subject out; no I/O. The watch that feeds it is the operator's.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, Pod};
use lanyard_core::fact::{Fact, Why};
use lanyard_core::observed::Pods;

/// What IRSA puts into a container's environment [F 3.4].
const IRSA_ROLE: &str = "AWS_ROLE_ARN";
const IRSA_TOKEN: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
/// What Pod Identity puts there [F 2.5], and the one address and path that is EKS's.
const POD_IDENTITY_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const POD_IDENTITY_PATH: &str = "/v1/credentials";

/// A namespace and a ServiceAccount's name.
pub type SubjectKey = (Arc<str>, Arc<str>);

/// One pod, as far as anybody needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Holder {
    subject: SubjectKey,
    carries: Carries,
}

/// The credentials that a pod really carries.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Carries {
    /// Web identity for a role; SDKs prefer it where both are there [F 3.5].
    Irsa(Arc<str>),
    PodIdentity,
    Nothing,
}

/// All pods of the cluster that are not terminal, by uid.
#[derive(Debug, Default)]
pub struct PodFold {
    holders: HashMap<Arc<str>, Holder>,
    by_subject: BTreeMap<SubjectKey, HashSet<Arc<str>>>,
    /// The uids seen since a list began; what is missing from it at its end is gone.
    listing: Option<HashSet<Arc<str>>>,
    /// Whether a list has ever come to its end: before, nobody knows what is missing.
    complete: bool,
}

impl PodFold {
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
            .holders
            .keys()
            .filter(|uid| !seen.contains(*uid))
            .cloned()
            .collect();
        gone.iter().filter_map(|uid| self.remove(uid)).collect()
    }

    /// A pod is there or has changed. Returns its subject when what it counts for has changed.
    pub fn upsert(&mut self, pod: &Pod) -> Option<SubjectKey> {
        let uid: Arc<str> = pod.metadata.uid.as_deref()?.into();
        if let Some(listing) = &mut self.listing {
            listing.insert(Arc::clone(&uid));
        }
        if is_terminal(pod) {
            return self.remove(&uid);
        }
        let holder = holder(pod)?;
        if self.holders.get(&uid) == Some(&holder) {
            return None;
        }
        self.remove(&uid);
        let subject = holder.subject.clone();
        self.by_subject
            .entry(subject.clone())
            .or_default()
            .insert(Arc::clone(&uid));
        self.holders.insert(uid, holder);
        Some(subject)
    }

    /// A pod is gone. Returns its subject.
    pub fn delete(&mut self, pod: &Pod) -> Option<SubjectKey> {
        self.remove(pod.metadata.uid.as_deref()?)
    }

    fn remove(&mut self, uid: &str) -> Option<SubjectKey> {
        let holder = self.holders.remove(uid)?;
        if let Some(uids) = self.by_subject.get_mut(&holder.subject) {
            uids.remove(uid);
            if uids.is_empty() {
                self.by_subject.remove(&holder.subject);
            }
        }
        Some(holder.subject)
    }

    /// Whether a list of all pods has ever come to its end.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// The holders of a subject as a fact: unknown until a first list of all pods has come to its end.
    #[must_use]
    pub fn counted(&self, namespace: &str, service_account: &str, role: Option<&str>) -> Fact<Pods> {
        if self.complete {
            Fact::Present(self.count(namespace, service_account, role))
        } else {
            Fact::Unreadable(Why::NotRead)
        }
    }

    /// The holders of a subject; `role` is the one that web-identity credentials should be for.
    #[must_use]
    pub fn count(&self, namespace: &str, service_account: &str, role: Option<&str>) -> Pods {
        let key: SubjectKey = (namespace.into(), service_account.into());
        let mut pods = Pods::default();
        for uid in self.by_subject.get(&key).into_iter().flatten() {
            match self.holders.get(uid).map(|holder| &holder.carries) {
                Some(Carries::Irsa(carried)) if role.is_none_or(|role| role == &**carried) => pods.irsa += 1,
                Some(Carries::Irsa(_)) => pods.irsa_other_role += 1,
                Some(Carries::PodIdentity) => pods.pod_identity += 1,
                Some(Carries::Nothing) => pods.without += 1,
                None => {}
            }
        }
        pods
    }
}

fn is_terminal(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

fn holder(pod: &Pod) -> Option<Holder> {
    let spec = pod.spec.as_ref()?;
    let namespace = pod.metadata.namespace.as_deref()?;
    let account = spec.service_account_name.as_deref().unwrap_or("default");
    let containers = || {
        spec.containers
            .iter()
            .chain(spec.init_containers.iter().flatten())
    };
    let carries = containers()
        .find_map(irsa_role)
        .map(|role| Carries::Irsa(role.into()))
        .or_else(|| containers().any(has_pod_identity).then_some(Carries::PodIdentity))
        .unwrap_or(Carries::Nothing);
    Some(Holder {
        subject: (namespace.into(), account.into()),
        carries,
    })
}

fn env<'a>(container: &'a Container, name: &str) -> Option<&'a str> {
    container
        .env
        .iter()
        .flatten()
        .find(|var| var.name == name)
        .map(|var| var.value.as_deref().unwrap_or_default())
}

fn irsa_role(container: &Container) -> Option<&str> {
    env(container, IRSA_TOKEN)?;
    Some(env(container, IRSA_ROLE).unwrap_or_default())
}

fn has_pod_identity(container: &Container) -> bool {
    env(container, POD_IDENTITY_URI).is_some_and(|uri| uri.ends_with(POD_IDENTITY_PATH))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(uid: &str, env: &[(&str, &str)]) -> Pod {
        let env: Vec<_> = env
            .iter()
            .map(|(name, value)| serde_json::json!({"name": name, "value": value}))
            .collect();
        serde_json::from_value(serde_json::json!({
            "metadata": {"uid": uid, "namespace": "shop", "name": uid},
            "spec": {"serviceAccountName": "orders", "containers": [{"name": "app", "env": env}]}
        }))
        .unwrap()
    }

    const URI: (&str, &str) = (POD_IDENTITY_URI, "http://169.254.170.23/v1/credentials");

    #[test]
    fn a_pod_with_both_counts_as_irsa() {
        let mut fold = PodFold::default();
        fold.upsert(&pod("a", &[URI, (IRSA_TOKEN, "t"), (IRSA_ROLE, "arn:r")]));
        let pods = fold.count("shop", "orders", Some("arn:r"));
        assert_eq!((pods.irsa, pods.pod_identity), (1, 0));
        assert_eq!(fold.count("shop", "orders", Some("arn:other")).irsa_other_role, 1);
    }

    #[test]
    fn a_pod_that_a_new_list_does_not_hold_is_gone() {
        let mut fold = PodFold::default();
        fold.upsert(&pod("a", &[]));
        fold.list_begins();
        fold.upsert(&pod("b", &[URI]));
        assert_eq!(fold.list_ends().len(), 1);
        let pods = fold.count("shop", "orders", None);
        assert_eq!((pods.without, pods.pod_identity), (0, 1));
    }

    #[test]
    fn a_finished_pod_holds_nothing() {
        let mut fold = PodFold::default();
        fold.upsert(&pod("a", &[URI]));
        let mut done = pod("a", &[URI]);
        done.status = Some(serde_json::from_value(serde_json::json!({"phase": "Succeeded"})).unwrap());
        assert!(fold.upsert(&done).is_some());
        assert_eq!(fold.count("shop", "orders", None).total(), 0);
    }
}
