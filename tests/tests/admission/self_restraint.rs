//! The optional policy that holds the operator's own ServiceAccount to what the operator does. The requests are made as
//! that ServiceAccount, with all rights, so that only the policy can deny them. Does I/O.

use anyhow::{Result, bail, ensure};
use k8s_openapi::api::core::v1::{Namespace, Pod, ServiceAccount};
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client, Config};
use lanyard_testkit::TestBed;
use lanyard_tests::eventually;
use serde_json::{Value, json};

use crate::ask::bed;

const POLICY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../config/components/self-restraint/policy.yaml"
);
const NAMESPACE: &str = "self-restraint";
const OPERATOR: &str = "system:serviceaccount:lanyard-system:lanyard";
const KINDS: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];

#[tokio::test]
async fn operator_account_changes_only_what_the_operator_changes() -> Result<()> {
    let bed = bed().await?;
    let admin = bed.client().await?;
    prepare(bed, &admin).await?;
    let operator = operator(bed, &admin).await?;
    let pods: Api<Pod> = Api::namespaced(operator.clone(), NAMESPACE);
    let pod = serde_json::from_value(json!({"metadata": {"name": "own"}, "spec": pod_spec("app:1")}))?;
    let deployments = workloads(&operator, "Deployment");
    eventually("the policy applies", async || {
        denied(
            deployments
                .delete("app", &DeleteParams::default().dry_run())
                .await,
        )
    })
    .await?;
    ensure!(
        denied(pods.create(&PostParams::default(), &pod).await)?,
        "a pod was created"
    );
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    ensure!(
        !denied(pods.create(&dry_run, &pod).await)?,
        "a dry run creates nothing"
    );

    for kind in KINDS {
        workload_is_protected(&workloads(&operator, kind), kind).await?;
    }
    service_account_is_protected(&Api::namespaced(operator, NAMESPACE)).await?;
    // Other users are not concerned.
    let patch = json!({"spec": {"template": {"spec": pod_spec("app:2")}}});
    let patched = patched(&workloads(&admin, "Deployment"), "app", patch).await;
    ensure!(!denied(patched)?, "the policy concerns the operator only");
    Ok(())
}

async fn workload_is_protected(api: &Api<DynamicObject>, kind: &str) -> Result<()> {
    let notes = |notes: Value| json!({"spec": {"template": {"metadata": {"annotations": notes}}}});
    let restart = json!({"kubectl.kubernetes.io/restartedAt": "2026-03-01T10:00:00Z", "lanyard.dev/restarted-for": "x"});
    ensure!(
        !denied(patched(api, "app", notes(restart)).await)?,
        "{kind}: a restart is denied"
    );
    for patch in [
        notes(json!({"example.com/other": "x"})),
        notes(json!({"example.com/kept": null})),
        json!({"spec": {"template": {"metadata": {"labels": {"more": "x"}}}}}),
        json!({"spec": {"template": {"spec": pod_spec("evil:1")}}}),
        json!({"spec": {"template": {"spec": {"serviceAccountName": "other"}}}}),
        json!({"spec": {"revisionHistoryLimit": 3}}),
        json!({"metadata": {"labels": {"more": "x"}}}),
        json!({"metadata": {"annotations": {"more": "x"}}}),
        json!({"metadata": {"finalizers": ["example.com/x"]}}),
    ] {
        let text = patch.to_string();
        ensure!(denied(patched(api, "app", patch).await)?, "{kind}: {text}");
    }
    ensure!(
        denied(api.create(&PostParams::default(), &workload(kind, "own")).await)?,
        "{kind}: created"
    );
    ensure!(
        denied(api.delete("app", &DeleteParams::default()).await)?,
        "{kind}: deleted"
    );
    Ok(())
}

