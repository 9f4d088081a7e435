//! The ServiceAccount, read with the field managers of its annotations.
//! Input: a subject, or the metadata of a ServiceAccount. Output: facts. Does I/O: reads from the API server.

use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ServiceAccount as KubeServiceAccount;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use kube::api::Api;
use lanyard_api::FIELD_MANAGER;
use lanyard_core::model::fact::Fact;
use lanyard_core::model::observed::{Annotation, ServiceAccount};
use lanyard_core::model::subject::Subject;

use crate::engine::Engine;
use crate::error::EngineError;

/// The prefix of all annotations that the pod identity webhook reads (its `pkg/annotations.go`).
const PREFIX: &str = "eks.amazonaws.com/";
/// The label of a ServiceAccount that Lanyard created, and therefore deletes with the object.
pub(crate) const LABEL_MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The field manager with which EKS applies the objects of an add-on (EKS user guide, Amazon EKS add-ons).
const EKS: &str = "eks";

impl Engine {
    /// Reads the ServiceAccount of a subject.
    pub(crate) async fn service_account(&self, subject: &Subject) -> Fact<ServiceAccount> {
        match self.get_service_account(subject).await {
            Ok(Some(account)) => Fact::Present(facts(&account.metadata)),
            Ok(None) => Fact::Absent,
            Err(error) => Fact::Unreadable(error.read_error()),
        }
    }

    pub(crate) async fn get_service_account(
        &self,
        subject: &Subject,
    ) -> Result<Option<KubeServiceAccount>, EngineError> {
        let api = self.service_accounts(subject);
        let call = api.get_opt(subject.name.as_str());
        self.read("get", &describe(subject), call).await
    }

    pub(crate) fn service_accounts(&self, subject: &Subject) -> Api<KubeServiceAccount> {
        Api::namespaced(self.kube().clone(), subject.namespace.as_str())
    }
}

/// A fingerprint of the annotations that the pod identity webhook reads. Equal sets have equal fingerprints.
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

pub(crate) fn describe(subject: &Subject) -> String {
    format!("serviceaccounts {subject}")
}

/// Returns true if Lanyard created a ServiceAccount: it has the label, and Lanyard's field manager owns the label. The
/// label alone can be copied.
pub(crate) fn created_by_us(metadata: &ObjectMeta) -> bool {
    let label = metadata
        .labels
        .as_ref()
        .and_then(|labels| labels.get(LABEL_MANAGED_BY));
    let entries = metadata.managed_fields.iter().flatten();
    let mut own = entries.filter(|entry| entry.manager.as_deref() == Some(FIELD_MANAGER));
    label.is_some_and(|by| by == FIELD_MANAGER) && own.any(|entry| owns(entry, "f:labels", LABEL_MANAGED_BY))
}

/// The facts of a ServiceAccount's metadata.
#[must_use]
pub fn facts(metadata: &ObjectMeta) -> ServiceAccount {
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

/// The time of Lanyard's last change. An apply without a change does not update it.
fn applied_at(fields: &[ManagedFieldsEntry]) -> Option<Timestamp> {
    fields
        .iter()
        .filter(|entry| entry.manager.as_deref() == Some(FIELD_MANAGER))
        .filter_map(|entry| entry.time.as_ref().map(|time| time.0))
        .max()
}

fn annotation(key: &str, value: &str, fields: &[ManagedFieldsEntry]) -> Annotation {
    let managers: Vec<&str> = fields
        .iter()
        .filter(|entry| owns(entry, "f:annotations", key))
        .filter_map(|entry| entry.manager.as_deref())
        .collect();
    Annotation {
        value: value.to_owned(),
        ours: managers.contains(&FIELD_MANAGER),
        manager: managers
            .into_iter()
            .find(|manager| *manager != FIELD_MANAGER)
            .map(str::to_owned),
    }
}

/// Returns true if an entry of the managed fields owns a key of `f:annotations` or `f:labels` (Kubernetes, Server-Side
/// Apply).
fn owns(entry: &ManagedFieldsEntry, group: &str, key: &str) -> bool {
    let fields = entry.fields_v1.as_ref();
    fields
        .and_then(|fields| fields.0.get("f:metadata")?.get(group)?.get(format!("f:{key}")))
        .is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metadata(fields: serde_json::Value) -> ObjectMeta {
        serde_json::from_value(json!({"name": "orders", "managedFields": fields})).unwrap()
    }

    #[test]
    fn last_change_is_latest_entry_of_own_manager() {
        let entry =
            |manager: &str, time: &str| json!({"manager": manager, "operation": "Update", "time": time});
        let account = facts(&metadata(json!([
            entry(FIELD_MANAGER, "2026-03-01T10:00:00Z"),
            entry(FIELD_MANAGER, "2026-03-01T11:00:00Z"),
            entry("kubectl", "2026-03-01T12:00:00Z"),
        ])));
        assert_eq!(account.applied_at, Some("2026-03-01T11:00:00Z".parse().unwrap()));
        assert!(!account.of_add_on);
        assert_eq!(facts(&metadata(json!([]))).applied_at, None);
    }

    #[test]
    fn account_applied_by_eks_belongs_to_add_on() {
        let fields = json!([{"manager": "eks", "operation": "Apply", "time": "2026-03-01T10:00:00Z"}]);
        assert!(facts(&metadata(fields)).of_add_on);
    }
}
