//! Proves IRSA: provider, role, trust policy and annotation. Does I/O.

use anyhow::{Context, Result};
use lanyard_tests::arn_of;
use serde_json::json;

use crate::stage;

#[tokio::test]
async fn annotations_match_spec() -> Result<()> {
    let scene = stage().await?.scene("irsa-annotations").await?;
    let irsa =
        json!({"audience": "vault.example.com", "tokenExpiration": "2h", "stsRegionalEndpoints": true});
    let spec =
        json!({"serviceAccount": {"create": true}, "method": "IRSA", "irsa": irsa, "role": {"managed": {}}});
    scene.apply("orders", spec).await?;
    let object = scene.until_ready("orders").await?;

    let account = scene.accounts().get("orders").await?;
    let annotations = account.metadata.annotations.context("annotations")?;
    let arn = arn_of(&object)?;
    assert_eq!(annotations["eks.amazonaws.com/role-arn"], arn);
    assert_eq!(annotations["eks.amazonaws.com/audience"], "vault.example.com");
    assert_eq!(annotations["eks.amazonaws.com/token-expiration"], "7200");
    assert_eq!(annotations["eks.amazonaws.com/sts-regional-endpoints"], "true");
    let providers = scene.aws.iam.list_open_id_connect_providers().send().await?;
    let arn = providers
        .open_id_connect_provider_list()
        .first()
        .and_then(|found| found.arn())
        .context("a provider")?;
    let provider = scene
        .aws
        .iam
        .get_open_id_connect_provider()
        .open_id_connect_provider_arn(arn)
        .send()
        .await?;
    assert!(
        provider
            .client_id_list()
            .contains(&"vault.example.com".to_owned()),
        "the audience was added: {provider:?}"
    );
    Ok(())
}

#[tokio::test]
async fn missing_service_account_is_awaited_and_bound_at_once() -> Result<()> {
    let scene = stage().await?.scene("irsa-waits").await?;
    scene
        .apply("orders", json!({"method": "IRSA", "role": {"managed": {}}}))
        .await?;
    scene
        .until_is("orders", "Ready", "False", "ServiceAccountMissing")
        .await?;
    scene.account("orders").await?;
    scene.until_ready("orders").await?;
    Ok(())
}
