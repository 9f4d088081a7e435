//! The IAM OIDC provider. Lanyard reads and creates it and adds audiences, but makes no other change and never
//! deletes it. Input: the ARN of the provider. Output: a fact or an answer. Does I/O: one call each.

use lanyard_core::model::arn::Issuer;
use lanyard_core::model::fact::Fact;
use lanyard_core::model::name::Audience;
use lanyard_core::model::observed::Provider;

use crate::call::{Call, Service};
use crate::client::Aws;
use crate::error::{AwsError, Class};
use crate::time::timestamp;

impl Aws {
    /// Reads the provider.
    pub async fn provider(&self, arn: &str) -> Fact<Provider> {
        let call = Call::read(Service::Iam, "GetOpenIDConnectProvider", arn);
        let request = self
            .iam()
            .get_open_id_connect_provider()
            .open_id_connect_provider_arn(arn);
        match self.call(call, || request.clone().send()).await {
            Ok(answer) => Fact::Present(Provider {
                client_ids: answer.client_id_list().iter().cloned().collect(),
                modified_at: answer.create_date().and_then(timestamp),
            }),
            Err(error) if error.class() == Class::NotFound => Fact::Absent,
            Err(error) => Fact::Unreadable(error.read_error()),
        }
    }

    /// Creates the provider. No thumbprint is sent, because IAM determines it
    /// (docs/dev/aws-behaviour.md#oidc-provider-api).
    ///
    /// # Errors
    ///
    /// Returns an error if the call fails, with [`Class::Conflicting`] if the provider exists.
    pub async fn create_provider(
        &self,
        arn: &str,
        issuer: &Issuer,
        client_id: &Audience,
    ) -> Result<(), AwsError> {
        let call = Call::write(Service::Iam, "CreateOpenIDConnectProvider", arn);
        let request = self
            .iam()
            .create_open_id_connect_provider()
            .url(issuer.as_str())
            .client_id_list(client_id.as_str());
        self.call(call, || request.clone().send()).await.map(drop)
    }

    /// Adds an audience to the provider. An existing audience counts as success.
    ///
    /// # Errors
    ///
    /// Returns an error if the call fails.
    pub async fn add_client_id(&self, arn: &str, client_id: &Audience) -> Result<(), AwsError> {
        let call = Call::write(Service::Iam, "AddClientIDToOpenIDConnectProvider", arn);
        let request = self
            .iam()
            .add_client_id_to_open_id_connect_provider()
            .open_id_connect_provider_arn(arn)
            .client_id(client_id.as_str());
        self.call(call, || request.clone().send()).await.map(drop)
    }
}
