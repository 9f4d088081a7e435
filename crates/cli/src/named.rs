//! The WorkloadIdentity that a user names: by its own name, its ServiceAccount, a pod or a workload. Input: a name with or
//! without a kind. Output: the name of the WorkloadIdentity, which is that of the ServiceAccount. Reads from the API server.

use kube::ResourceExt;
use kube::api::{Api, ApiResource, DynamicObject, ListParams};
use lanyard_engine::kube_message;
use serde_json::Value;

use crate::connect::{Connection, namespace_exists};
use crate::error::{CliError, nearest};

/// The ServiceAccount of a pod that names none (Kubernetes, `ServiceAccount` admission).
const DEFAULT: &str = "default";

/// A kind that uses a ServiceAccount, and the place of its name.
#[derive(Debug, PartialEq, Eq)]
struct Kind {
    names: &'static [&'static str],
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
    account: &'static str,
}

const KINDS: [Kind; 6] = [
    Kind {
        names: &["po", "pod", "pods"],
        group: "",
        kind: "Pod",
        plural: "pods",
        account: "/spec/serviceAccountName",
    },
    Kind {
        names: &["deploy", "deployment", "deployments"],
        group: "apps",
        kind: "Deployment",
        plural: "deployments",
        account: "/spec/template/spec/serviceAccountName",
    },
    Kind {
        names: &["sts", "statefulset", "statefulsets"],
        group: "apps",
        kind: "StatefulSet",
        plural: "statefulsets",
        account: "/spec/template/spec/serviceAccountName",
    },
    Kind {
        names: &["ds", "daemonset", "daemonsets"],
        group: "apps",
        kind: "DaemonSet",
        plural: "daemonsets",
        account: "/spec/template/spec/serviceAccountName",
    },
    Kind {
        names: &["job", "jobs"],
        group: "batch",
        kind: "Job",
        plural: "jobs",
        account: "/spec/template/spec/serviceAccountName",
    },
    Kind {
        names: &["cj", "cronjob", "cronjobs"],
        group: "batch",
        kind: "CronJob",
        plural: "cronjobs",
        account: "/spec/jobTemplate/spec/template/spec/serviceAccountName",
    },
];

/// The kinds whose objects have the name of the WorkloadIdentity.
const SAME_NAME: [&str; 6] = [
    "wid",
    "workloadidentity",
    "workloadidentities",
    "sa",
    "serviceaccount",
    "serviceaccounts",
];

/// A name as the user wrote it.
#[derive(Debug, PartialEq, Eq)]
enum Named<'a> {
    /// The name of a WorkloadIdentity or its ServiceAccount.
    Identity(&'a str),
    /// The name of a pod or workload.
    Workload(&'static Kind, &'a str),
}

/// Returns the name of the WorkloadIdentity.
///
/// # Errors
/// Returns an error if the pod or workload does not exist or cannot be read, or if the kind is not known.
pub(crate) async fn identity_name(connection: &Connection, text: &str) -> Result<String, CliError> {
    match parse(text)? {
        Named::Identity(name) => Ok(name.to_owned()),
        Named::Workload(kind, name) => service_account(connection, kind, name).await,
    }
}

fn parse(text: &str) -> Result<Named<'_>, CliError> {
    let Some((kind, name)) = text.split_once('/') else {
        return Ok(Named::Identity(text));
    };
    let lower = kind.to_ascii_lowercase();
    if SAME_NAME.contains(&lower.as_str()) {
        return Ok(Named::Identity(name));
    }
    if let Some(known) = KINDS.iter().find(|known| known.names.contains(&lower.as_str())) {
        return Ok(Named::Workload(known, name));
    }
    let known = KINDS.iter().flat_map(|kind| kind.names).chain(&SAME_NAME);
    Err(CliError::Usage(format!(
        "{text}: {kind} is not one of wid, sa, pod, deploy, statefulset, daemonset, job and cronjob{}",
        nearest(&lower, known.copied())
    )))
}

impl Kind {
    fn api(&self, connection: &Connection) -> Api<DynamicObject> {
        let api_version = match self.group {
            "" => "v1".to_owned(),
            group => format!("{group}/v1"),
        };
        let resource = ApiResource {
            group: self.group.to_owned(),
            version: "v1".to_owned(),
            api_version,
            kind: self.kind.to_owned(),
            plural: self.plural.to_owned(),
        };
        Api::namespaced_with(connection.client.clone(), &connection.namespace, &resource)
    }

