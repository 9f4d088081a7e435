//! The trust policy of a role, read directly before it is changed, and its quota. Input: the ARN of a role.
//! Output: the policy or an error. Does I/O: one call each. An unreadable policy fails the step.

use aws_sdk_iam::types::SummaryKeyType;
use lanyard_core::model::arn::RoleArn;
use lanyard_iam_policy::Document;

use super::read::document;
use crate::call::{Call, Service};
use crate::client::Aws;
use crate::error::AwsError;

impl Aws {
    /// Reads the trust policy of a role.
    ///
    /// # Errors
    ///
    /// Returns an error if the call fails, see [`AwsError::class`], or the answer cannot be parsed.
    pub async fn trust(&self, arn: &RoleArn) -> Result<Document, AwsError> {
        let call = Call::read(Service::Iam, "GetRole", arn);
        let role = self.get_role(&call, arn).await?;
        document(&call, role.assume_role_policy_document())
    }

    /// Reads the maximum size of a trust policy in this account, in characters without white space.
    ///
    /// # Errors
    ///
    /// Returns an error if the call fails, see [`AwsError::class`], or the answer lacks the quota.
    pub async fn trust_quota(&self) -> Result<usize, AwsError> {
        let call = Call::read(Service::Iam, "GetAccountSummary", "the account");
        let request = self.iam().get_account_summary();
        let answer = self.call(call.clone(), || request.clone().send()).await?;
        let quota = answer
            .summary_map()
            .and_then(|summary| summary.get(&SummaryKeyType::AssumeRolePolicySizeQuota))
            .and_then(|quota| usize::try_from(*quota).ok());
        quota.ok_or_else(|| AwsError::unclear(&call, "the answer lacks the quota of trust policies"))
    }
}
