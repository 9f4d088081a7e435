//! The restart of a workload, in the way of `kubectl rollout restart`, once for each transition, and its dry run. Input: a
//! workload and the mark of the transition. Output: none. Does I/O: reads and writes the API server.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use lanyard_api::FIELD_MANAGER;
use lanyard_core::model::subject::Subject;
use lanyard_core::model::workload::{ANNOTATION_RESTARTED_FOR, RestartedFor, WorkloadRef};
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::read::ANNOTATION_RESTARTED_AT;

impl Engine {
    /// Restarts a workload for a transition, unless it was already restarted for this transition.
    pub(crate) async fn restart_workload(
        &self,
        subject: &Subject,
        owner: &WorkloadRef,
        mark: &RestartedFor,
    ) -> Result<(), EngineError> {
        let resource = restartable(&owner.kind).ok_or_else(|| EngineError::NoRestart(owner.clone()))?;
        let namespace = subject.namespace.as_str();
        let what = format!("{}.apps {namespace}/{}", resource.plural, owner.name);
        let api: Api<DynamicObject> = Api::namespaced_with(self.kube().clone(), namespace, &resource);
        let workload = self.read("get", &what, api.get_opt(&owner.name)).await?;
        let workload = workload.ok_or(EngineError::Gone { what: "the workload" })?;
        if restarted_for(&workload.data).as_ref() == Some(mark) {
            return Ok(());
        }
        let patch = Patch::Merge(patch(workload.metadata.uid.as_deref(), mark, Timestamp::now()));
        let params = params(false);
        let call = api.patch(&owner.name, &params, &patch);
        self.write("patch", &what, call).await.map(drop)
    }

    /// Sends the patch of a restart as a dry run, which changes nothing. Returns false if the API server refuses it: by
    /// RBAC, by an admission policy, or because the workload was replaced.
    ///
    /// # Errors
    ///
    /// Returns an error if the answer does not tell whether the patch is permitted.
    pub(crate) async fn may_restart(
        &self,
        subject: &Subject,
        owner: &WorkloadRef,
        uid: Option<&str>,
    ) -> Result<bool, EngineError> {
        let resource = restartable(&owner.kind).ok_or_else(|| EngineError::NoRestart(owner.clone()))?;
        let namespace = subject.namespace.as_str();
        let what = format!("{}.apps {namespace}/{}", resource.plural, owner.name);
        let api: Api<DynamicObject> = Api::namespaced_with(self.kube().clone(), namespace, &resource);
        let mark = RestartedFor {
            binding: "dry-run".to_owned(),
            created_until: Timestamp::MIN,
        };
        let (params, patch) = (params(true), Patch::Merge(patch(uid, &mark, Timestamp::now())));
        let answer = self
            .read("patch", &what, api.patch(&owner.name, &params, &patch))
            .await;
        match answer {
            Ok(_) => Ok(true),
            Err(error) => match error.status() {
                Some(400 | 403 | 404 | 409 | 422) => Ok(false),
                _ => Err(error),
            },
        }
    }
}

fn params(dry_run: bool) -> PatchParams {
    PatchParams {
        dry_run,
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    }
}

fn restartable(kind: &str) -> Option<ApiResource> {
    match kind {
        "Deployment" => Some(ApiResource::erase::<Deployment>(&())),
        "StatefulSet" => Some(ApiResource::erase::<StatefulSet>(&())),
        "DaemonSet" => Some(ApiResource::erase::<DaemonSet>(&())),
        _ => None,
    }
}

fn restarted_for(data: &Value) -> Option<RestartedFor> {
    let annotations = data.pointer("/spec/template/metadata/annotations")?;
    RestartedFor::parse(annotations.get(ANNOTATION_RESTARTED_FOR)?.as_str()?)
}

/// The uid protects a workload that was replaced meanwhile. The resourceVersion is not set, because it changes
/// with every change of a pod.
fn patch(uid: Option<&str>, mark: &RestartedFor, now: Timestamp) -> Value {
    let annotations = json!({
        ANNOTATION_RESTARTED_AT: now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        ANNOTATION_RESTARTED_FOR: mark.to_string(),
    });
    json!({
        "metadata": {"uid": uid},
        "spec": {"template": {"metadata": {"annotations": annotations}}},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restart_patch_sets_only_two_annotations() {
        let mark = RestartedFor::parse("abc/2026-03-01T09:00:00Z").unwrap();
        let patch = patch(Some("u"), &mark, "2026-03-01T10:00:00.5Z".parse().unwrap());
        let expected = json!({
            "metadata": {"uid": "u"},
            "spec": {"template": {"metadata": {"annotations": {
                "kubectl.kubernetes.io/restartedAt": "2026-03-01T10:00:00Z",
                "lanyard.dev/restarted-for": "abc/2026-03-01T09:00:00Z",
            }}}},
        });
        assert_eq!(patch, expected);
        assert_eq!(restarted_for(&patch), Some(mark));
    }

    #[test]
    fn other_kinds_cannot_be_restarted() {
        assert!(restartable("Deployment").is_some_and(|resource| resource.plural == "deployments"));
        assert!(restartable("Job").is_none());
        assert!(restartable("ReplicaSet").is_none());
    }
}
