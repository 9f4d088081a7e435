//! The proof of a binding by its use: the name and the policy of a session that can do nothing, and the comparison of what STS
//! answers with the role. Input: names and ARNs. Output: a verdict. No I/O.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::arn::RoleArn;
use crate::model::text::message;

/// The session policy of a proof. `GetCallerIdentity` needs no permission and works under an explicit deny (STS API
/// reference), so that the credentials can do nothing else.
pub const DENY_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;

/// The duration of the session in seconds, the shortest that STS allows.
pub const SESSION_SECONDS: i32 = 900;

/// The maximum length of a session name (STS `AssumeRoleWithWebIdentity`).
const SESSION_NAME_LIMIT: usize = 64;

const SESSION_PREFIX: &str = "lanyard-verify-";

/// The session name for a user, which CloudTrail shows. `-` replaces characters that STS does not accept.
#[must_use]
pub fn session_name(user: &str) -> String {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
    let user = user.chars().map(|c| if is_allowed(c) { c } else { '-' });
    SESSION_PREFIX
        .chars()
        .chain(user)
        .take(SESSION_NAME_LIMIT)
        .collect()
}

/// The label of the pods of a proof. They are no pods of the identity: they end by themselves, and hold up no transition.
pub const PROBE_LABEL: &str = "lanyard.dev/probe";

/// The result of a probe, which a pod writes as its termination message (at most 4,096 bytes, Kubernetes).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbeReport {
    /// The source of credentials that the pod was given.
    pub source: CredentialSource,
    /// The caller as STS returned it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// The error, if there is no caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// True if the error is no answer about the credentials: STS could not be asked.
    #[serde(default)]
    pub unanswered: bool,
}

/// The source of credentials in a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CredentialSource {
    /// The Pod Identity Agent.
    Container,
    /// A token for STS.
    WebIdentity,
    /// None: the webhook gave the pod nothing.
    Nothing,
}

impl ProbeReport {
    /// A caller that STS returned.
    #[must_use]
    pub fn answered(source: CredentialSource, caller: String) -> Self {
        Self {
            source,
            caller: Some(caller),
            error: None,
            unanswered: false,
        }
    }

    /// An error, cut to one line of a message.
    #[must_use]
    pub fn failed(source: CredentialSource, error: &str, unanswered: bool) -> Self {
        Self {
            source,
            caller: None,
            error: Some(message(error)),
            unanswered,
        }
    }
}

/// The comparison of a caller with the role that a ServiceAccount should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The caller has the role.
    Same,
    /// The caller has a role of the node: the credentials of the pod were not used.
    NodeRole(Caller),
    /// The caller has another role, or a role of another account.
    OtherRole(Caller),
    /// The caller has no role.
    NoRole(String),
}

/// A session of a role, from the ARN that `GetCallerIdentity` returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The partition.
    pub partition: String,
    /// The account.
    pub account: String,
    /// The name of the role. The ARN does not contain its path.
    pub role: String,
    /// The session name.
    pub session: String,
}

impl Caller {
    /// Parses `arn:aws:sts::111122223333:assumed-role/orders/session`. Returns `None` for any other caller.
    #[must_use]
    pub fn parse(arn: &str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let (_, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (_, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        let (role, session) = resource.strip_prefix("assumed-role/")?.split_once('/')?;
        (service == "sts").then(|| Self {
            partition: partition.to_owned(),
            account: account.to_owned(),
            role: role.to_owned(),
            session: session.to_owned(),
        })
    }

    /// Returns true if an EC2 instance has the session: its name is that of the instance.
    fn is_node(&self) -> bool {
        let id = self.session.strip_prefix("i-").unwrap_or_default();
        id.len() >= 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "role {} of account {}", self.role, self.account)
    }
}

/// Compares the ARN of a caller with a role.
#[must_use]
pub fn compare(role: &RoleArn, caller_arn: &str) -> Verdict {
    let Some(caller) = Caller::parse(caller_arn) else {
        return Verdict::NoRole(caller_arn.to_owned());
    };
    let is_same = caller.partition == role.partition.as_str()
        && caller.account == role.account.as_str()
        && caller.role == role.name.as_str();
    match is_same {
        true => Verdict::Same,
        false if caller.is_node() => Verdict::NodeRole(caller),
        false => Verdict::OtherRole(caller),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: &str = "arn:aws:sts::111122223333:assumed-role";

    fn role() -> RoleArn {
        RoleArn::parse("arn:aws:iam::111122223333:role/lanyard/orders").unwrap()
    }

    #[test]
    fn session_name_has_the_user_in_the_form_of_sts() {
        assert_eq!(
            session_name("anna@example.com"),
            "lanyard-verify-anna@example.com"
        );
        assert_eq!(
            session_name("system:serviceaccount:ci:runner"),
            "lanyard-verify-system-serviceaccount-ci-runner"
        );
        assert_eq!(session_name("Zoë/é"), "lanyard-verify-Zo---");
        assert_eq!(session_name(&"x".repeat(100)).len(), 64);
    }

    #[test]
    fn caller_is_compared_by_account_and_role_name() {
        let compared = |arn: &str| compare(&role(), arn);
        assert_eq!(compared(&format!("{SESSION}/orders/x")), Verdict::Same);
        let other = "arn:aws:sts::444455556666:assumed-role/orders/x";
        for (arn, expected) in [
            (other, "444455556666"),
            (&format!("{SESSION}/billing/x"), "111122223333"),
        ] {
            let Verdict::OtherRole(caller) = compared(arn) else {
                panic!("{arn}")
            };
            assert_eq!(caller.account, expected);
        }
        let partition = "arn:aws-cn:sts::111122223333:assumed-role/orders/x";
        assert!(matches!(compared(partition), Verdict::OtherRole(_)));
    }

    #[test]
    fn node_role_and_user_are_no_match() {
        let node = format!("{SESSION}/eks-NodeInstanceRole/i-0a1b2c3d4e5f67890");
        assert!(matches!(compare(&role(), &node), Verdict::NodeRole(_)));
        let user = "arn:aws:iam::111122223333:user/anna";
        assert_eq!(compare(&role(), user), Verdict::NoRole(user.to_owned()));
    }
}