    /// The ServiceAccount of an object.
    fn account_of(&self, data: &Value) -> String {
        let name = data.pointer(self.account).and_then(Value::as_str);
        name.filter(|name| !name.is_empty()).unwrap_or(DEFAULT).to_owned()
    }
}

/// Returns the spec of the pod, or of the pods of the workload.
///
/// # Errors
/// Returns an error if it does not exist or cannot be read, or if the name is not that of a pod or workload.
pub(crate) async fn pod_spec(connection: &Connection, text: &str) -> Result<Value, CliError> {
    let Named::Workload(kind, name) = parse(text)? else {
        return Err(CliError::Usage(format!(
            "{text}: name a pod or workload, as deploy/orders"
        )));
    };
    let object = object(connection, kind, name).await?;
    let spec = kind.account.strip_suffix("/serviceAccountName");
    Ok(spec
        .and_then(|spec| object.data.pointer(spec))
        .cloned()
        .unwrap_or_default())
}

async fn service_account(connection: &Connection, kind: &Kind, name: &str) -> Result<String, CliError> {
    object(connection, kind, name)
        .await
        .map(|object| kind.account_of(&object.data))
}

/// Reads a pod or workload.
async fn object(connection: &Connection, kind: &Kind, name: &str) -> Result<DynamicObject, CliError> {
    let api = kind.api(connection);
    match api.get_opt(name).await {
        Ok(Some(object)) => Ok(object),
        Ok(None) => Err(unknown(connection, kind, &api, name).await),
        Err(error) => Err(CliError::Api {
            action: format!(
                "get {} {}/{name}",
                kind.kind.to_ascii_lowercase(),
                connection.namespace
            ),
            message: kube_message(&error),
        }),
    }
}

async fn unknown(connection: &Connection, kind: &Kind, api: &Api<DynamicObject>, name: &str) -> CliError {
    if let Err(error) = namespace_exists(connection).await {
        return error;
    }
    // The names only help: a failed list leaves them out.
    let listed = api.list(&ListParams::default().limit(500)).await;
    let names: Vec<String> = listed
        .map(|list| list.items.iter().map(ResourceExt::name_any).collect())
        .unwrap_or_default();
    CliError::NoObject {
        kind: kind.kind.to_ascii_lowercase(),
        namespace: connection.namespace.clone(),
        name: name.to_owned(),
        hint: nearest(name, names.iter().map(String::as_str)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kind(name: &str) -> &'static Kind {
        KINDS.iter().find(|kind| kind.kind == name).unwrap()
    }

    #[test]
    fn names_may_have_the_kind_of_any_object_of_the_identity() {
        for name in ["orders", "wid/orders", "sa/orders", "ServiceAccount/orders"] {
            assert_eq!(parse(name).unwrap(), Named::Identity("orders"), "{name}");
        }
        for (name, expected) in [
            ("pod/x", "Pod"),
            ("deploy/x", "Deployment"),
            ("StatefulSet/x", "StatefulSet"),
            ("ds/x", "DaemonSet"),
            ("job/x", "Job"),
            ("cronjob/x", "CronJob"),
        ] {
            assert_eq!(
                parse(name).unwrap(),
                Named::Workload(kind(expected), "x"),
                "{name}"
            );
        }
    }

    #[test]
    fn unknown_kind_suggests_the_nearest_one() {
        let error = parse("deply/orders").unwrap_err().to_string();
        assert!(
            error.contains("deply is not one of wid, sa") && error.contains("nearest: deploy"),
            "{error}"
        );
    }

    #[test]
    fn service_account_of_a_workload_is_that_of_its_pods() {
        let pod = json!({"spec": {"serviceAccountName": "orders"}});
        let template = json!({"spec": {"template": pod}});
        let cron = json!({"spec": {"jobTemplate": template}});
        for (name, object) in [("Pod", &pod), ("Deployment", &template), ("CronJob", &cron)] {
            assert_eq!(kind(name).account_of(object), "orders", "{name}");
        }
        assert_eq!(kind("Job").account_of(&json!({"spec": {}})), "default");
    }
}
