//! The proof of a web identity: a token becomes a session that can do nothing but say who it is. Input: a role and a token.
//! Output: the ARN of the session. Does I/O: one unsigned call of STS, and one with the credentials of the session, which
//! leave this module never.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use lanyard_core::model::arn::RoleArn;
use lanyard_core::proof::{DENY_ALL, SESSION_SECONDS};

use crate::call::{Call, Service};
use crate::client::Aws;
use crate::error::AwsError;
use crate::secret::Secret;

/// A web identity to prove.
#[derive(Debug)]
pub struct WebIdentity<'a> {
    /// The role.
    pub role: &'a RoleArn,
    /// The token of the ServiceAccount.
    pub token: Secret,
    /// The session name, in the form that STS accepts.
    pub session_name: String,
}

impl Aws {
    /// Assumes the role with the token, under a session policy that denies everything, and returns the ARN of the session.
    ///
    /// # Errors
    /// Returns an error if a call fails or the answer lacks a value.
    pub async fn caller_with_web_identity(&self, identity: &WebIdentity<'_>) -> Result<String, AwsError> {
        let call = Call::read(Service::Sts, "AssumeRoleWithWebIdentity", identity.role);
        let call = self.within_a_region(call)?;
        let request = self
            .sts()
            .assume_role_with_web_identity()
            .role_arn(identity.role.to_string())
            .role_session_name(&identity.session_name)
            .web_identity_token(identity.token.expose())
            .duration_seconds(SESSION_SECONDS)
            .policy(DENY_ALL);
        let answer = self.call(call.clone(), || request.clone().send()).await?;
        let found = answer
            .credentials
            .ok_or_else(|| AwsError::unclear(&call, "the answer has no credentials"))?;
        let token = Some(found.session_token);
        let credentials = Credentials::new(
            found.access_key_id,
            found.secret_access_key,
            token,
            None,
            "AssumeRoleWithWebIdentity",
        );
        let provider = SharedCredentialsProvider::new(credentials);
        let config = self.config().to_builder().credentials_provider(provider).build();
        Self::with_config(&config, self.settings().clone())
            .caller_arn()
            .await
    }
}
