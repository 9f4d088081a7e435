//! Access to other accounts: the same reads and writes with an assumed role, with separate credentials, clients and
//! budgets. Input: a role. Output: an [`Aws`], the same one for each use of a role. Does I/O: STS is called when the
//! first call needs credentials, and again before they expire.
//!
//! The provider of the SDK is not used, because its errors contain the request id and its calls bypass the call budget.
//! This provider assumes the role with an ordinary call.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use lanyard_core::model::text::quote;

use super::assumed_role::AssumedRole;
use super::connection::Aws;
use crate::call::{Call, Service};
use crate::error::AwsError;

impl Aws {
    /// Returns the client that works with a role, assumed with the operator's own credentials. Calls nothing
    /// yet: the first call of the client returns the error if the role cannot be assumed.
    #[must_use]
    pub fn assuming(&self, role: &AssumedRole) -> Self {
        let aws = self.account(role, || self.with_role(role));
        aws.in_lane(self.lane())
    }

    fn with_role(&self, role: &AssumedRole) -> Self {
        tracing::info!(
            role = %role.arn,
            session = %quote(&role.session_name()),
            "managing roles of another account with an assumed role"
        );
        let assuming = Assuming {
            // Separate clients, because a clone of `self` would create a reference cycle through its accounts.
            aws: Self::with_config(self.config(), self.settings().clone()),
            role: role.clone(),
        };
        let credentials = SharedCredentialsProvider::new(assuming);
        let config = self
            .config()
            .to_builder()
            .credentials_provider(credentials)
            .build();
        Self::with_config(&config, self.settings().clone())
    }
}

/// The operator's own client, and the role that it assumes.
#[derive(Debug)]
struct Assuming {
    aws: Aws,
    role: AssumedRole,
}

impl Assuming {
    async fn credentials(&self) -> Result<Credentials, AwsError> {
        let id = match &self.role.external_id {
            Some(_) => "with the external id of its class",
            None => "without an external id",
        };
        let call = Call::read(Service::Sts, "AssumeRole", format_args!("{} {id}", self.role.arn));
        let request = self.aws.sts().assume_role();
        let request = request
            .role_arn(self.role.arn.to_string())
            .role_session_name(self.role.session_name())
            .set_external_id(self.role.external_id.clone());
        let answer = self.aws.call(call.clone(), || request.clone().send()).await?;
        let unclear = || AwsError::unclear(&call, "the answer has no credentials with a valid expiration");
        let credentials = answer.credentials().ok_or_else(unclear)?;
        let expires = SystemTime::try_from(*credentials.expiration()).map_err(|_| unclear())?;
        Ok(Credentials::new(
            credentials.access_key_id(),
            credentials.secret_access_key(),
            Some(credentials.session_token().to_owned()),
            Some(expires),
            "AssumeRole",
        ))
    }
}

impl ProvideCredentials for Assuming {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            self.credentials().await.map_err(CredentialsError::provider_error)
        })
    }
}

#[cfg(test)]
mod tests {
    use lanyard_core::model::arn::RoleArn;

    use super::*;
    use crate::budget::Lane;
    use crate::client::AwsSettings;

    fn role(account: &str, external_id: Option<&str>) -> AssumedRole {
        AssumedRole {
            arn: RoleArn::parse(&format!("arn:aws:iam::{account}:role/lanyard")).unwrap(),
            external_id: external_id.map(str::to_owned),
            session: "lanyard".to_owned(),
        }
    }

    fn own_account() -> Aws {
        let config = aws_config::SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .build();
        Aws::with_config(&config, AwsSettings::default())
    }

    #[test]
    fn each_role_and_external_id_has_one_client() {
        let aws = own_account();
        for (account, external_id) in [
            ("111122223333", None),
            ("111122223333", None),
            ("111122223333", Some("x")),
            ("444455556666", None),
        ] {
            drop(aws.assuming(&role(account, external_id)));
        }
        assert_eq!(aws.other_accounts().len(), 3);
    }

    #[test]
    fn background_lane_applies_to_other_accounts() {
        let aws = own_account();
        let role = role("111122223333", None);
        assert_eq!(aws.in_background().assuming(&role).lane(), Lane::Background);
        assert_eq!(aws.assuming(&role).lane(), Lane::Foreground);
        assert_eq!(aws.budgets().len(), 16);
    }
}
