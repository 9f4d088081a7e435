//! Gap of both emulators: IAM allows 10,240 characters in all inline policies of a role together, at each PutRolePolicy
//! (docs/dev/aws-behaviour.md#iam-limits). Input: PutRolePolicy. Output: IAM's refusal, or nothing. Asks the emulator.

use percent_encoding::percent_decode_str;

use super::super::emulator::{Emulators, Origin};
use super::super::error::error;
use super::super::message::{Answer, Request};
use super::super::service::Service;
use super::documents::{INLINE_QUOTA, size};

/// Rejects a policy that does not fit beside the other inline policies of the role.
pub(crate) async fn refusal(emulators: &Emulators, request: &Request) -> Option<Answer> {
    let form = request.form();
    let role = form.get("RoleName").unwrap_or_default();
    let put = form.get("PolicyName").unwrap_or_default();
    let account = Origin::of(request).account;
    let listed = emulators
        .ask_iam(&account, "ListRolePolicies", &[("RoleName", role)])
        .await
        .text();
    let mut total = size(form.get("PolicyDocument").unwrap_or_default());
    for name in between(&listed, "member").filter(|name| *name != put) {
        let parameters = [("RoleName", role), ("PolicyName", name)];
        let policy = emulators
            .ask_iam(&account, "GetRolePolicy", &parameters)
            .await
            .text();
        let document = between(&policy, "PolicyDocument").next().unwrap_or_default();
        let document = percent_decode_str(document).decode_utf8_lossy();
        total += size(&document.replace("&quot;", "\""));
    }
    let message = format!("Maximum policy size of {INLINE_QUOTA} bytes exceeded for role {role}");
    (total > INLINE_QUOTA).then(|| error(Service::Iam, 409, "LimitExceeded", &message))
}

fn between<'a>(text: &'a str, element: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let parts: Vec<&str> = text
        .split(open.as_str())
        .skip(1)
        .filter_map(|rest| rest.split_once(close.as_str()))
        .map(|(inside, _)| inside)
        .collect();
    parts.into_iter()
}
