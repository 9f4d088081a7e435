//! The IAM OIDC provider: read, created, given one more audience; never changed otherwise and never removed.
//! The provider's ARN in, a fact or an answer out; one call each.

use lanyard_core::model::arn::Issuer;
use lanyard_core::model::fact::Fact;
use lanyard_core::model::name::Audience;
use lanyard_core::model::observed::Provider;

use crate::call::{Call, Service};
use crate::client::Aws;
use crate::error::{AwsError, Class};

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
            }),
            Err(error) if error.class() == Class::NotFound => Fact::Absent,
            Err(error) => Fact::Unreadable(error.why()),
        }
    }

    /// Creates the provider. Without a thumbprint: IAM finds it itself (docs/dev/aws-behaviour.md#oidc-provider-api).
    ///
    /// # Errors
    /// When the call fails; [`Class::Conflicting`] when the provider is there.
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

    /// Gives the provider one more audience; one that it has already is no error.
    ///
    /// # Errors
    /// When the call fails.
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
