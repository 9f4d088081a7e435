//! Proves that what stands between pods and Pod Identity beside the pods is found before anything is changed: a NetworkPolicy
//! without the agent's address, and a SecretStore that creates tokens of the ServiceAccount. Does I/O.

use anyhow::{Result, ensure};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, PostParams};
use kube::core::GroupVersionKind;
use lanyard_tests::{TestNamespace, eventually};
use serde_json::json;

use crate::change::{fleet, only_pod_identity, plain, until_done, until_message};
use crate::fleet::create;
use crate::trust::Form;

/// No association was made while the transition waits.
async fn nothing_is_changed(scene: &TestNamespace<'_>) -> Result<()> {
    let associations = scene.aws.associations(&scene.namespace, "orders").await?;
    ensure!(associations.is_empty(), "{associations:?}");
    Ok(())
}

#[tokio::test]
async fn egress_policy_without_agent_requires_approval() -> Result<()> {
    let scene = fleet("egress", "IRSA").await?;
    let closed = json!({"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Egress"],
        "egress": [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}}]}]});
    create(&scene, "networking.k8s.io", "NetworkPolicy", "closed", closed).await?;
    scene.apply("orders", plain("PodIdentity", "Rollout")).await?;
    until_message(&scene, "ApprovalRequired", "NetworkPolicy closed").await?;
    nothing_is_changed(&scene).await?;

    let agent = json!({"podSelector": {}, "policyTypes": ["Egress"],
        "egress": [{"to": [{"ipBlock": {"cidr": "169.254.170.23/32"}}], "ports": [{"protocol": "TCP", "port": 80}]}]});
    create(&scene, "networking.k8s.io", "NetworkPolicy", "agent", agent).await?;
    until_done(&scene).await?;
    let policies: Api<NetworkPolicy> = Api::namespaced(scene.client.clone(), &scene.namespace);
    policies.get("closed").await?;
    only_pod_identity(&scene, Form::Tagged).await
}

/// Installs a CRD in the form of External Secrets.
async fn install_secret_stores(scene: &TestNamespace<'_>) -> Result<ApiResource> {
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let crd: CustomResourceDefinition = serde_json::from_value(json!({
        "metadata": {"name": "secretstores.external-secrets.io"},
        "spec": {
            "group": "external-secrets.io",
            "scope": "Namespaced",
            "names": {"kind": "SecretStore", "plural": "secretstores", "singular": "secretstore", "listKind": "SecretStoreList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
        },
    }))?;
    let crds: Api<CustomResourceDefinition> = Api::all(scene.client.clone());
    crds.create(&PostParams::default(), &crd).await?;
    let kind = GroupVersionKind::gvk("external-secrets.io", "v1", "SecretStore");
    let resource = ApiResource::from_gvk_with_plural(&kind, "secretstores");
    let stores: Api<DynamicObject> = Api::namespaced_with(scene.client.clone(), &scene.namespace, &resource);
    eventually("the kind is served", async || {
        Ok(stores.list(&Default::default()).await.is_ok())
    })
    .await?;
    Ok(resource)
}

#[tokio::test]
async fn secret_store_with_account_requires_approval() -> Result<()> {
    let scene = fleet("tokens", "IRSA").await?;
    let resource = install_secret_stores(&scene).await?;
    let stores: Api<DynamicObject> = Api::namespaced_with(scene.client.clone(), &scene.namespace, &resource);
    let mut store = DynamicObject::new("aws", &resource).within(&scene.namespace);
    store.data = json!({"spec": {"provider": {"aws": {"service": "SecretsManager",
        "auth": {"jwt": {"serviceAccountRef": {"name": "orders"}}}}}}});
    stores.create(&PostParams::default(), &store).await?;
    scene.apply("orders", plain("PodIdentity", "Rollout")).await?;
    until_message(&scene, "ApprovalRequired", "SecretStore tokens/aws").await?;
    nothing_is_changed(&scene).await?;

    stores.delete("aws", &DeleteParams::default()).await?;
    until_done(&scene).await?;
    only_pod_identity(&scene, Form::Tagged).await
}
