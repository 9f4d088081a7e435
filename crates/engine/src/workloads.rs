//! The workloads that restart a subject's pods: Deployments, StatefulSets and DaemonSets of its namespace whose template
//! uses its ServiceAccount, each with how far it has rolled out and how many of its pods may be away.
//! A subject in, workloads out; reads from the API server, only while a transition may restart something.

mod budgets;
mod rollout;

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

use crate::Engine;
use crate::error::EngineError;
use crate::restart::ANNOTATION_RESTARTED_AT;
use budgets::Budgets;

/// One workload as it was read, before budgets are known.
#[derive(Debug)]
struct Found {
    owner: WorkloadRef,
    template: PodTemplateSpec,
    rolled_out: bool,
    obstacle: Option<Obstacle>,
}

impl Engine {
    /// What restarts the pods of a subject.
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
        let found = deployments.into_iter().chain(stateful_sets).chain(daemon_sets);
        let mut workloads: Vec<Workload> = found
            .filter(|found| service_account(&found.template) == subject.name.as_str())
            .map(|found| workload(found, &budgets))
            .collect();
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
        let mut kept = Vec::new();
        self.list_all(&api, ListParams::default(), &what, |object| {
            kept.extend(keep(object))
        })
        .await?;
        Ok(kept)
    }
}

fn workload(found: Found, budgets: &Budgets) -> Workload {
    let metadata = found.template.metadata.unwrap_or_default();
    let annotations = metadata.annotations.unwrap_or_default();
    let restarted_at = annotations.get(ANNOTATION_RESTARTED_AT);
    Workload {
        owner: found.owner,
        restarted_for: annotations
            .get(ANNOTATION_RESTARTED_FOR)
            .and_then(|text| RestartedFor::parse(text)),
        restarted_at: restarted_at.and_then(|text| text.parse().ok()),
        rolled_out: found.rolled_out,
        obstacle: found.obstacle,
        disruptions_allowed: budgets.allow(&metadata.labels.unwrap_or_default()),
    }
}

/// The ServiceAccount that a template's pods use. The API server fills the old field and the new one alike.
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

fn deployment(object: &Deployment) -> Option<Found> {
    let spec = object.spec.as_ref()?;
    Some(Found {
        owner: owner("Deployment", object.metadata.name.as_ref())?,
        template: spec.template.clone(),
        rolled_out: rollout::of_deployment(object),
        obstacle: (spec.paused == Some(true)).then_some(Obstacle::Paused),
    })
}

fn stateful_set(object: &StatefulSet) -> Option<Found> {
    let spec = object.spec.as_ref()?;
    Some(Found {
        owner: owner("StatefulSet", object.metadata.name.as_ref())?,
        template: spec.template.clone(),
        rolled_out: rollout::of_stateful_set(object),
        obstacle: rollout::stateful_set_obstacle(spec),
    })
}

fn daemon_set(object: &DaemonSet) -> Option<Found> {
    let spec = object.spec.as_ref()?;
    Some(Found {
        owner: owner("DaemonSet", object.metadata.name.as_ref())?,
        template: spec.template.clone(),
        rolled_out: rollout::of_daemon_set(object),
        obstacle: rollout::daemon_set_waits_for_deletion(spec).then_some(Obstacle::OnDelete),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(spec: &serde_json::Value) -> Found {
        let object = json!({"metadata": {"name": "web"}, "spec": spec});
        deployment(&serde_json::from_value(object).unwrap()).unwrap()
    }

    #[test]
    fn a_workload_is_told_with_its_last_restart_and_its_budget() {
        let template = json!({
            "metadata": {"labels": {"app": "web"}, "annotations": {
                "kubectl.kubernetes.io/restartedAt": "2026-03-01T12:00:00+01:00",
                "lanyard.dev/restarted-for": "abc/2026-03-01T10:00:00Z",
            }},
            "spec": {"serviceAccountName": "orders", "containers": []},
        });
        let web = found(&json!({"selector": {}, "paused": true, "template": template}));
        assert_eq!(service_account(&web.template), "orders");
        let budget = json!({
            "metadata": {"name": "b", "generation": 1},
            "spec": {"selector": {"matchLabels": {"app": "web"}}},
            "status": {"observedGeneration": 1, "disruptionsAllowed": 2, "currentHealthy": 3, "desiredHealthy": 1, "expectedPods": 3},
        });
        let budgets = Budgets::new(vec![serde_json::from_value(budget).unwrap()]);
        let wanted = Workload {
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
        assert_eq!(workload(web, &budgets), wanted);
    }

    #[test]
    fn a_template_that_names_no_service_account_uses_the_default() {
        let web = found(&json!({"selector": {}, "template": {"spec": {"containers": []}}}));
        assert_eq!(service_account(&web.template), "default");
    }
}
