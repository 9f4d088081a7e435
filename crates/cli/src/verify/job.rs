//! The Job of a probe: a pod of the ServiceAccount with the operator's image, which a restricted namespace admits and which ends
//! by itself. Input: names and the pod of a workload. Output: a Job. No I/O.

use lanyard_core::model::subject::Subject;
use lanyard_core::proof::PROBE_LABEL;
use serde_json::{Map, Value, json};

/// The name of the container in the pod.
pub(super) const CONTAINER: &str = "probe";

/// The time in seconds after which Kubernetes deletes the Job, even if this command was killed.
const KEPT_SECONDS: u64 = 60;

/// The deadline of the Job in seconds.
const DEADLINE_SECONDS: u64 = 90;

/// The user of the operator's image.
const USER: u64 = 65532;

/// The fields of a workload's pod that decide where and how it runs. Labels are left out: with them the probe would join
/// Services, and so NetworkPolicies by label are not proved.
const COPIED: [&str; 7] = [
    "affinity",
    "hostNetwork",
    "imagePullSecrets",
    "nodeSelector",
    "runtimeClassName",
    "schedulerName",
    "tolerations",
];

/// The probe of one identity.
#[derive(Debug)]
pub(super) struct Probe<'a> {
    /// The ServiceAccount, which has the name of the WorkloadIdentity.
    pub subject: &'a Subject,
    /// The uid of the WorkloadIdentity, which owns the Job.
    pub uid: &'a str,
    /// The image of the operator.
    pub image: &'a str,
    /// The Region of the cluster.
    pub region: Option<&'a str>,
    /// The pod of the workload to run like.
    pub like: Option<&'a Value>,
    /// The time for which this command waits, in seconds.
    pub timeout: u64,
    /// True if the Job stays.
    pub keep: bool,
}

impl Probe<'_> {
    /// The Job.
    pub fn job(&self) -> Value {
        let labels = json!({PROBE_LABEL: "true", "app.kubernetes.io/part-of": "lanyard"});
        let owner = json!({
            "apiVersion": "lanyard.dev/v1alpha1",
            "kind": "WorkloadIdentity",
            "name": self.subject.name,
            "uid": self.uid,
        });
        let mut spec = json!({
            "backoffLimit": 0,
            "activeDeadlineSeconds": self.timeout.max(DEADLINE_SECONDS),
            "template": {"metadata": {"labels": labels}, "spec": self.pod()},
        });
        if let (false, Some(spec)) = (self.keep, spec.as_object_mut()) {
            spec.insert("ttlSecondsAfterFinished".to_owned(), json!(KEPT_SECONDS));
        }
        json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "generateName": "lanyard-probe-",
                "namespace": self.subject.namespace,
                "labels": labels,
                "ownerReferences": [owner],
            },
            "spec": spec,
        })
    }

    fn pod(&self) -> Value {
        let of_workload = self.like.and_then(Value::as_object);
        let copied = COPIED
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), of_workload?.get(*name)?.clone())));
        let mut pod: Map<String, Value> = copied.collect();
        pod.entry("nodeSelector")
            .or_insert_with(|| json!({"kubernetes.io/os": "linux"}));
        let own = json!({
            "serviceAccountName": self.subject.name,
            "automountServiceAccountToken": false,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": USER,
                "runAsGroup": USER,
                // Makes the tokens readable.
                "fsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [self.container()],
        });
        pod.extend(own.as_object().cloned().unwrap_or_default());
        Value::Object(pod)
    }

    fn container(&self) -> Value {
        // The SDK asks the node for a Region if none is set.
        let mut env = vec![json!({"name": "AWS_EC2_METADATA_DISABLED", "value": "true"})];
        if let Some(region) = self.region {
            env.push(json!({"name": "AWS_REGION", "value": region}));
        }
        json!({
            "name": CONTAINER,
            "image": self.image,
            "imagePullPolicy": "IfNotPresent",
            "args": ["probe"],
            "env": env,
            // Limits too, which a ResourceQuota can require.
            "resources": {
                "requests": {"cpu": "10m", "memory": "32Mi"},
                "limits": {"cpu": "200m", "memory": "64Mi"},
            },
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]},
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use lanyard_core::model::name::{ClusterIdentity, Namespace, ServiceAccountName};

    use super::*;

    fn job(like: Option<&Value>, keep: bool) -> Value {
        let subject = Subject {
            cluster: ClusterIdentity::parse("arn:aws:eks:eu-west-1:111122223333:cluster/prod").unwrap(),
            namespace: Namespace::parse("shop").unwrap(),
            name: ServiceAccountName::parse("orders").unwrap(),
        };
        let probe = Probe {
            subject: &subject,
            uid: "1",
            image: "lanyard:dev",
            region: Some("eu-west-1"),
            like,
            timeout: 30,
            keep,
        };
        probe.job()
    }

    #[test]
    fn job_ends_and_is_deleted_without_this_command() {
        let spec = &job(None, false)["spec"];
        assert_eq!(spec["ttlSecondsAfterFinished"], 60);
        assert_eq!(
            (&spec["activeDeadlineSeconds"], &spec["backoffLimit"]),
            (&json!(90), &json!(0))
        );
        assert_eq!(job(None, true)["spec"].get("ttlSecondsAfterFinished"), None);
    }

    #[test]
    fn pod_is_restricted_and_mounts_no_token_of_its_own() {
        let job = job(None, false);
        let pod = &job["spec"]["template"]["spec"];
        assert_eq!(pod["automountServiceAccountToken"], false);
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
        let container = &pod["containers"][0];
        assert_eq!(
            container["securityContext"]["capabilities"]["drop"],
            json!(["ALL"])
        );
        assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
        assert_eq!(job["spec"]["template"]["metadata"]["labels"][PROBE_LABEL], "true");
        assert_eq!(job["metadata"]["ownerReferences"][0]["kind"], "WorkloadIdentity");
    }

    #[test]
    fn workload_lends_its_place_but_no_account_labels_or_containers() {
        let like = json!({
            "nodeSelector": {"pool": "gpu"}, "tolerations": [{"operator": "Exists"}], "runtimeClassName": "gvisor",
            "serviceAccountName": "other", "containers": [{"name": "app"}], "volumes": [{"name": "secret"}],
        });
        let job = job(Some(&like), false);
        let pod = &job["spec"]["template"]["spec"];
        assert_eq!(pod["nodeSelector"], json!({"pool": "gpu"}));
        assert_eq!(
            (&pod["runtimeClassName"], &pod["serviceAccountName"]),
            (&json!("gvisor"), &json!("orders"))
        );
        assert_eq!(pod["containers"][0]["name"], CONTAINER);
        assert_eq!(pod.get("volumes"), None);
    }
}
