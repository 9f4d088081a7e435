//! Proves that the component `token-clients` permits exactly the lists of the kinds in core's table. Does I/O.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::core::{ApiResource, GroupVersionKind};
use lanyard_core::token_clients::TOKEN_CLIENTS;
use lanyard_tests::manifests;
use serde_json::{Value, json};

use crate::chart;
use crate::stage;

#[tokio::test]
async fn component_token_clients_permits_the_kinds_of_the_table() -> Result<()> {
    let bed = &stage().await?.bed;
    let objects = chart::objects(&manifests::rendered(bed, &["token-clients"])?)?;
    let is_role = |object: &Value| {
        object.get("kind") == Some(&json!("ClusterRole"))
            && object.pointer("/metadata/name") == Some(&json!("lanyard-token-clients"))
    };
    let role = objects.into_iter().find(is_role).context("the ClusterRole")?;
    let role: ClusterRole = serde_json::from_value(role)?;
    let mut permitted = BTreeSet::new();
    for rule in role.rules.context("rules")? {
        assert_eq!(rule.verbs, ["list"]);
        for group in rule.api_groups.iter().flatten() {
            let resources = rule.resources.iter().flatten();
            permitted.extend(resources.map(|resource| format!("{resource}.{group}")));
        }
    }
    let resource = |group: &str, kind: &str| ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
    let expected: BTreeSet<String> = TOKEN_CLIENTS
        .iter()
        .map(|known| format!("{}.{}", resource(known.group, known.kind).plural, known.group))
        .collect();
    assert_eq!(permitted, expected);
    Ok(())
}
