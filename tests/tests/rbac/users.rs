//! Proves that `lanyard-view` and `lanyard-edit` extend the built-in roles: three roles may read, two may write, and none
//! may write the status. Users have only those roles, in one namespace. Does I/O.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use k8s_openapi::api::rbac::v1::{RoleBinding, RoleRef, Subject};
use kube::api::{Api, ObjectMeta, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use lanyard_api::WorkloadIdentity;
use lanyard_testkit::TestBed;
use lanyard_tests::{eventually, rights};
use serde_json::json;

const NAMESPACE: &str = "default";
const READS: [&str; 3] = ["get", "list", "watch"];
const WRITES: [&str; 5] = ["create", "update", "patch", "delete", "deletecollection"];

#[tokio::test]
async fn built_in_roles_access_identities_but_not_status() -> Result<()> {
    let bed = TestBed::shared().await?;
    bed.apply_crds().await?;
    rights::apply(bed, &[])?;
    for role in ["view", "edit", "admin"] {
        let user = tenant(bed, role).await?;
        until_allowed(&user, "list").await?;
        for verb in READS {
            ensure!(may(&user, verb, "").await?, "{role} may {verb}");
        }
        for verb in WRITES {
            ensure!(
                !may(&user, verb, "").await?,
                "{role} may not {verb}: the role does not grant it"
            );
        }
    }
    rights::apply(bed, &["tenants"])?;
    until_allowed(&tenant(bed, "admin").await?, "create").await?;
    for (role, writes) in [("view", false), ("edit", true), ("admin", true)] {
        let user = tenant(bed, role).await?;
        for verb in WRITES {
            ensure!(may(&user, verb, "").await? == writes, "{role}: {verb}");
            ensure!(
                !may(&user, verb, "status").await?,
                "{role} may not {verb} a status"
            );
        }
    }
    requests_are_enforced(&tenant(bed, "edit").await?).await
}

/// Checks the same rules by real requests.
async fn requests_are_enforced(editor: &Client) -> Result<()> {
    let api: Api<WorkloadIdentity> = Api::namespaced(editor.clone(), NAMESPACE);
    let identity = serde_json::from_value(json!({
        "apiVersion": "lanyard.dev/v1alpha1", "kind": "WorkloadIdentity",
        "metadata": {"name": "orders"}, "spec": {"role": {"managed": {}}},
    }))?;
    api.create(&PostParams::default(), &identity).await?;
    let forged = Patch::Merge(json!({"status": {"observedGeneration": 1}}));
    match api.patch_status("orders", &PatchParams::default(), &forged).await {
        Err(kube::Error::Api(refusal)) if refusal.code == 403 => Ok(()),
        other => anyhow::bail!("a tenant wrote a status: {other:?}"),
    }
}

/// A client of a user with one built-in role in one namespace.
async fn tenant(bed: &TestBed, role: &str) -> Result<Client> {
    let user = format!("tenant-{role}");
    let binding = RoleBinding {
        metadata: ObjectMeta {
            name: Some(user.clone()),
            ..ObjectMeta::default()
        },
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "ClusterRole".to_owned(),
            name: role.to_owned(),
        },
        subjects: Some(vec![Subject {
            kind: "User".to_owned(),
            name: user.clone(),
            ..Subject::default()
        }]),
    };
    let bindings: Api<RoleBinding> = Api::namespaced(bed.client().await?, NAMESPACE);
    let applied = PatchParams::apply("test").force();
    bindings.patch(&user, &applied, &Patch::Apply(&binding)).await?;
    let kubeconfig = Kubeconfig::read_from(bed.kubeconfig())?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    config.auth_info.impersonate = Some(user);
    Ok(Client::try_from(config)?)
}

/// Returns `true` if RBAC allows the client's user this verb on WorkloadIdentities.
async fn may(user: &Client, verb: &str, subresource: &str) -> Result<bool> {
    let attributes = ResourceAttributes {
        namespace: Some(NAMESPACE.to_owned()),
        group: Some("lanyard.dev".to_owned()),
        resource: Some("workloadidentities".to_owned()),
        subresource: Some(subresource.to_owned()).filter(|name| !name.is_empty()),
        verb: Some(verb.to_owned()),
        ..ResourceAttributes::default()
    };
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let api: Api<SelfSubjectAccessReview> = Api::all(user.clone());
    let answer = api.create(&PostParams::default(), &review).await?;
    Ok(answer.status.context("an answer")?.allowed)
}

/// Waits until the aggregation controller has updated the roles.
async fn until_allowed(user: &Client, verb: &str) -> Result<()> {
    eventually("the roles are aggregated", async || may(user, verb, "").await).await
}
