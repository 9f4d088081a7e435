//! Proves that only Lanyard may set the role annotation of a ServiceAccount that it binds, and which message other users
//! get. Does I/O.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use lanyard_core::model::annotation::ANNOTATION_ROLE_ARN;
use serde_json::{Value, json};

use crate::fixture::{BANK, bed, client, denial_of, ensure_same, identities, identity};

const ROLE: &str = "arn:aws:iam::111122223333:role/";
const REFUSAL: &str = "the role of this ServiceAccount is set by the WorkloadIdentity bank/bound: change spec.role there instead of the annotation eks.amazonaws.com/role-arn, or set spec.suspend to true first";

/// A ServiceAccount with this role, or without one.
fn account(name: &str, role: Option<&str>) -> Result<ServiceAccount> {
    let annotations = role.map(|role| json!({ANNOTATION_ROLE_ARN: format!("{ROLE}{role}")}));
    let account = json!({"metadata": {"name": name, "annotations": annotations}});
    Ok(serde_json::from_value(account)?)
}

/// A client of the operator, or of another user, with every permission.
async fn acting_as(user: &str) -> Result<Client> {
    let kubeconfig = Kubeconfig::read_from(bed().await?.kubeconfig())?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    config.auth_info.impersonate = Some(user.to_owned());
    config.auth_info.impersonate_groups = Some(vec!["system:masters".to_owned()]);
    Ok(Client::try_from(config)?)
}

async fn set(client: &Client, name: &str, role: Option<&str>) -> Result<Option<String>> {
    let api: Api<ServiceAccount> = Api::namespaced(client.clone(), BANK);
    let value = role.map(|role| format!("{ROLE}{role}"));
    let patch = json!({"metadata": {"annotations": {ANNOTATION_ROLE_ARN: value}}});
    denial_of(
        api.patch(name, &PatchParams::default(), &Patch::Merge(&patch))
            .await,
    )
}

#[tokio::test]
async fn only_lanyard_sets_role_annotation_of_bound_account() -> Result<()> {
    let client = client().await?;
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), BANK);
    for (name, role) in [("bound", Some("before")), ("unbound", None)] {
        accounts
            .create(&PostParams::default(), &account(name, role)?)
            .await?;
    }
    let api = identities(&client, BANK);
    let spec = json!({"role": {"managed": {}}});
    api.create(&PostParams::default(), &identity("bound", &spec))
        .await?;
    crate::fixture::eventually(async || Ok(set_dry(&accounts, "bound", "theirs").await?.is_some())).await?;

    ensure_same(
        set(&client, "bound", Some("theirs")).await?.context("set")?,
        REFUSAL,
    )?;
    ensure!(
        set(&client, "unbound", Some("theirs")).await?.is_none(),
        "not bound"
    );
    let label = json!({"metadata": {"labels": {"a": "b"}}});
    accounts
        .patch("bound", &PatchParams::default(), &Patch::Merge(&label))
        .await?;
    let operator = acting_as("system:serviceaccount:lanyard-system:lanyard").await?;
    ensure!(
        set(&operator, "bound", Some("ours")).await?.is_none(),
        "the operator"
    );
    let other = acting_as("system:serviceaccount:bank:lanyard").await?;
    ensure_same(
        set(&other, "bound", Some("theirs"))
            .await?
            .context("another lanyard")?,
        REFUSAL,
    )?;
    ensure!(
        set(&client, "bound", None).await?.is_none(),
        "removing the annotation"
    );
    ensure_same(
        set(&client, "bound", Some("theirs"))
            .await?
            .context("setting the annotation again")?,
        REFUSAL,
    )?;

    let recorded = json!({"status": {"role": {"arn": format!("{ROLE}recorded")}}});
    api.patch_status("bound", &PatchParams::default(), &Patch::Merge(&recorded))
        .await?;
    crate::fixture::eventually(async || Ok(set_dry(&accounts, "bound", "recorded").await?.is_none())).await?;
    let suspended = json!({"spec": {"suspend": true}});
    api.patch("bound", &PatchParams::default(), &Patch::Merge(&suspended))
        .await?;
    crate::fixture::eventually(async || Ok(set_dry(&accounts, "bound", "theirs").await?.is_none())).await
}

/// The result of setting a role annotation by dry run.
async fn set_dry(accounts: &Api<ServiceAccount>, name: &str, role: &str) -> Result<Option<String>> {
    let dry_run = PatchParams {
        dry_run: true,
        ..PatchParams::default()
    };
    let patch: Value = json!({"metadata": {"annotations": {ANNOTATION_ROLE_ARN: format!("{ROLE}{role}")}}});
    denial_of(accounts.patch(name, &dry_run, &Patch::Merge(&patch)).await)
}
