//! Which AWS a thing is read and written through: Lanyard's own, or the account's that a class leads to.
//! A target and an account in, a client out, or that nobody said how to get there. No I/O of its own.
//!
//! IAM finds a role by its name alone, in the account of whoever asks: asked in the wrong one, it answers of another role.

use lanyard_aws::{AssumedRole, Aws};
use lanyard_core::class;
use lanyard_core::model::name::AccountId;

use crate::Engine;
use crate::error::EngineError;
use crate::object::Target;

impl Engine {
    /// AWS for the things of a target in an account.
    pub(crate) async fn aws_in(&self, target: &Target, account: &AccountId) -> Result<Aws, EngineError> {
        self.aws_by(&target.access, account).await
    }

    /// AWS for an account, as a class says how to get there.
    pub(crate) async fn aws_by(&self, by: &class::Aws, account: &AccountId) -> Result<Aws, EngineError> {
        let way = self.access_to(by, account);
        let way = way.ok_or_else(|| EngineError::NoWay(account.clone()))?;
        let Some(arn) = way.by.assume_role_arn else {
            return Ok(self.aws().clone());
        };
        let role = AssumedRole {
            arn,
            external_id: way.by.external_id,
            session: format!("lanyard-{}", self.session_of_cluster()),
        };
        Ok(self.aws().assuming(&role))
    }

    /// AWS for a provider, whose account is in its ARN.
    pub(crate) async fn aws_of_provider(&self, by: &class::Aws, arn: &str) -> Result<Aws, EngineError> {
        let account = arn.split(':').nth(4).unwrap_or_default();
        match AccountId::parse(account) {
            Ok(account) => self.aws_by(by, &account).await,
            Err(_) => Ok(self.aws().clone()),
        }
    }

    fn session_of_cluster(&self) -> String {
        let cluster = self.cluster();
        cluster
            .eks_name()
            .map_or_else(|| cluster.identity.to_string(), ToString::to_string)
    }
}
