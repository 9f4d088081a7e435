//! Gap of ministack: it attaches policies that do not exist, and sets them as permissions boundaries. AWS's own policies pass unchecked: no emulator knows all of them.
//! Input: AttachRolePolicy, CreateRole, PutRolePermissionsBoundary. Output: IAM's refusal, or nothing. Reads the policy from the emulator of IAM.

use super::super::emulator::Emulators;
use super::super::error::error;
use super::super::message::{Answer, Request};
use super::super::service::Service;

/// Rejects the attachment of a policy that does not exist.
pub(crate) async fn refusal(emulators: &Emulators, request: &Request) -> Option<Answer> {
    let form = request.form();
    let arn = form.get("PolicyArn").unwrap_or_default();
    let message = format!("Policy {arn} does not exist or is not attachable.");
    is_missing(emulators, arn)
        .await
        .then(|| error(Service::Iam, 404, "NoSuchEntity", &message))
}

/// Rejects a permissions boundary that does not exist.
pub(crate) async fn boundary_refusal(emulators: &Emulators, request: &Request) -> Option<Answer> {
    let form = request.form();
    let arn = form.get("PermissionsBoundary")?;
    let message = format!("Scope ARN: {arn} does not exist or is not attachable.");
    is_missing(emulators, arn)
        .await
        .then(|| error(Service::Iam, 404, "NoSuchEntity", &message))
}

async fn is_missing(emulators: &Emulators, arn: &str) -> bool {
    let account = arn.split(':').nth(4).unwrap_or_default();
    if account == "aws" {
        return false;
    }
    let found = emulators
        .ask_iam(account, "GetPolicy", &[("PolicyArn", arn)])
        .await;
    !found.status.is_success()
}
