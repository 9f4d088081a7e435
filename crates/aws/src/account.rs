//! Other accounts: the same reads and writes as a role of another account, with credentials, clients and budgets of their own.
//! A role to assume in, an [`Aws`] out, the same one for the same role. STS is called when the first call needs credentials
//! and again before they end; `role` and `provider` methods of what comes out work in that account.

use std::collections::HashMap;

use aws_config::sts::AssumeRoleProvider;
use lanyard_core::arn::RoleArn;
use lanyard_core::text::quote;
use tokio::sync::Mutex;

use crate::client::Aws;

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

impl Aws {
    /// AWS as a role, with Lanyard's own credentials assuming it. Calls nothing yet: a refusal is the first call's.
    pub async fn assuming(&self, role: &AssumedRole) -> Self {
        let mut known = self.accounts().0.lock().await;
        if let Some(aws) = known.get(role) {
            return aws.clone();
        }
        tracing::info!(
            role = %role.arn,
            session = %quote(&role.session_name()),
            "roles of another account are managed by assuming a role there"
        );
        let mut provider = AssumeRoleProvider::builder(role.arn.to_string())
            .session_name(role.session_name())
            .configure(self.config());
        if let Some(id) = &role.external_id {
            provider = provider.external_id(id);
        }
        let credentials =
            aws_credential_types::provider::SharedCredentialsProvider::new(provider.build().await);
        let config = self
            .config()
            .to_builder()
            .credentials_provider(credentials)
            .build();
        let aws = Self::with_config(&config, self.settings().clone());
        known.insert(role.clone(), aws.clone());
        aws
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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

    #[tokio::test]
    async fn one_role_is_one_client_and_another_external_id_another_role() {
        let loader = aws_config::defaults(aws_config::BehaviorVersion::latest());
        let config = loader.region(aws_config::Region::new("eu-west-1")).load().await;
        let aws = Aws::with_config(&config, AwsSettings::default());
        for (account, external_id) in [
            ("111122223333", None),
            ("111122223333", None),
            ("111122223333", Some("x")),
            ("444455556666", None),
        ] {
            aws.assuming(&role(account, external_id)).await;
        }
        assert_eq!(aws.accounts().0.lock().await.len(), 3);
    }
}
