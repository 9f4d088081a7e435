//! The ServiceAccount: read with the owners of its annotations, changed by server-side apply under our field manager.
//! Names in, facts out, or annotations in; talks to the API server.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ServiceAccount as KubeServiceAccount;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use lanyard_api::FIELD_MANAGER;
use lanyard_core::model::fact::Fact;
use lanyard_core::model::observed::{Annotation, ServiceAccount};
use lanyard_core::model::subject::Subject;
use serde_json::json;

use crate::Engine;
use crate::error::EngineError;

/// The prefix of every annotation that the pod webhook reads [webhook `pkg/annotations.go`].
const PREFIX: &str = "eks.amazonaws.com/";
/// The label that says that Lanyard created a ServiceAccount, and so removes it with the object.
const LABEL_MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The field manager by which EKS applies what an add-on brings [EKS user guide, Amazon EKS add-ons].
const EKS: &str = "eks";

impl Engine {
    /// Reads the ServiceAccount of a subject.
    pub(crate) async fn service_account(&self, subject: &Subject) -> Fact<ServiceAccount> {
        match self.get_service_account(subject).await {
            Ok(Some(found)) => Fact::Present(facts(&found.metadata)),
            Ok(None) => Fact::Absent,
            Err(error) => Fact::Unreadable(error.read_error()),
        }
    }

    async fn get_service_account(
        &self,
        subject: &Subject,
    ) -> Result<Option<KubeServiceAccount>, EngineError> {
        let api = self.service_accounts(subject);
        let call = api.get_opt(subject.name.as_str());
        self.read("get", &what(subject), call).await
    }

    fn service_accounts(&self, subject: &Subject) -> Api<KubeServiceAccount> {
        Api::namespaced(self.kube().clone(), subject.namespace.as_str())
    }

    /// Applies our annotations, removes others that were ours, and creates the ServiceAccount when asked.
    pub(crate) async fn annotate(
        &self,
        subject: &Subject,
        set: &BTreeMap<String, String>,
        remove: &BTreeSet<String>,
        create: bool,
    ) -> Result<(), EngineError> {
        let found = self.get_service_account(subject).await?;
        if found.is_none() && !create {
            // What is gone needs no removal; what is wanted waits for its owner.
            return if set.is_empty() {
                Ok(())
            } else {
                Err(EngineError::Gone {
                    what: "the ServiceAccount",
                })
            };
        }
        self.recent().annotating(subject, fingerprint(set));
        let made_by_us = found.as_ref().is_none_or(|found| created_by_us(&found.metadata));
        let found = match found {
            Some(found) => found,
            None => self.create_service_account(subject, set).await?,
        };
        let mut metadata = json!({
            "name": subject.name,
            "namespace": subject.namespace,
            // Server-side apply creates what is not there: the uid keeps it from bringing a deleted one back.
            "uid": found.metadata.uid,
            "annotations": set,
        });
        if let (true, Some(metadata)) = (made_by_us, metadata.as_object_mut()) {
            metadata.insert("labels".to_owned(), json!({ LABEL_MANAGED_BY: FIELD_MANAGER }));
        }
        let body = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata});
        let api = self.service_accounts(subject);
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let patch = Patch::Apply(&body);
        let call = api.patch(subject.name.as_str(), &params, &patch);
        let applied = self.write("patch", &what(subject), call).await?;
        self.remove_leftovers(subject, &applied, remove).await
    }

    /// Creates it; that somebody else was faster is an error, and the next look sees what they made. It says from the
    /// first moment that it is ours, since a stop may come before the apply that follows, which changes nothing but who
    /// the API server says it is that holds the annotations.
    async fn create_service_account(
        &self,
        subject: &Subject,
        annotations: &BTreeMap<String, String>,
    ) -> Result<KubeServiceAccount, EngineError> {
        let metadata = ObjectMeta {
            name: Some(subject.name.to_string()),
            annotations: Some(annotations.clone()),
            labels: Some([(LABEL_MANAGED_BY.to_owned(), FIELD_MANAGER.to_owned())].into()),
            ..ObjectMeta::default()
        };
        let account = KubeServiceAccount {
            metadata,
            ..KubeServiceAccount::default()
        };
        let params = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        let api = self.service_accounts(subject);
        let call = api.create(&params, &account);
        self.write("create", &what(subject), call).await
    }

    /// Annotations that were ours and that somebody else's field manager holds too do not go with an apply.
    async fn remove_leftovers(
        &self,
        subject: &Subject,
        applied: &KubeServiceAccount,
        remove: &BTreeSet<String>,
    ) -> Result<(), EngineError> {
        let left = applied.metadata.annotations.iter().flatten().map(|(key, _)| key);
        let nulls: serde_json::Map<String, serde_json::Value> = left
            .filter(|key| remove.contains(*key))
            .map(|key| (key.clone(), json!(null)))
            .collect();
        if nulls.is_empty() {
            return Ok(());
        }
        let patch = json!({"metadata": {
            "uid": applied.metadata.uid,
            "resourceVersion": applied.metadata.resource_version,
            "annotations": nulls,
        }});
        let api = self.service_accounts(subject);
        let params = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let patch = Patch::Merge(&patch);
        let call = api.patch(subject.name.as_str(), &params, &patch);
        self.write("patch", &what(subject), call).await.map(drop)
    }

    /// Deletes the ServiceAccount if Lanyard created it; one that was replaced meanwhile is left alone.
    pub(crate) async fn delete_service_account(&self, subject: &Subject) -> Result<(), EngineError> {
        let Some(found) = self.get_service_account(subject).await? else {
            return Ok(());
        };
        if !created_by_us(&found.metadata) {
            return Ok(());
        }
        let preconditions = Preconditions {
            uid: found.metadata.uid,
            resource_version: None,
        };
        let params = DeleteParams {
            preconditions: Some(preconditions),
            ..DeleteParams::default()
        };
        let api = self.service_accounts(subject);
        let call = api.delete(subject.name.as_str(), &params);
        match self.write("delete", &what(subject), call).await {
            Err(error) if error.status() == Some(404) => Ok(()),
            result => result.map(drop),
        }
    }
}

