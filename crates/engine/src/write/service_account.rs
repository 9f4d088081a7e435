//! Writes to the ServiceAccount: annotations by server-side apply with Lanyard's field manager, creation and deletion.
//! Input: a subject and annotations. Output: none. Does I/O: the API server.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::ServiceAccount as KubeServiceAccount;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use lanyard_api::FIELD_MANAGER;
use lanyard_core::model::subject::Subject;
use serde_json::json;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::read::{LABEL_MANAGED_BY, created_by_us, describe, fingerprint};

impl Engine {
    /// Applies Lanyard's annotations, removes obsolete ones, and creates the ServiceAccount if `create` is set.
    pub(crate) async fn annotate(
        &self,
        subject: &Subject,
        set: &BTreeMap<String, String>,
        remove: &BTreeSet<String>,
        create: bool,
    ) -> Result<(), EngineError> {
        let observed = self.get_service_account(subject).await?;
        if observed.is_none() && !create {
            // A missing ServiceAccount needs no removal. New annotations wait until its owner creates it.
            return if set.is_empty() {
                Ok(())
            } else {
                Err(EngineError::Gone {
                    what: "the ServiceAccount",
                })
            };
        }
        self.recent_writes().annotating(subject, fingerprint(set));
        let Some(account) = observed else {
            return self.create_service_account(subject, set).await;
        };
        let mut metadata = json!({
            "name": subject.name,
            "namespace": subject.namespace,
            // Server-side apply creates a missing object. The uid prevents that it recreates a deleted ServiceAccount.
            "uid": account.metadata.uid,
            "annotations": set,
        });
        if let (true, Some(metadata)) = (created_by_us(&account.metadata), metadata.as_object_mut()) {
            metadata.insert("labels".to_owned(), json!({ LABEL_MANAGED_BY: FIELD_MANAGER }));
        }
        let body = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata});
        let api = self.service_accounts(subject);
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let patch = Patch::Apply(&body);
        let call = api.patch(subject.name.as_str(), &params, &patch);
        let applied = self.write("patch", &describe(subject), call).await?;
        self.remove_leftovers(subject, &applied, remove).await
    }

    /// Creates the ServiceAccount with label and annotations, which its field manager owns by that. Fails if another
    /// client created it first, and the next reconcile reads it.
    async fn create_service_account(
        &self,
        subject: &Subject,
        annotations: &BTreeMap<String, String>,
    ) -> Result<(), EngineError> {
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
        self.write("create", &describe(subject), call).await.map(drop)
    }

    /// Removes obsolete annotations that another field manager owns too, which an apply does not remove.
    async fn remove_leftovers(
        &self,
        subject: &Subject,
        applied: &KubeServiceAccount,
        remove: &BTreeSet<String>,
    ) -> Result<(), EngineError> {
        let remaining = applied.metadata.annotations.iter().flatten().map(|(key, _)| key);
        let nulls: serde_json::Map<String, serde_json::Value> = remaining
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
        self.write("patch", &describe(subject), call).await.map(drop)
    }

    /// Deletes the ServiceAccount if Lanyard created it. A ServiceAccount that was replaced meanwhile is kept.
    pub(crate) async fn delete_service_account(&self, subject: &Subject) -> Result<(), EngineError> {
        let Some(account) = self.get_service_account(subject).await? else {
            return Ok(());
        };
        if !created_by_us(&account.metadata) {
            return Ok(());
        }
        let preconditions = Preconditions {
            uid: account.metadata.uid,
            resource_version: None,
        };
        let params = DeleteParams {
            preconditions: Some(preconditions),
            ..DeleteParams::default()
        };
        let api = self.service_accounts(subject);
        let call = api.delete(subject.name.as_str(), &params);
        match self.write("delete", &describe(subject), call).await {
            Err(error) if error.status() == Some(404) => Ok(()),
            result => result.map(drop),
        }
    }
}
