//! A workload restarted as `kubectl rollout restart` does it, once for each transition.
//! An owner and the transition's mark in, its pod template annotated; reads and writes the API server.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use lanyard_api::FIELD_MANAGER;
use lanyard_core::model::subject::Subject;
use lanyard_core::model::workload::{ANNOTATION_RESTARTED_FOR, RestartedFor, WorkloadRef};
use serde_json::{Value, json};

use crate::Engine;
use crate::error::EngineError;

/// The annotation by which kubectl restarts: any new value makes a new template.
pub(crate) const ANNOTATION_RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

impl Engine {
    /// Restarts a workload for a transition, unless it was restarted for this one already.
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
        let found = self.read("get", &what, api.get_opt(&owner.name)).await?;
        let found = found.ok_or(EngineError::Gone { what: "the workload" })?;
        if restarted_for(&found.data).as_ref() == Some(mark) {
            return Ok(());
        }
        let patch = Patch::Merge(patch(found.metadata.uid.as_deref(), mark, Timestamp::now()));
        let params = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let call = api.patch(&owner.name, &params, &patch);
        self.write("patch", &what, call).await.map(drop)
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

/// The uid keeps it from a workload that was replaced meanwhile; not the resourceVersion, which every change of a pod
/// moves on.
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
    fn a_restart_says_when_and_for_what_and_touches_nothing_else() {
        let mark = RestartedFor::parse("abc/2026-03-01T09:00:00Z").unwrap();
        let patch = patch(Some("u"), &mark, "2026-03-01T10:00:00.5Z".parse().unwrap());
        let wanted = json!({
            "metadata": {"uid": "u"},
            "spec": {"template": {"metadata": {"annotations": {
                "kubectl.kubernetes.io/restartedAt": "2026-03-01T10:00:00Z",
                "lanyard.dev/restarted-for": "abc/2026-03-01T09:00:00Z",
            }}}},
        });
        assert_eq!(patch, wanted);
        assert_eq!(restarted_for(&patch), Some(mark));
    }

    #[test]
    fn what_no_rollout_replaces_cannot_be_restarted() {
        assert!(restartable("Deployment").is_some_and(|resource| resource.plural == "deployments"));
        assert!(restartable("Job").is_none());
        assert!(restartable("ReplicaSet").is_none());
    }
}