async fn service_account_is_protected(api: &Api<ServiceAccount>) -> Result<()> {
    let apply = |name: &'static str, patch: Value| async move {
        let patch = Patch::Merge(patch);
        api.patch(name, &PatchParams::default(), &patch).await
    };
    let own = json!({"metadata": {"annotations": {"eks.amazonaws.com/role-arn": "arn:r"}}});
    ensure!(!denied(apply("orders", own).await)?, "the operator's own fields");
    for patch in [
        json!({"metadata": {"annotations": {"example.com/x": "y"}}}),
        json!({"metadata": {"annotations": {"example.com/x": ""}}}),
        json!({"metadata": {"annotations": {"example.com/kept": null}}}),
        json!({"metadata": {"labels": {"example.com/x": ""}}}),
        // With its label it could be deleted.
        json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "lanyard"}}}),
        json!({"metadata": {"finalizers": ["example.com/x"]}}),
        // The garbage collector would delete it with an owner that does not exist.
        json!({"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "x"}]}}),
        json!({"imagePullSecrets": [{"name": "x"}]}),
        json!({"automountServiceAccountToken": false}),
    ] {
        let text = patch.to_string();
        ensure!(denied(apply("orders", patch).await)?, "{text}");
    }
    let account = |extra: Value| -> Result<ServiceAccount> {
        let mut account =
            json!({"metadata": {"name": "created", "labels": {"app.kubernetes.io/managed-by": "lanyard"}}});
        if let (Some(account), Some(extra)) = (account.as_object_mut(), extra.as_object()) {
            account.extend(extra.clone());
        }
        Ok(serde_json::from_value(account)?)
    };
    let with_secret = account(json!({"imagePullSecrets": [{"name": "x"}]}))?;
    ensure!(denied(api.create(&PostParams::default(), &with_secret).await)?);
    ensure!(!denied(
        api.create(&PostParams::default(), &account(json!({}))?).await
    )?);
    ensure!(!denied(api.delete("created", &DeleteParams::default()).await)?);
    ensure!(
        denied(api.delete("other", &DeleteParams::default()).await)?,
        "not created by Lanyard"
    );
    Ok(())
}

/// Returns whether the policy denied a request. Any other error is one.
fn denied<T>(result: Result<T, kube::Error>) -> Result<bool> {
    match result {
        Ok(_) => Ok(false),
        Err(kube::Error::Api(status)) if status.message.contains("self-restraint.lanyard.dev") => Ok(true),
        Err(error) => bail!(error),
    }
}

async fn patched(api: &Api<DynamicObject>, name: &str, patch: Value) -> Result<DynamicObject, kube::Error> {
    api.patch(name, &PatchParams::default(), &Patch::Merge(&patch))
        .await
}

fn pod_spec(image: &str) -> Value {
    json!({"containers": [{"name": "app", "image": image}]})
}

fn workload(kind: &str, name: &str) -> DynamicObject {
    let labels = json!({"app": name});
    let mut object = DynamicObject::new(name, &resource(kind));
    let metadata = json!({"labels": labels, "annotations": {"example.com/kept": "x"}});
    object.data = json!({"spec": {"selector": {"matchLabels": labels}, "template": {"metadata": metadata, "spec": pod_spec("app:1")}}});
    object
}

fn resource(kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", kind))
}

fn workloads(client: &Client, kind: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), NAMESPACE, &resource(kind))
}

/// A namespace with a workload of each kind and two ServiceAccounts, and the policy.
async fn prepare(bed: &TestBed, admin: &Client) -> Result<()> {
    let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": NAMESPACE}}))?;
    Api::<Namespace>::all(admin.clone())
        .create(&PostParams::default(), &namespace)
        .await?;
    for kind in KINDS {
        let api = workloads(admin, kind);
        api.create(&PostParams::default(), &workload(kind, "app")).await?;
    }
    let accounts: Api<ServiceAccount> = Api::namespaced(admin.clone(), NAMESPACE);
    for name in ["orders", "other"] {
        let account = json!({"metadata": {"name": name, "annotations": {"example.com/kept": "x"}}});
        accounts
            .create(&PostParams::default(), &serde_json::from_value(account)?)
            .await?;
    }
    let applied = bed.kubectl().args(["apply", "-f", POLICY]).output()?;
    ensure!(
        applied.status.success(),
        "{}",
        String::from_utf8_lossy(&applied.stderr)
    );
    Ok(())
}

/// A client of the operator's ServiceAccount with all rights.
async fn operator(bed: &TestBed, admin: &Client) -> Result<Client> {
    let binding: ClusterRoleBinding = serde_json::from_value(json!({
        "metadata": {"name": "operator-with-all-rights"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "User", "name": OPERATOR, "apiGroup": "rbac.authorization.k8s.io"}],
    }))?;
    Api::<ClusterRoleBinding>::all(admin.clone())
        .create(&PostParams::default(), &binding)
        .await?;
    let kubeconfig = Kubeconfig::read_from(bed.kubeconfig())?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    config.auth_info.impersonate = Some(OPERATOR.to_owned());
    Ok(Client::try_from(config)?)
}
