//! The optional policy by which pods wait for their first binding, with each kind of workload. The test sets the status
//! that the operator would set. Does I/O.

use std::collections::BTreeSet;

use anyhow::{Result, bail, ensure};
use k8s_openapi::api::core::v1::{Event, Namespace, Pod, ServiceAccount};
use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};
use lanyard_api::WorkloadIdentity;
use lanyard_tests::{eventually, with};
use serde_json::{Value, json};

use crate::ask::bed;

const POLICY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/admission/pods-wait.yaml");
const NAMESPACE: &str = "pods-wait";
const WAITS: &str = "waits until its ServiceAccount is bound for the first time";

#[tokio::test]
async fn pods_of_every_workload_wait_for_first_binding() -> Result<()> {
    let client = prepared().await?;
    let unbound = async || Ok(denial(&client, "orders").await?.is_some());
    eventually("the policy applies", unbound).await?;
    for kind in ["Deployment", "StatefulSet", "DaemonSet", "Job"] {
        create(&client, kind).await?;
    }
    let events: Api<Event> = Api::namespaced(client.clone(), NAMESPACE);
    let denied = async || {
        let list = events.list(&ListParams::default()).await?;
        let waits = list.iter().filter(|event| {
            let message = event.message.as_deref().unwrap_or_default();
            message.contains(WAITS) && event.reason.as_deref() == Some("FailedCreate")
        });
        let kinds: BTreeSet<&str> = waits
            .filter_map(|event| event.involved_object.kind.as_deref())
            .collect();
        Ok(kinds == ["DaemonSet", "Job", "ReplicaSet", "StatefulSet"].into())
    };
    eventually("each controller reports the denial", denied).await?;
    ensure!(owners(&client).await?.is_empty(), "no pod exists");
    ensure!(
        denial(&client, "other").await?.is_none(),
        "no WorkloadIdentity, no wait"
    );

    set_state(&client, "Pending").await?;
    ensure!(
        denial(&client, "orders").await?.is_some(),
        "a pending binding is none"
    );
    set_state(&client, "Active").await?;
    let all: BTreeSet<String> = ["DaemonSet", "Job", "ReplicaSet", "StatefulSet"]
        .map(str::to_owned)
        .into();
    eventually("each controller created its pod", async || {
        Ok(owners(&client).await? == all)
    })
    .await?;
    set_state(&client, "Draining").await?;
    ensure!(
        denial(&client, "orders").await?.is_none(),
        "never after the first binding"
    );
    Ok(())
}

/// A namespace with two ServiceAccounts and a WorkloadIdentity for the first one, and the policy.
async fn prepared() -> Result<Client> {
    let bed = bed().await?;
    let client = bed.client().await?;
    let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": NAMESPACE}}))?;
    Api::<Namespace>::all(client.clone())
        .create(&PostParams::default(), &namespace)
        .await?;
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), NAMESPACE);
    for name in ["orders", "other"] {
        let account = serde_json::from_value(json!({"metadata": {"name": name}}))?;
        accounts.create(&PostParams::default(), &account).await?;
    }
    let spec = serde_json::from_value(json!({"method": "IRSA", "role": {"managed": {}}}))?;
    identities(&client)
        .create(&PostParams::default(), &WorkloadIdentity::new("orders", spec))
        .await?;
    let applied = bed.kubectl().args(["apply", "-f", POLICY]).output()?;
    if !applied.status.success() {
        bail!("{}", String::from_utf8_lossy(&applied.stderr));
    }
    Ok(client)
}

fn identities(client: &Client) -> Api<WorkloadIdentity> {
    Api::namespaced(client.clone(), NAMESPACE)
}

/// Sets the state of the only binding, as the operator does.
async fn set_state(client: &Client, state: &str) -> Result<()> {
    let binding = json!({
        "method": "IRSA", "roleArn": "arn:aws:iam::111122223333:role/orders", "state": state,
        "issuer": "https://oidc.eks.eu-west-1.amazonaws.com/id/A1", "audience": "sts.amazonaws.com",
    });
    let patch = Patch::Merge(json!({"status": {"bindings": [binding]}}));
    identities(client)
        .patch_status("orders", &PatchParams::default(), &patch)
        .await?;
    // The API server reads parameters from a watch of its own.
    let is_denied = state == "Pending";
    let follows = async || Ok(denial(client, "orders").await?.is_some() == is_denied);
    eventually("the policy follows the status", follows).await
}

/// The denial of a pod of a ServiceAccount, by dry run. Returns `None` if it is admitted.
async fn denial(client: &Client, account: &str) -> Result<Option<String>> {
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let pod: Pod = serde_json::from_value(json!({"metadata": {"name": "asked"}, "spec": pod_spec(account)}))?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    match pods.create(&dry_run, &pod).await {
        Ok(_) => Ok(None),
        Err(kube::Error::Api(status)) if status.message.contains(WAITS) => Ok(Some(status.message.clone())),
        Err(error) => Err(error.into()),
    }
}

fn pod_spec(account: &str) -> Value {
    json!({"serviceAccountName": account, "containers": [{"name": "app", "image": "app"}]})
}

async fn create(client: &Client, kind: &str) -> Result<()> {
    let (group, restart) = match kind {
        "Job" => ("batch", "Never"),
        _ => ("apps", "Always"),
    };
    let name = kind.to_lowercase();
    let pod = with(pod_spec("orders"), json!({"restartPolicy": restart}));
    let labels = json!({"app": name});
    let template = json!({"template": {"metadata": {"labels": labels}, "spec": pod}});
    let spec = match kind {
        "Job" => template,
        _ => with(template, json!({"selector": {"matchLabels": labels}})),
    };
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
    let mut object = DynamicObject::new(&name, &resource);
    object.data = json!({"spec": spec});
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), NAMESPACE, &resource);
    api.create(&PostParams::default(), &object).await?;
    Ok(())
}

/// The kinds of the controllers that have a pod.
async fn owners(client: &Client) -> Result<BTreeSet<String>> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let list = pods.list(&ListParams::default()).await?;
    let owners = list
        .iter()
        .flat_map(|pod| pod.metadata.owner_references.iter().flatten());
    Ok(owners.map(|owner| owner.kind.clone()).collect())
}