/// A number for the annotations that the pod webhook reads: the same for the same set.
#[must_use]
pub fn fingerprint<'a>(annotations: impl IntoIterator<Item = (&'a String, &'a String)>) -> u64 {
    let mut hasher = DefaultHasher::new();
    let read_by_webhook = |(key, _): &(&String, &String)| key.starts_with(PREFIX);
    annotations
        .into_iter()
        .filter(read_by_webhook)
        .for_each(|pair| pair.hash(&mut hasher));
    hasher.finish()
}

fn what(subject: &Subject) -> String {
    format!("serviceaccounts {subject}")
}

/// Whether Lanyard created a ServiceAccount: it carries our label, and our field manager is the one that put it there.
/// The label alone is copied easily.
fn created_by_us(metadata: &ObjectMeta) -> bool {
    let label = metadata
        .labels
        .as_ref()
        .and_then(|labels| labels.get(LABEL_MANAGED_BY));
    let entries = metadata.managed_fields.iter().flatten();
    let mut ours = entries.filter(|entry| entry.manager.as_deref() == Some(FIELD_MANAGER));
    label.is_some_and(|by| by == FIELD_MANAGER)
        && ours.any(|entry| holds(entry, "f:labels", LABEL_MANAGED_BY))
}

/// The facts of a ServiceAccount's metadata.
pub(crate) fn facts(metadata: &ObjectMeta) -> ServiceAccount {
    let fields: &[ManagedFieldsEntry] = metadata.managed_fields.as_deref().unwrap_or_default();
    let annotations = metadata
        .annotations
        .iter()
        .flatten()
        .filter(|(key, _)| key.starts_with(PREFIX))
        .map(|(key, value)| (key.clone(), annotation(key, value, fields)))
        .collect();
    ServiceAccount {
        annotations,
        created_by_us: created_by_us(metadata),
        applied_at: applied_at(fields),
        of_add_on: fields.iter().any(|entry| entry.manager.as_deref() == Some(EKS)),
    }
}

/// When we last changed it. An apply that changes nothing moves no time.
fn applied_at(fields: &[ManagedFieldsEntry]) -> Option<Timestamp> {
    fields
        .iter()
        .filter(|entry| entry.manager.as_deref() == Some(FIELD_MANAGER))
        .filter_map(|entry| entry.time.as_ref().map(|time| time.0))
        .max()
}

fn annotation(key: &str, value: &str, fields: &[ManagedFieldsEntry]) -> Annotation {
    let holders: Vec<&str> = fields
        .iter()
        .filter(|entry| holds(entry, "f:annotations", key))
        .filter_map(|entry| entry.manager.as_deref())
        .collect();
    Annotation {
        value: value.to_owned(),
        ours: holders.contains(&FIELD_MANAGER),
        manager: holders
            .into_iter()
            .find(|manager| *manager != FIELD_MANAGER)
            .map(str::to_owned),
    }
}

/// Whether an entry of the managed fields names a key of `f:annotations` or `f:labels` [Kubernetes, Server-Side Apply].
fn holds(entry: &ManagedFieldsEntry, group: &str, key: &str) -> bool {
    let fields = entry.fields_v1.as_ref();
    fields
        .and_then(|fields| fields.0.get("f:metadata")?.get(group)?.get(format!("f:{key}")))
        .is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(fields: serde_json::Value) -> ObjectMeta {
        serde_json::from_value(json!({"name": "orders", "managedFields": fields})).unwrap()
    }

    #[test]
    fn our_last_change_is_the_youngest_of_our_entries() {
        let entry =
            |manager: &str, time: &str| json!({"manager": manager, "operation": "Update", "time": time});
        let found = facts(&metadata(json!([
            entry(FIELD_MANAGER, "2026-03-01T10:00:00Z"),
            entry(FIELD_MANAGER, "2026-03-01T11:00:00Z"),
            entry("kubectl", "2026-03-01T12:00:00Z"),
        ])));
        assert_eq!(found.applied_at, Some("2026-03-01T11:00:00Z".parse().unwrap()));
        assert!(!found.of_add_on);
        assert_eq!(facts(&metadata(json!([]))).applied_at, None);
    }

    #[test]
    fn what_eks_applied_is_an_add_ons() {
        let fields = json!([{"manager": "eks", "operation": "Apply", "time": "2026-03-01T10:00:00Z"}]);
        assert!(facts(&metadata(fields)).of_add_on);
    }
}
