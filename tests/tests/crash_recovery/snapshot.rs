//! The complete state of a scenario as one value: all roles, associations and providers of the account, and the namespace.
//! Input: a namespace. Output: JSON without values that always differ: ids, times and counters of the API server. Reads
//! only.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use aws_sdk_iam::types::EntityType;
use kube::ResourceExt as _;
use kube::api::ListParams;
use lanyard_api::{ANNOTATION_INVENTORY, WorkloadIdentity};
use lanyard_tests::{TestNamespace, decoded};
use serde_json::{Map, Value, json};

/// Fields that always differ between two runs of one scenario.
const DIFFERENT: [&str; 7] = [
    "id",
    "externalId",
    "lastTransitionTime",
    "lastHandledReconcileAt",
    "at",
    "since",
    "associationId",
];

/// The complete state.
pub async fn state(scene: &TestNamespace<'_>) -> Result<Value> {
    let (roles, associations, providers, accounts, identities) = tokio::try_join!(
        roles(scene),
        associations(scene),
        providers(scene),
        accounts(scene),
        identities(scene),
    )?;
    let (associations, ids) = associations;
    let state = json!({
        "roles": roles,
        "associations": associations,
        "providers": providers,
        "serviceAccounts": accounts,
        "identities": identities,
    });
    // Conditions name associations by their ids.
    let text = ids
        .iter()
        .fold(state.to_string(), |text, id| text.replace(id, "<association>"));
    Ok(serde_json::from_str(&text)?)
}

/// Removes the corrected drift from statuses: a write from the moment before a stop is recorded nowhere, and is reported as
/// drift once the spec no longer requests it.
pub fn without_corrections(mut state: Value) -> Value {
    let statuses = state.pointer_mut("/identities").and_then(Value::as_object_mut);
    for identity in statuses.into_iter().flat_map(Map::values_mut) {
        if let Some(Value::Object(drift)) = identity.pointer_mut("/status/drift") {
            drift.remove("lastCorrection");
        }
    }
    state
}

async fn roles(scene: &TestNamespace<'_>) -> Result<Value> {
    let iam = &scene.aws.iam;
    let mut roles = Map::new();
    let mut pages = iam
        .get_account_authorization_details()
        .filter(EntityType::Role)
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        for observed in page?.role_detail_list() {
            let name = observed.role_name().context("a role has a name")?;
            let role = iam
                .get_role()
                .role_name(name)
                .send()
                .await?
                .role
                .context("a role")?;
            let inline: Result<BTreeMap<_, _>> = observed
                .role_policy_list()
                .iter()
                .map(|policy| {
                    Ok((
                        policy.policy_name().unwrap_or_default(),
                        decoded(policy.policy_document().unwrap_or("{}"))?,
                    ))
                })
                .collect();
            let mut attached: Vec<_> = observed
                .attached_managed_policies()
                .iter()
                .map(|policy| policy.policy_arn())
                .collect();
            attached.sort_unstable();
            let tags: BTreeMap<_, _> = role.tags().iter().map(|tag| (tag.key(), tag.value())).collect();
            let value = json!({
                "path": role.path(),
                "description": role.description(),
                "maxSession": role.max_session_duration(),
                "boundary": role.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn()),
                "trust": decoded(role.assume_role_policy_document().unwrap_or("{}"))?,
                "attached": attached,
                "inline": inline?,
                "tags": tags,
            });
            roles.insert(name.to_owned(), value);
        }
    }
    Ok(Value::Object(roles))
}

/// Removes the OIDC providers: once created they stay, and their creation depends on the moment of the second change.
pub fn without_providers(mut state: Value) -> Value {
    if let Some(state) = state.as_object_mut() {
        state.remove("providers");
    }
    state
}

/// The associations, and separately their ids.
async fn associations(scene: &TestNamespace<'_>) -> Result<(Value, Vec<String>)> {
    let eks = &scene.aws.eks;
    let listed = eks
        .list_pod_identity_associations()
        .cluster_name("lanyard")
        .send()
        .await?;
    let (mut associations, mut ids) = (Vec::new(), Vec::new());
    for summary in listed.associations() {
        let id = summary.association_id().context("an association has an id")?;
        let Some(observed) = scene.aws.describe(id).await? else {
            continue;
        };
        let tags: BTreeMap<_, _> = observed.tags().into_iter().flatten().collect();
        ids.push(id.to_owned());
        associations.push(json!({
            "subject": format!("{}/{}", observed.namespace().unwrap_or(""), observed.service_account().unwrap_or("")),
            "role": observed.role_arn(),
            "target": observed.target_role_arn(),
            "sessionTagsOff": observed.disable_session_tags(),
            "policy": observed.policy(),
            "tags": tags,
        }));
    }
    // Several associations of one subject would be duplicates; the list keeps all of them.
    associations.sort_by_key(Value::to_string);
    Ok((Value::Array(associations), ids))
}

async fn providers(scene: &TestNamespace<'_>) -> Result<Value> {
    let iam = &scene.aws.iam;
    let listed = iam.list_open_id_connect_providers().send().await?;
    let mut providers = Map::new();
    for entry in listed.open_id_connect_provider_list() {
        let arn = entry.arn().context("a provider has an ARN")?;
        let observed = iam
            .get_open_id_connect_provider()
            .open_id_connect_provider_arn(arn)
            .send()
            .await?;
        let mut audiences = observed.client_id_list().to_vec();
        audiences.sort();
        let tags: BTreeMap<_, _> = observed
            .tags()
            .iter()
            .map(|tag| (tag.key(), tag.value()))
            .collect();
        providers.insert(
            arn.to_owned(),
            json!({"url": observed.url(), "audiences": audiences, "tags": tags}),
        );
    }
    Ok(Value::Object(providers))
}

async fn accounts(scene: &TestNamespace<'_>) -> Result<Value> {
    let mut accounts = Map::new();
    // The controller manager creates the default ServiceAccount of each namespace, at a time of its own.
    let made = scene.accounts().list(&ListParams::default()).await?.into_iter();
    for account in made.filter(|account| account.name_any() != "default") {
        let value = json!({"annotations": account.annotations(), "labels": account.labels()});
        accounts.insert(account.name_any(), value);
    }
    Ok(Value::Object(accounts))
}

async fn identities(scene: &TestNamespace<'_>) -> Result<Value> {
    let mut identities = Map::new();
    for object in scene.identities().list(&ListParams::default()).await? {
        identities.insert(object.name_any(), identity(&object)?);
    }
    Ok(Value::Object(identities))
}

fn identity(object: &WorkloadIdentity) -> Result<Value> {
    let inventory = object.annotations().get(ANNOTATION_INVENTORY);
    let inventory: Option<Value> = inventory.map(|text| serde_json::from_str(text)).transpose()?;
    let mut status = serde_json::to_value(&object.status)?;
    strip(&mut status);
    Ok(json!({"finalizers": object.finalizers(), "inventory": inventory, "status": status}))
}

/// Removes the values that always differ. An association's ARN ends in its id.
fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|key, _| !DIFFERENT.contains(&key.as_str()));
            if let Some(Value::Object(association)) = fields.get_mut("association") {
                association.remove("arn");
            }
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}
