//! Gaps of the emulators in managed policies: ministack attaches policies that do not exist, and both compare ARNs with regard
//! to case, where IAM takes any spelling and shows the policy's own; and both attach more than ten policies to a role
//! (docs/dev/aws-behaviour.md#iam-limits). AWS's own policies pass unchecked if the emulator does not know them: none knows all.
//! Input: AttachRolePolicy, DetachRolePolicy, CreateRole, PutRolePermissionsBoundary. Output: IAM's refusal, or the emulator's
//! answer for the policy's own spelling. Asks the emulator of IAM.

use super::super::emulator::{Emulators, Origin};
use super::super::error::error;
use super::super::message::{Answer, Request};
use super::super::service::Service;
use super::super::xml;

/// The number of managed policies on one role.
const QUOTA: usize = 10;

/// A policy as the emulator knows it.
enum Found {
    /// By the spelling of the request, or one of AWS's own that the emulator does not know.
    AsSpelled,
    /// By another spelling.
    Elsewhere(String),
    Missing,
}

/// Rejects the attachment of a policy that does not exist, or of one too many.
pub(crate) async fn refusal(emulators: &Emulators, request: &Request) -> Option<Answer> {
    let form = request.form();
    let arn = form.get("PolicyArn").unwrap_or_default();
    if let Found::Missing = find(emulators, arn).await {
        let message = format!("Policy {arn} does not exist or is not attachable.");
        return Some(error(Service::Iam, 404, "NoSuchEntity", &message));
    }
    let role = form.get("RoleName").unwrap_or_default();
    let account = Origin::of(request).account;
    let attached = emulators
        .ask_iam(&account, "ListAttachedRolePolicies", &[("RoleName", role)])
        .await
        .text();
    let attached = xml::members(xml::inner(&attached, "AttachedPolicies").unwrap_or_default());
    let is_this =
        |policy: &&str| xml::text(policy, "PolicyArn").is_some_and(|known| known.eq_ignore_ascii_case(arn));
    let message = format!("Cannot exceed quota for PoliciesPerRole: {QUOTA}");
    (attached.len() >= QUOTA && !attached.iter().any(is_this))
        .then(|| error(Service::Iam, 409, "LimitExceeded", &message))
}

/// Rejects a permissions boundary that does not exist.
pub(crate) async fn boundary_refusal(emulators: &Emulators, request: &Request) -> Option<Answer> {
    let form = request.form();
    let arn = form.get("PermissionsBoundary")?;
    let message = format!("Scope ARN: {arn} does not exist or is not attachable.");
    match find(emulators, arn).await {
        Found::Missing => Some(error(Service::Iam, 404, "NoSuchEntity", &message)),
        Found::AsSpelled | Found::Elsewhere(_) => None,
    }
}

/// Forwards a request with the policy in its own spelling. Another spelling changes the request, so that its signature no
/// longer fits: the gateway then asks in its own name.
pub(crate) async fn forward(emulators: &Emulators, request: &Request, field: &str) -> Answer {
    let mut form = request.form();
    let arn = form.get(field).unwrap_or_default().to_owned();
    if arn.is_empty() {
        return emulators.forward(Service::Iam, request).await;
    }
    match find(emulators, &arn).await {
        Found::Elsewhere(spelling) => {
            form.set(field, &spelling);
            let action = form.get("Action").unwrap_or_default().to_owned();
            let parameters: Vec<(&str, &str)> = form.pairs().collect();
            let account = Origin::of(request).account;
            emulators.ask_iam(&account, &action, &parameters).await
        }
        Found::AsSpelled | Found::Missing => emulators.forward(Service::Iam, request).await,
    }
}

async fn find(emulators: &Emulators, arn: &str) -> Found {
    let account = arn.split(':').nth(4).unwrap_or_default();
    let is_of_aws = account == "aws";
    // The emulators keep AWS's own policies in every account.
    let asked = if is_of_aws { "000000000000" } else { account };
    let exact = emulators.ask_iam(asked, "GetPolicy", &[("PolicyArn", arn)]).await;
    if exact.status.is_success() {
        return Found::AsSpelled;
    }
    let scope = if is_of_aws { "AWS" } else { "Local" };
    match spelling(emulators, asked, scope, arn).await {
        Some(spelling) => Found::Elsewhere(spelling),
        None if is_of_aws => Found::AsSpelled,
        None => Found::Missing,
    }
}

/// The spelling of a policy in the emulator's list.
async fn spelling(emulators: &Emulators, account: &str, scope: &str, arn: &str) -> Option<String> {
    let mut marker: Option<String> = None;
    loop {
        let mut parameters = vec![("Scope", scope), ("MaxItems", "1000")];
        parameters.extend(marker.as_deref().map(|marker| ("Marker", marker)));
        let page = emulators
            .ask_iam(account, "ListPolicies", &parameters)
            .await
            .text();
        let policies = xml::members(xml::inner(&page, "Policies").unwrap_or_default());
        let mut arns = policies.into_iter().filter_map(|policy| xml::text(policy, "Arn"));
        if let Some(found) = arns.find(|known| known.eq_ignore_ascii_case(arn)) {
            return Some(found);
        }
        marker = xml::text(&page, "Marker").filter(|next| marker.as_ref() != Some(next));
        marker.as_ref()?;
    }
}
