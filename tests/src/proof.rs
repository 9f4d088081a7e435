//! The proof of IRSA: a token of a ServiceAccount, exchanged at STS as an SDK in a pod would.
//! A role and a ServiceAccount in, what STS says out. Does I/O.

use anyhow::{Context, Result};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use kube::api::PostParams;

use crate::test_namespace::TestNamespace;

impl TestNamespace<'_> {
    /// Asks STS for the role with a token of a ServiceAccount: the caller's identity, or the code of the refusal.
    ///
    /// # Errors
    /// When there is no token to be had, or STS answers without an identity.
    pub async fn assume(&self, role: &str, account: &str) -> Result<Result<String, String>> {
        let request = TokenRequest {
            spec: TokenRequestSpec {
                audiences: vec!["sts.amazonaws.com".to_owned()],
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let answer = self
            .accounts()
            .create_token_request(account, &PostParams::default(), &request)
            .await?;
        let token = answer.status.context("a token")?.token;
        let call = self
            .aws
            .sts
            .assume_role_with_web_identity()
            .role_arn(role)
            .role_session_name("test");
        match call.web_identity_token(token).send().await {
            Ok(assumed) => Ok(Ok(assumed.assumed_role_user.context("a user")?.arn)),
            Err(error) => {
                let code = aws_sdk_sts::error::ProvideErrorMetadata::code(&error);
                Ok(Err(code.unwrap_or_default().to_owned()))
            }
        }
    }
}
