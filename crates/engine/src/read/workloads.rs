//! The workloads of a subject's pods: Deployments, StatefulSets and DaemonSets whose template uses its
//! ServiceAccount, with their rollout state and disruption budget, and whether the API server permits a restart. Input: a
//! subject. Output: workloads. Does I/O: reads and dry runs, only while a transition may restart a workload.

mod budgets;
mod rollout;
mod template;

use budgets::Budgets;
use futures::future::try_join4;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::serde::de::DeserializeOwned;
use kube::api::{Api, ListParams};
use kube::core::NamespaceResourceScope;
use lanyard_core::model::fact::Fact;
use lanyard_core::model::subject::Subject;
use lanyard_core::model::workload::{
    ANNOTATION_RESTARTED_FOR, Obstacle, RestartedFor, Workload, WorkloadRef,
};

use crate::engine::Engine;
use crate::error::EngineError;

/// The annotation that kubectl sets to restart a workload. A new value changes the pod template.
pub(crate) const ANNOTATION_RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// One workload, before its disruption budget is known.
#[derive(Debug)]
struct WorkloadObject {
    owner: WorkloadRef,
    uid: Option<String>,
    template: PodTemplateSpec,
    rolled_out: bool,
    obstacle: Option<Obstacle>,
    /// True if a rollout replaces a pod only after its successor is available, so no budget applies.
    surges: bool,
}

impl Engine {
    /// Reads the workloads of a subject.
    pub async fn workloads(&self, subject: &Subject) -> Fact<Vec<Workload>> {
        match self.list_workloads(subject).await {
            Ok(workloads) => Fact::Present(workloads),
            Err(error) => Fact::Unreadable(error.read_error()),
        }
    }

    async fn list_workloads(&self, subject: &Subject) -> Result<Vec<Workload>, EngineError> {
        let (deployments, stateful_sets, daemon_sets, budgets) = try_join4(
            self.list_of(subject, "deployments.apps", deployment),
            self.list_of(subject, "statefulsets.apps", stateful_set),
            self.list_of(subject, "daemonsets.apps", daemon_set),
            self.list_of(
                subject,
                "poddisruptionbudgets.policy",
                |budget: &PodDisruptionBudget| Some(budget.clone()),
            ),
        )
        .await?;
        let budgets = Budgets::new(budgets);
        let objects = deployments.into_iter().chain(stateful_sets).chain(daemon_sets);
        let used = objects.filter(|object| service_account(&object.template) == subject.name.as_str());
        let mut workloads: Vec<Workload> = Vec::new();
        for object in used {
            let uid = object.uid.clone();
            let mut workload = workload(object, &budgets);
            // A restart that was made before was permitted.
            if workload.obstacle.is_none()
                && workload.restarted_for.is_none()
                && !self.may_restart(subject, &workload.owner, uid.as_deref()).await?
            {
                workload.obstacle = Some(Obstacle::Refused);
            }
            workloads.push(workload);
        }
        workloads.sort_by(|one, other| one.owner.cmp(&other.owner));
        Ok(workloads)
    }

    async fn list_of<K, T>(
        &self,
        subject: &Subject,
        kind: &str,
        keep: impl Fn(&K) -> Option<T>,
    ) -> Result<Vec<T>, EngineError>
    where
        K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
    {
        let api: Api<K> = Api::namespaced(self.kube().clone(), subject.namespace.as_str());
        let what = format!("{kind} in {}", subject.namespace);
        let mut objects = Vec::new();
        self.list_all(&api, ListParams::default(), &what, |object| {
            objects.extend(keep(&object))
        })
        .await?;
        Ok(objects)
    }
}

fn workload(object: WorkloadObject, budgets: &Budgets) -> Workload {
    let obstacle = object.obstacle.or_else(|| template::obstacle(&object.template));
    let metadata = object.template.metadata.unwrap_or_default();
    let annotations = metadata.annotations.unwrap_or_default();
    let restarted_at = annotations.get(ANNOTATION_RESTARTED_AT);
    Workload {
        owner: object.owner,
        restarted_for: annotations
            .get(ANNOTATION_RESTARTED_FOR)
            .and_then(|text| RestartedFor::parse(text)),
        restarted_at: restarted_at.and_then(|text| text.parse().ok()),
        rolled_out: object.rolled_out,
        obstacle,
        disruptions_allowed: budgets
            .allow(&metadata.labels.unwrap_or_default())
            .filter(|_| !object.surges),
    }
}

