//! The completion of a rollout, by the rules of `kubectl rollout status` (kubectl
//! `pkg/polymorphichelpers/rollout_status.go`). Input: a workload. Output: a bool. No I/O. For `OnDelete`,
//! which kubectl does not support, the counts decide.

use k8s_openapi::api::apps::v1::{
    DaemonSet, DaemonSetSpec, Deployment, DeploymentSpec, DeploymentStatus, StatefulSet, StatefulSetSpec,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::core::ObjectMeta;
use lanyard_core::model::workload::Obstacle;

const ON_DELETE: &str = "OnDelete";

/// Returns true if the controller observed the latest template. False if it never reported.
fn is_observed(metadata: &ObjectMeta, observed: Option<i64>) -> bool {
    observed.is_some_and(|observed| observed > 0 && observed >= metadata.generation.unwrap_or_default())
}

/// Returns true if every replica is updated and available, and no replica of an older template remains.
pub(super) fn of_deployment(object: &Deployment) -> bool {
    let (Some(spec), Some(status)) = (&object.spec, &object.status) else {
        return false;
    };
    let DeploymentStatus {
        replicas,
        updated_replicas,
        available_replicas,
        ..
    } = status;
    let updated = updated_replicas.unwrap_or_default();
    is_observed(&object.metadata, status.observed_generation)
        && updated >= spec.replicas.unwrap_or(1)
        && replicas.unwrap_or_default() <= updated
        && available_replicas.unwrap_or_default() >= updated
}

/// Returns true if a rollout makes no pod unavailable: `maxUnavailable` rounds down to 0 pods and `maxSurge` allows one
/// more (`k8s.io/kubernetes` `pkg/controller/deployment/util/deployment_util.go`, `ResolveFenceposts`). Both default to 25 %.
pub(super) fn surges(spec: &DeploymentSpec) -> bool {
    let strategy = spec.strategy.as_ref();
    if strategy.and_then(|strategy| strategy.type_.as_deref()) == Some("Recreate") {
        return false;
    }
    let rolling = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
    let replicas = i64::from(spec.replicas.unwrap_or(1));
    let unavailable = rolling.and_then(|rolling| rolling.max_unavailable.as_ref());
    let surge = rolling.and_then(|rolling| rolling.max_surge.as_ref());
    // A surge of more than 0 % rounds up to one pod.
    percentage_or_count(unavailable).is_some_and(|limit| limit.pods(replicas) == 0)
        && percentage_or_count(surge).is_some_and(|limit| !limit.is_zero())
}

/// A limit of a rolling update.
#[derive(Debug, Clone, Copy)]
enum Limit {
    Pods(i64),
    Percent(i64),
}

impl Limit {
    /// The number of pods, rounded down.
    fn pods(self, replicas: i64) -> i64 {
        match self {
            Self::Pods(pods) => pods,
            Self::Percent(percent) => percent.saturating_mul(replicas) / 100,
        }
    }

    fn is_zero(self) -> bool {
        matches!(self, Self::Pods(0) | Self::Percent(0))
    }
}

/// Parses a limit. Returns `None` if it has another form.
fn percentage_or_count(limit: Option<&IntOrString>) -> Option<Limit> {
    match limit {
        None => Some(Limit::Percent(25)),
        Some(IntOrString::Int(pods)) => Some(Limit::Pods(i64::from(*pods))),
        Some(IntOrString::String(text)) => text.strip_suffix('%')?.parse().ok().map(Limit::Percent),
    }
}

/// Returns true if every replica is ready, and every replica beyond the partition is updated. Without `RollingUpdate`
/// the current revision does not advance, so the count of updated replicas decides.
pub(super) fn of_stateful_set(object: &StatefulSet) -> bool {
    let (Some(spec), Some(status)) = (&object.spec, &object.status) else {
        return false;
    };
    let replicas = spec.replicas.unwrap_or(1);
    if !is_observed(&object.metadata, status.observed_generation)
        || status.ready_replicas.unwrap_or_default() < replicas
    {
        return false;
    }
    let partition = partition(spec);
    if partition.is_some() || stateful_set_waits_for_deletion(spec) {
        let to_update = replicas - partition.unwrap_or_default();
        return status.updated_replicas.unwrap_or_default() >= to_update;
    }
    status.update_revision == status.current_revision
}

/// Returns true if every target node has an available pod of the latest template.
pub(super) fn of_daemon_set(object: &DaemonSet) -> bool {
    let Some(status) = &object.status else {
        return false;
    };
    let desired = status.desired_number_scheduled;
    is_observed(&object.metadata, status.observed_generation)
        && status.updated_number_scheduled.unwrap_or_default() >= desired
        && status.number_available.unwrap_or_default() >= desired
}

/// Returns true if a StatefulSet replaces pods only after their deletion.
fn stateful_set_waits_for_deletion(spec: &StatefulSetSpec) -> bool {
    let strategy = spec.update_strategy.as_ref();
    strategy.and_then(|strategy| strategy.type_.as_deref()) == Some(ON_DELETE)
}

/// The setting that keeps a StatefulSet from replacing all of its pods.
pub(super) fn stateful_set_obstacle(spec: &StatefulSetSpec) -> Option<Obstacle> {
    let partition = partition(spec).is_some_and(|partition| partition > 0);
    let on_delete = stateful_set_waits_for_deletion(spec).then_some(Obstacle::OnDelete);
    on_delete.or(partition.then_some(Obstacle::Partition))
}

fn partition(spec: &StatefulSetSpec) -> Option<i32> {
    let strategy = spec.update_strategy.as_ref()?;
    strategy.rolling_update.as_ref()?.partition
}

/// Returns true if a DaemonSet replaces pods only after their deletion.
pub(super) fn daemon_set_waits_for_deletion(spec: &DaemonSetSpec) -> bool {
    let strategy = spec.update_strategy.as_ref();
    strategy.and_then(|strategy| strategy.type_.as_deref()) == Some(ON_DELETE)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use super::*;

    fn object<K: DeserializeOwned>(spec: Value, status: Value) -> K {
        let mut whole = spec;
        whole["selector"] = json!({});
        whole["template"] = json!({});
        whole["serviceName"] = json!("s");
        serde_json::from_value(json!({"metadata": {"generation": 2}, "spec": whole, "status": status}))
            .unwrap()
    }

    #[test]
    fn deployment_is_rolled_out_when_updated_and_available() {
        let over = |status| of_deployment(&object(json!({"replicas": 3}), status));
        let status = |observed: i64, replicas: i32, updated: i32, available: i32| json!({"observedGeneration": observed, "replicas": replicas, "updatedReplicas": updated, "availableReplicas": available});
        assert!(over(status(2, 3, 3, 3)));
        assert!(
            !over(status(1, 3, 3, 3)),
            "the controller has not seen the template"
        );
        assert!(!over(status(2, 3, 2, 3)), "one is not updated");
        assert!(!over(status(2, 4, 3, 3)), "an old one is still there");
        assert!(!over(status(2, 3, 3, 2)), "one is not available");
        assert!(!over(json!({})), "the controller never reported");
        assert!(of_deployment(&object(
            json!({"replicas": 0}),
            json!({"observedGeneration": 2})
        )));
    }

    #[test]
    fn deployment_surges_when_no_pod_may_be_unavailable() {
        let surges = |replicas: i32, strategy: Value| {
            let spec = json!({"replicas": replicas, "strategy": strategy});
            super::surges(&object::<Deployment>(spec, json!({})).spec.unwrap())
        };
        let rolling = |unavailable: Value, surge: Value| json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": unavailable, "maxSurge": surge}});
        assert!(surges(1, json!({})));
        assert!(surges(3, rolling(json!("25%"), json!("25%"))));
        assert!(!surges(4, rolling(json!("25%"), json!("25%"))));
        assert!(surges(9, rolling(json!(0), json!(1))));
        assert!(!surges(1, rolling(json!(1), json!(1))));
        assert!(
            !surges(1, rolling(json!("0%"), json!(0))),
            "one pod may then be unavailable"
        );
        assert!(!surges(1, json!({"type": "Recreate"})));
    }

    #[test]
    fn stateful_set_is_rolled_out_up_to_its_partition() {
        let over = |strategy: Value, status: Value| {
            of_stateful_set(&object(
                json!({"replicas": 3, "updateStrategy": strategy}),
                status,
            ))
        };
        let status = |ready: i32, updated: i32, current: &str| {
            json!({
                "observedGeneration": 2, "replicas": 3, "readyReplicas": ready, "updatedReplicas": updated,
                "currentRevision": current, "updateRevision": "new",
            })
        };
        let rolling =
            |partition: i32| json!({"type": "RollingUpdate", "rollingUpdate": {"partition": partition}});
        assert!(over(rolling(0), status(3, 3, "new")));
        assert!(!over(rolling(0), status(3, 2, "old")));
        assert!(!over(rolling(0), status(2, 3, "new")), "one is not ready");
        assert!(
            over(rolling(1), status(3, 2, "old")),
            "the partition keeps one back"
        );
        let plain = json!({"type": "RollingUpdate"});
        assert!(over(plain.clone(), status(3, 3, "new")));
        assert!(!over(plain, status(3, 3, "old")));
    }

    #[test]
    fn on_delete_workload_is_judged_by_its_counts() {
        let strategy = json!({"updateStrategy": {"type": "OnDelete"}});
        let status = |updated: i32| {
            json!({
                "observedGeneration": 2, "replicas": 1, "readyReplicas": 1, "updatedReplicas": updated,
                "currentRevision": "old", "updateRevision": "new",
            })
        };
        let set = |updated| object::<StatefulSet>(strategy.clone(), status(updated));
        assert!(stateful_set_waits_for_deletion(&set(1).spec.unwrap()));
        assert!(of_stateful_set(&set(1)));
        assert!(!of_stateful_set(&set(0)));
        let counts = json!({"currentNumberScheduled": 0, "desiredNumberScheduled": 0, "numberMisscheduled": 0, "numberReady": 0});
        let daemon: DaemonSet = object(strategy, counts);
        assert!(daemon_set_waits_for_deletion(&daemon.spec.unwrap()));
    }

    #[test]
    fn daemon_set_is_rolled_out_when_every_node_is_updated() {
        let over = |observed: i64, updated: i32, available: i32| {
            let status = json!({
                "observedGeneration": observed, "currentNumberScheduled": 2, "desiredNumberScheduled": 2, "numberReady": 2,
                "numberMisscheduled": 0, "updatedNumberScheduled": updated, "numberAvailable": available,
            });
            of_daemon_set(&object(json!({}), status))
        };
        assert!(over(2, 2, 2));
        assert!(!over(1, 2, 2));
        assert!(!over(2, 1, 2));
        assert!(!over(2, 2, 1));
    }
}
