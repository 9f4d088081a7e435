//! Gap of ministack: it associates any role, and any session policy. EKS checks both at Create and Update (docs/dev/aws-behaviour.md#association-errors, docs/dev/aws-behaviour.md#session-policy).
//! Input: the association as asked for. Output: the error of EKS, or nothing. Reads the role from the emulator of IAM.
//! Asked before CreatePodIdentityAssociation and UpdatePodIdentityAssociation are passed on.

use serde_json::Value;

use super::super::emulator::{Emulators, Origin};
use super::super::error::error;
use super::super::form::decode_path;
use super::super::message::{Answer, Request};
use super::super::service::Service;
use super::super::xml;
use super::documents::{self, Kind, strings};

const NO_ROLE: &str = "Role provided in the request does not exist";
const NO_TRUST: &str = "Trust policy of the role provided is invalid. Follow the official documentation to update the trust policy";
/// EKS's limit on a session policy, in characters.
const POLICY_LIMIT: usize = 2048;

/// Returns the error with which EKS rejects the request. `current` is the association before an update: what an update leaves out stays.
pub(crate) async fn refusal(
    emulators: &Emulators,
    request: &Request,
    current: Option<&Value>,
) -> Option<Answer> {
    let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let why = match session_policy(&asked, current) {
        Some(why) => Some(why),
        None => {
            role(
                emulators,
                &Origin::of(request),
                asked.get("roleArn").and_then(Value::as_str),
            )
            .await
        }
    };
    why.map(|why| error(Service::Eks, 400, "InvalidParameterException", why))
}

/// A role of another account is refused as one that is not there: EKS must be able to pass it.
async fn role(emulators: &Emulators, origin: &Origin, arn: Option<&str>) -> Option<&'static str> {
    let arn = arn.filter(|arn| !arn.is_empty())?;
    let (account, name) = arn
        .split_once("::")
        .and_then(|(_, rest)| rest.split_once(":role/"))
        .unwrap_or_default();
    let name = name.rsplit('/').next().unwrap_or_default();
    if account != origin.account {
        return Some(NO_ROLE);
    }
    let answer = emulators.ask_iam(account, "GetRole", &[("RoleName", name)]).await;
    let found = xml::text(&answer.text(), "Arn");
    if !answer.status.is_success() || found.as_deref() != Some(arn) {
        return Some(NO_ROLE);
    }
    let trust = xml::text(&answer.text(), "AssumeRolePolicyDocument").unwrap_or_default();
    (!admits_pods(&decode_path(&trust))).then_some(NO_TRUST)
}

/// Returns true if the trust allows EKS both actions, in one statement or in two. Conditions are ignored: EKS cannot
/// evaluate them either.
fn admits_pods(document: &str) -> bool {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().collect(),
        Some(statement) => vec![statement],
        None => Vec::new(),
    };
    let allowed = |action: &str| statements.iter().any(|statement| allows_pods(statement, action));
    allowed("sts:assumerole") && allowed("sts:tagsession")
}

fn allows_pods(statement: &Value, action: &str) -> bool {
    let principal = statement.get("Principal");
    let service = strings(principal.and_then(|principal| principal.get("Service")));
    let named = service.contains(&"pods.eks.amazonaws.com") || principal.and_then(Value::as_str) == Some("*");
    let actions = strings(statement.get("Action"));
    let covered = actions
        .iter()
        .map(|action| action.to_ascii_lowercase())
        .any(|allowed| covers(&allowed, action));
    statement.get("Effect").and_then(Value::as_str) == Some("Allow") && named && covered
}

fn covers(allowed: &str, action: &str) -> bool {
    allowed
        .split_once('*')
        .map_or(allowed == action, |(prefix, _)| action.starts_with(prefix))
}

fn session_policy(asked: &Value, current: Option<&Value>) -> Option<&'static str> {
    let effective = |name: &str| asked.get(name).or_else(|| current?.get(name));
    let policy = effective("policy")
        .and_then(Value::as_str)
        .filter(|policy| !policy.is_empty())?;
    if effective("disableSessionTags").and_then(Value::as_bool) != Some(true) {
        return Some("Session tags must be disabled when a session policy is specified");
    }
    if policy.chars().count() > POLICY_LIMIT {
        return Some("Session policy must not be longer than 2048 characters");
    }
    documents::check(Kind::Permission, policy).map(|_| "Session policy is malformed")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pods(action: &Value) -> Value {
        json!({"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": action})
    }

    #[test]
    fn trust_needs_both_actions_in_any_statement() {
        let trusts = |statements: Value| admits_pods(&json!({"Statement": statements}).to_string());
        assert!(trusts(json!([pods(&json!([
            "sts:AssumeRole",
            "sts:TagSession"
        ]))])));
        assert!(trusts(json!([
            pods(&json!("sts:AssumeRole")),
            pods(&json!("sts:TagSession"))
        ])));
        assert!(trusts(pods(&json!("sts:*"))));
        assert!(!trusts(json!([pods(&json!("sts:AssumeRole"))])));
        let other =
            json!({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:*"});
        assert!(!trusts(json!([other])));
        assert!(!admits_pods("nonsense"));
    }

    #[test]
    fn session_policy_requires_disabled_session_tags() {
        let policy = r#"{"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
        assert!(session_policy(&json!({"policy": policy}), None).is_some());
        assert_eq!(
            session_policy(&json!({"policy": policy, "disableSessionTags": true}), None),
            None
        );
        assert_eq!(
            session_policy(
                &json!({"policy": policy}),
                Some(&json!({"disableSessionTags": true}))
            ),
            None
        );
        assert!(
            session_policy(
                &json!({"disableSessionTags": false}),
                Some(&json!({"policy": policy}))
            )
            .is_some()
        );
        assert_eq!(session_policy(&json!({"policy": ""}), None), None);
        assert!(session_policy(&json!({"policy": "{}", "disableSessionTags": true}), None).is_some());
    }
}
