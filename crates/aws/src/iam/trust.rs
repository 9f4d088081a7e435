//! The trust policy of a role, read alone for whoever is about to change it, and how long one may be.
//! A role's ARN in; the policy as it is now or the error out: here an unread policy stops the step that needs it.

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
    /// The call failed, see [`AwsError::class`], or its answer cannot be read.
    pub async fn trust(&self, arn: &RoleArn) -> Result<Document, AwsError> {
        let call = Call::read(Service::Iam, "GetRole", arn);
        let role = self.get_role(&call, arn).await?;
        document(&call, role.assume_role_policy_document())
    }

    /// The characters that a trust policy may have in this account, white space not counted.
    ///
    /// # Errors
    /// The call failed, see [`AwsError::class`], or its answer does not tell.
    pub async fn trust_quota(&self) -> Result<usize, AwsError> {
        let call = Call::read(Service::Iam, "GetAccountSummary", "the account");
        let request = self.iam().get_account_summary();
        let answer = self.call(call.clone(), || request.clone().send()).await?;
        let quota = answer
            .summary_map()
            .and_then(|summary| summary.get(&SummaryKeyType::AssumeRolePolicySizeQuota))
            .and_then(|quota| usize::try_from(*quota).ok());
        quota.ok_or_else(|| AwsError::unclear(&call, "the answer does not tell the quota of trust policies"))
    }
}
