//! The proof: tokens of the API server exchanged at STS, where the emulator judges the role's trust.

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
