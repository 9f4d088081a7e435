//! Gap of ministack: it attaches policies that do not exist. AWS's own policies pass unchecked: no emulator knows all of them.
//! Input: AttachRolePolicy. Output: IAM's refusal, or nothing. Reads the policy from the emulator of IAM.

use super::super::emulator::Emulators;
use super::super::error::error;
use super::super::message::{Answer, Request};
use super::super::service::Service;

/// Rejects the attachment of a policy that does not exist.
pub(crate) async fn refusal(emulators: &Emulators, request: &Request) -> Option<Answer> {
    let form = request.form();
    let arn = form.get("PolicyArn").unwrap_or_default();
    let account = arn.split(':').nth(4).unwrap_or_default();
    if account == "aws" {
        return None;
    }
    let found = emulators
        .ask_iam(account, "GetPolicy", &[("PolicyArn", arn)])
        .await;
    let message = format!("Policy {arn} does not exist or is not attachable.");
    (!found.status.is_success()).then(|| error(Service::Iam, 404, "NoSuchEntity", &message))
}
