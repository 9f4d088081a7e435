//! Gaps of both emulators in the tags of roles: IAM compares keys without regard to case (the later spelling replaces the
//! earlier one, and two in one request are refused) and allows 50 tags on a role, and the emulators do neither (docs/dev/aws-behaviour.md#iam-limits).
//! Input: TagRole, UntagRole. Output: IAM's refusal, or nothing; other spellings are removed first. Asks the emulator.

use super::super::emulator::{Emulators, Origin};
use super::super::error::error;
use super::super::message::{Answer, Request};
use super::super::service::Service;

/// The number of tags on one role.
const QUOTA: usize = 50;

/// Rejects a TagRole that would leave more tags than IAM allows.
pub(crate) async fn refusal(emulators: &Emulators, request: &Request) -> Option<Answer> {
    let form = request.form();
    let mut keys = existing(emulators, request).await?;
    if let Some(refusal) = duplicate(request) {
        return Some(refusal);
    }
    for key in form.members("Tags", "Key") {
        if !keys.iter().any(|other| other.eq_ignore_ascii_case(key)) {
            keys.push(key.to_owned());
        }
    }
    let message = format!("Cannot exceed quota for TagsPerRole: {QUOTA}");
    (keys.len() > QUOTA).then(|| error(Service::Iam, 409, "LimitExceeded", &message))
}

/// Rejects two tags of one request whose keys differ at most in case.
pub(crate) fn duplicate(request: &Request) -> Option<Answer> {
    let form = request.form();
    let mut keys: Vec<String> = form
        .members("Tags", "Key")
        .into_iter()
        .map(str::to_ascii_lowercase)
        .collect();
    let sent = keys.len();
    keys.sort_unstable();
    keys.dedup();
    let message = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
    (keys.len() < sent).then(|| error(Service::Iam, 400, "InvalidInput", message))
}

/// Removes the tags whose keys differ from those of the request only in case, and forwards the request.
pub(crate) async fn forward(emulators: &Emulators, request: &Request, named: Vec<String>) -> Answer {
    let answer = emulators.forward(Service::Iam, request).await;
    let keys = existing(emulators, request).await.unwrap_or_default();
    let form = request.form();
    let role = form.get("RoleName").unwrap_or_default();
    let is_other =
        |key: &&String| named.iter().any(|named| named.eq_ignore_ascii_case(key)) && !named.contains(*key);
    for key in keys
        .iter()
        .filter(is_other)
        .filter(|_| answer.status.is_success())
    {
        let parameters = [("RoleName", role), ("TagKeys.member.1", key.as_str())];
        emulators
            .ask_iam(&Origin::of(request).account, "UntagRole", &parameters)
            .await;
    }
    answer
}

/// The keys of the role's tags, or `None` if there is no such role.
async fn existing(emulators: &Emulators, request: &Request) -> Option<Vec<String>> {
    let form = request.form();
    let role = form.get("RoleName").unwrap_or_default();
    let account = Origin::of(request).account;
    let answer = emulators
        .ask_iam(&account, "ListRoleTags", &[("RoleName", role)])
        .await;
    let text = answer.text();
    let keys = text
        .split("<Key>")
        .skip(1)
        .filter_map(|rest| rest.split_once("</Key>"));
    answer
        .status
        .is_success()
        .then(|| keys.map(|(key, _)| key.to_owned()).collect())
}
