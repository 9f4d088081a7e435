//! IRSA: provider, role, trust and annotation; and that the credentials really work.

use anyhow::{Context, Result};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use kube::api::PostParams;
use lanyard_tests::Scene;
use serde_json::json;

use crate::stage;

const READ_ONLY: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";

#[tokio::test]
async fn a_service_account_gets_working_credentials_and_another_one_does_not() -> Result<()> {
    let scene = stage().await?.scene("irsa-works").await?;
    scene.account("orders").await?;
    scene.account("stranger").await?;
    scene
        .apply(
            "orders",
            json!({"method": "IRSA", "role": {"managed": {"policyArns": [READ_ONLY]}}}),
        )
        .await?;
    let object = scene.until_ready("orders").await?;
    let arn = object
        .status
        .and_then(|status| status.role)
        .context("a role")?
        .arn;

    let assumed = assume(&scene, &arn, "orders").await?;
    assert!(
        assumed.is_ok(),
        "the ServiceAccount's own token is accepted: {assumed:?}"
    );
    let refused = assume(&scene, &arn, "stranger").await?;
    assert_eq!(refused.unwrap_err(), "AccessDenied");
    Ok(())
}

#[tokio::test]
async fn the_annotations_say_what_the_spec_asks_for() -> Result<()> {
    let scene = stage().await?.scene("irsa-annotations").await?;
    let irsa =
        json!({"audience": "vault.example.com", "tokenExpiration": "2h", "stsRegionalEndpoints": true});
    let spec =
        json!({"serviceAccount": {"create": true}, "method": "IRSA", "irsa": irsa, "role": {"managed": {}}});
    scene.apply("orders", spec).await?;
    let object = scene.until_ready("orders").await?;

    let account = scene.accounts().get("orders").await?;
    let annotations = account.metadata.annotations.context("annotations")?;
    let arn = object
        .status
        .and_then(|status| status.role)
        .context("a role")?
        .arn;
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
async fn a_missing_service_account_is_waited_for_and_seen_at_once() -> Result<()> {
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

/// Asks STS for the role with a token of a ServiceAccount: the caller's identity, or the code of the refusal.
async fn assume(scene: &Scene<'_>, role: &str, account: &str) -> Result<Result<String, String>> {
    let request = TokenRequest {
        spec: TokenRequestSpec {
            audiences: vec!["sts.amazonaws.com".to_owned()],
            ..TokenRequestSpec::default()
        },
        ..TokenRequest::default()
    };
    let answer = scene
        .accounts()
        .create_token_request(account, &PostParams::default(), &request)
        .await?;
    let token = answer.status.context("a token")?.token;
    let call = scene
        .aws
        .sts
        .assume_role_with_web_identity()
        .role_arn(role)
        .role_session_name("test");
    match call.web_identity_token(token).send().await {
        Ok(assumed) => Ok(Ok(assumed.assumed_role_user.context("a user")?.arn)),
        Err(error) => {
            let code = aws_sdk_sts::error::ProvideErrorMetadata::code(&error)
                .unwrap_or_default()
                .to_owned();
            Ok(Err(code))
        }
    }
}
