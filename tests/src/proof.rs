//! Proves that IRSA works: exchanges the token of a ServiceAccount at STS, as an SDK in a pod does. Input: a role and a
//! ServiceAccount. Output: the answer of STS. Does I/O.

use anyhow::{Context, Result};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use kube::api::PostParams;

use crate::test_namespace::TestNamespace;

impl TestNamespace<'_> {
    /// Assumes the role with a token of the ServiceAccount. Returns the ARN of the session, or the error code of the
    /// refusal.
    ///
    /// # Errors
    /// Returns an error if the API server issues no token or STS returns no identity.
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
