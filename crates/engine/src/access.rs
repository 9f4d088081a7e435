//! Access to AWS accounts: with the operator's own credentials, or with the role that a class names. Input: the
//! access settings of a class and an account. Output: an AWS client, or an error if no access is configured. No
//! I/O.
//!
//! IAM finds a role by its name in the account of the caller. A call in the wrong account would return another
//! role.

use lanyard_aws::{AssumedRole, Aws};
use lanyard_core::class;
use lanyard_core::model::name::AccountId;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::target::Target;

/// The access to one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountAccess {
    /// The role to assume, as set by a class.
    pub by: class::Aws,
    /// The account.
    pub account: AccountId,
}

impl Engine {
    /// Returns the access to an account for an object of a class, or `None` if neither the class nor the
    /// operator has access.
    #[must_use]
    pub fn access_to(&self, by: &class::Aws, account: &AccountId) -> Option<AccountAccess> {
        let assumed = by.assume_role_arn.as_ref();
        let by = match assumed.filter(|role| role.account == *account) {
            Some(_) => by.clone(),
            None if *account == self.cluster().account => class::Aws::default(),
            None => return None,
        };
        let account = account.clone();
        Some(AccountAccess { by, account })
    }

    /// The client for a target in an account.
    pub(crate) async fn aws_in(&self, target: &Target, account: &AccountId) -> Result<Aws, EngineError> {
        self.aws_by(&target.access, account).await
    }

    /// The client for an account, with the access settings of a class.
    pub(crate) async fn aws_by(&self, by: &class::Aws, account: &AccountId) -> Result<Aws, EngineError> {
        let access = self
            .access_to(by, account)
            .ok_or_else(|| EngineError::NoAccess(account.clone()))?;
        let Some(arn) = access.by.assume_role_arn else {
            return Ok(self.aws().clone());
        };
        let role = AssumedRole {
            arn,
            external_id: access.by.external_id,
            session: format!("lanyard-{}", self.cluster_label()),
        };
        Ok(self.aws().assuming(&role))
    }

    /// The client for a provider, whose account is part of its ARN.
    pub(crate) async fn aws_of_provider(&self, by: &class::Aws, arn: &str) -> Result<Aws, EngineError> {
        let account = arn.split(':').nth(4).unwrap_or_default();
        match AccountId::parse(account) {
            Ok(account) => self.aws_by(by, &account).await,
            Err(_) => Ok(self.aws().clone()),
        }
    }

    fn cluster_label(&self) -> String {
        let cluster = self.cluster();
        cluster
            .eks_name()
            .map_or_else(|| cluster.identity.to_string(), ToString::to_string)
    }
}