/// The ServiceAccount of a template. The API server sets the deprecated field and the current one alike.
fn service_account(template: &PodTemplateSpec) -> &str {
    let spec = template.spec.as_ref();
    spec.and_then(|spec| spec.service_account_name.as_deref())
        .unwrap_or("default")
}

fn owner(kind: &str, name: Option<&String>) -> Option<WorkloadRef> {
    Some(WorkloadRef {
        kind: kind.to_owned(),
        name: name?.clone(),
    })
}

fn deployment(object: &Deployment) -> Option<WorkloadObject> {
    let spec = object.spec.as_ref()?;
    Some(WorkloadObject {
        owner: owner("Deployment", object.metadata.name.as_ref())?,
        uid: object.metadata.uid.clone(),
        template: spec.template.clone(),
        rolled_out: rollout::of_deployment(object),
        obstacle: (spec.paused == Some(true)).then_some(Obstacle::Paused),
        surges: rollout::surges(spec),
    })
}

fn stateful_set(object: &StatefulSet) -> Option<WorkloadObject> {
    let spec = object.spec.as_ref()?;
    Some(WorkloadObject {
        owner: owner("StatefulSet", object.metadata.name.as_ref())?,
        uid: object.metadata.uid.clone(),
        template: spec.template.clone(),
        rolled_out: rollout::of_stateful_set(object),
        obstacle: rollout::stateful_set_obstacle(spec),
        surges: false,
    })
}

fn daemon_set(object: &DaemonSet) -> Option<WorkloadObject> {
    let spec = object.spec.as_ref()?;
    Some(WorkloadObject {
        owner: owner("DaemonSet", object.metadata.name.as_ref())?,
        uid: object.metadata.uid.clone(),
        template: spec.template.clone(),
        rolled_out: rollout::of_daemon_set(object),
        obstacle: rollout::daemon_set_waits_for_deletion(spec).then_some(Obstacle::OnDelete),
        surges: false,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(spec: &serde_json::Value) -> WorkloadObject {
        let object = json!({"metadata": {"name": "web"}, "spec": spec});
        deployment(&serde_json::from_value(object).unwrap()).unwrap()
    }

    #[test]
    fn workload_has_last_restart_and_disruption_budget() {
        let template = json!({
            "metadata": {"labels": {"app": "web"}, "annotations": {
                "kubectl.kubernetes.io/restartedAt": "2026-03-01T12:00:00+01:00",
                "lanyard.dev/restarted-for": "abc/2026-03-01T10:00:00Z",
            }},
            "spec": {"serviceAccountName": "orders", "containers": []},
        });
        let strategy =
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 1}});
        let spec = json!({"selector": {}, "paused": true, "template": template, "strategy": strategy});
        let web = object(&spec);
        assert_eq!(service_account(&web.template), "orders");
        let budget = json!({
            "metadata": {"name": "b", "generation": 1},
            "spec": {"selector": {"matchLabels": {"app": "web"}}},
            "status": {"observedGeneration": 1, "disruptionsAllowed": 2, "currentHealthy": 3, "desiredHealthy": 1, "expectedPods": 3},
        });
        let budgets = Budgets::new(vec![serde_json::from_value(budget).unwrap()]);
        let expected = Workload {
            owner: WorkloadRef {
                kind: "Deployment".to_owned(),
                name: "web".to_owned(),
            },
            restarted_for: RestartedFor::parse("abc/2026-03-01T10:00:00Z"),
            restarted_at: "2026-03-01T11:00:00Z".parse().ok(),
            rolled_out: false,
            obstacle: Some(Obstacle::Paused),
            disruptions_allowed: Some(2),
        };
        assert_eq!(workload(web, &budgets), expected);
    }

    #[test]
    fn template_without_service_account_uses_default() {
        let web = object(&json!({"selector": {}, "template": {"spec": {"containers": []}}}));
        assert_eq!(service_account(&web.template), "default");
    }
}
