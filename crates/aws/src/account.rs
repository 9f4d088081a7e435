//! Other accounts: the same reads and writes as a role of another account, with credentials, clients and budgets of their own.
//! A role to assume in, an [`Aws`] out, the same one for the same role. STS is called when the first call needs credentials
//! and again before they end; `role` and `provider` methods of what comes out work in that account.
//!
//! The SDK has a provider for this too. Its errors are its own words with the id of the request in them, and its calls keep
//! to no budget: this one assumes the role by a call like any other.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::text::quote;

use crate::call::{Call, Service};
use crate::client::Aws;
use crate::error::AwsError;

/// Characters of a session's name (STS `AssumeRole`).
const SESSION_LIMIT: usize = 64;

/// A role that Lanyard assumes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AssumedRole {
    /// The role.
    pub arn: RoleArn,
    /// The external id that its trust policy demands.
    pub external_id: Option<String>,
    /// What the session is called in that account's records: cut at 64, and what no name may hold becomes `-`.
    pub session: String,
}

impl AssumedRole {
    fn session_name(&self) -> String {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
        let name = self.session.chars().map(|c| if allowed(c) { c } else { '-' });
        name.take(SESSION_LIMIT).collect()
    }
}

/// The accounts that were gone to so far.
#[derive(Default)]
pub(crate) struct Accounts(Mutex<HashMap<AssumedRole, Aws>>);

impl Accounts {
    /// All of them.
    pub(crate) fn known(&self) -> Vec<Aws> {
        self.accounts().values().cloned().collect()
    }

    /// A panic elsewhere leaves the accounts as they were.
    fn accounts(&self) -> MutexGuard<'_, HashMap<AssumedRole, Aws>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Aws {
    /// AWS as a role, with Lanyard's own credentials assuming it. Calls nothing yet: a refusal is the first call's.
    #[must_use]
    pub fn assuming(&self, role: &AssumedRole) -> Self {
        let mut known = self.accounts().accounts();
        let aws = known
            .entry(role.clone())
            .or_insert_with(|| self.first_assuming(role));
        aws.in_lane(self.lane())
    }

    fn first_assuming(&self, role: &AssumedRole) -> Self {
        tracing::info!(
            role = %role.arn,
            session = %quote(&role.session_name()),
            "roles of another account are managed by assuming a role there"
        );
        let assuming = Assuming {
            // Clients of its own: what is remembered of accounts would else hold itself.
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

/// Lanyard's own credentials, and the role that they assume.
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
        let unclear = || AwsError::unclear(&call, "it lacks credentials that last");
        let made = answer.credentials().ok_or_else(unclear)?;
        let expires = SystemTime::try_from(*made.expiration()).map_err(|_| unclear())?;
        Ok(Credentials::new(
            made.access_key_id(),
            made.secret_access_key(),
            Some(made.session_token().to_owned()),
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
    use super::*;
    use crate::budget::Lane;
    use crate::client::AwsSettings;

    fn role(account: &str, external_id: Option<&str>) -> AssumedRole {
        AssumedRole {
            arn: RoleArn::parse(&format!("arn:aws:iam::{account}:role/lanyard")).unwrap(),
            external_id: external_id.map(str::to_owned),
            session: format!("lanyard-{}", "prod/".repeat(20)),
        }
    }

    #[test]
    fn a_session_has_a_name_that_sts_takes() {
        let name = role("111122223333", None).session_name();
        assert_eq!(name.len(), SESSION_LIMIT);
        assert!(name.starts_with("lanyard-prod-prod-"), "{name}");
    }

    fn home() -> Aws {
        let config = aws_config::SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .build();
        Aws::with_config(&config, AwsSettings::default())
    }

    #[test]
    fn one_role_is_one_client_and_another_external_id_another_role() {
        let aws = home();
        for (account, external_id) in [
            ("111122223333", None),
            ("111122223333", None),
            ("111122223333", Some("x")),
            ("444455556666", None),
        ] {
            drop(aws.assuming(&role(account, external_id)));
        }
        assert_eq!(aws.accounts().known().len(), 3);
    }

    #[test]
    fn what_works_in_the_background_does_so_in_other_accounts_too() {
        let (aws, role) = (home(), role("111122223333", None));
        let (sweeping, looking) = (aws.in_background().assuming(&role), aws.assuming(&role));
        assert_eq!(
            (sweeping.lane(), looking.lane()),
            (Lane::Background, Lane::Foreground)
        );
        assert_eq!(aws.budgets().len(), 16);
    }
}
