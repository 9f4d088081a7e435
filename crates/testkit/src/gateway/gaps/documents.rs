//! Gap of ministack: trust policies are stored unread, and permission policies are read with messages of its own.
//! Input: a policy document as sent. Output: what IAM would refuse it with. No I/O.
//! Asked before CreateRole, UpdateAssumeRolePolicy and PutRolePolicy are passed on. The quota is IAM's default (docs/dev/aws-behaviour.md#irsa-trust, docs/dev/aws-behaviour.md#iam-limits).

use serde_json::{Map, Value};

/// Rejection of a document: error code, HTTP status, message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub code: &'static str,
    pub status: u16,
    pub message: String,
}

/// The kinds of document, which differ in what a statement must and must not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Trust,
    Permission,
}

/// Characters of a trust policy, white space not counted, unless the quota was raised.
const TRUST_QUOTA: usize = 2048;
/// Characters of all inline policies of a role together; here each is held against it alone.
pub(crate) const INLINE_QUOTA: usize = 10_240;

/// Returns the error with which IAM rejects this document, if any.
pub(crate) fn check(kind: Kind, document: &str) -> Option<Refused> {
    let Ok(Value::Object(policy)) = serde_json::from_str(document) else {
        return malformed(match kind {
            Kind::Trust => "This policy contains invalid Json",
            Kind::Permission => "Syntax errors in policy.",
        });
    };
    misshapen(kind, &policy)
        .and_then(malformed)
        .or_else(|| deleted_principal(&policy).and_then(|message| malformed(&message)))
        .or_else(|| oversized(kind, document))
}

fn malformed(message: &str) -> Option<Refused> {
    Some(Refused {
        code: "MalformedPolicyDocument",
        status: 400,
        message: message.to_owned(),
    })
}

fn misshapen(kind: Kind, policy: &Map<String, Value>) -> Option<&'static str> {
    if policy
        .keys()
        .any(|key| !["Version", "Id", "Statement"].contains(&key.as_str()))
    {
        return Some("Syntax errors in policy.");
    }
    let version = policy
        .get("Version")
        .map(|version| version.as_str().unwrap_or_default());
    if version.is_some_and(|version| !["2012-10-17", "2008-10-17"].contains(&version)) {
        return Some("The policy must contain a valid version string");
    }
    let statements = match policy.get("Statement") {
        Some(Value::Array(statements)) if !statements.is_empty() => statements.iter().collect(),
        Some(statement @ Value::Object(_)) => vec![statement],
        _ => return Some("Syntax errors in policy."),
    };
    let mut sids: Vec<&str> = statements
        .iter()
        .filter_map(|statement| statement.get("Sid")?.as_str())
        .collect();
    let count = sids.len();
    sids.sort_unstable();
    sids.dedup();
    if sids.len() < count {
        return Some("Statement IDs (SID) in a single policy must be unique.");
    }
    statements
        .into_iter()
        .find_map(|statement| statement_fault(kind, statement))
}

fn statement_fault(kind: Kind, statement: &Value) -> Option<&'static str> {
    const KNOWN: [&str; 9] = [
        "Sid",
        "Effect",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
        "Principal",
        "NotPrincipal",
    ];
    let Value::Object(statement) = statement else {
        return Some("Syntax errors in policy.");
    };
    let has = |key: &str| statement.contains_key(key);
    let effect = statement.get("Effect").and_then(Value::as_str);
    if statement.keys().any(|key| !KNOWN.contains(&key.as_str())) || !matches!(effect, Some("Allow" | "Deny"))
    {
        return Some("Syntax errors in policy.");
    }
    if has("Action") == has("NotAction") {
        return Some("Policy statement must contain actions.");
    }
    let actions = strings(statement.get("Action").or_else(|| statement.get("NotAction")));
    if let Some(fault) = actions.into_iter().find_map(action_fault) {
        return Some(fault);
    }
    let sid = statement.get("Sid").and_then(Value::as_str).unwrap_or_default();
    if !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Some(
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
        );
    }
    match kind {
        Kind::Trust if has("Resource") || has("NotResource") => Some("Has prohibited field Resource"),
        Kind::Trust if has("NotPrincipal") => Some("AssumeRole policy must not contain NotPrincipal field."),
        Kind::Trust if !has("Principal") => Some("Missing required field Principal"),
        Kind::Trust if !only_sts(statement.get("Action")) => {
            Some("AssumeRole policy may only specify STS AssumeRole actions.")
        }
        Kind::Permission if has("Principal") || has("NotPrincipal") => {
            Some("Policy document should not specify a principal.")
        }
        Kind::Permission if has("Resource") == has("NotResource") => {
            Some("Policy statement must contain resources.")
        }
        Kind::Trust | Kind::Permission => None,
    }
}

/// An action is `*`, or a service and one operation of it.
fn action_fault(action: &str) -> Option<&'static str> {
    match action.matches(':').count() {
        0 if action != "*" => {
            Some("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
        }
        0 | 1 => None,
        _ => Some("Actions/Condition can contain only one colon."),
    }
}

fn only_sts(actions: Option<&Value>) -> bool {
    strings(actions)
        .into_iter()
        .all(|action| action.to_ascii_lowercase().starts_with("sts:"))
}

/// A string, or the strings of an array: IAM takes one for the other.
pub(crate) fn strings(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The size of a document as IAM counts it.
pub(crate) fn size(document: &str) -> usize {
    document
        .chars()
        .filter(|character| !character.is_whitespace())
        .count()
}

/// The principal of a deleted role or user, which IAM shows by its unique ID and accepts in no document.
fn deleted_principal(policy: &Map<String, Value>) -> Option<String> {
    let statements = match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().collect(),
        Some(statement) => vec![statement],
        None => Vec::new(),
    };
    let principals = statements
        .into_iter()
        .flat_map(|statement| strings(statement.pointer("/Principal/AWS")));
    let is_deleted = |text: &&str| ["AROA", "AIDA"].iter().any(|prefix| text.starts_with(prefix));
    let mut deleted = principals.filter(is_deleted);
    deleted
        .next()
        .map(|id| format!("Invalid principal in policy: \"AWS\":\"{id}\""))
}

fn oversized(kind: Kind, document: &str) -> Option<Refused> {
    let size = size(document);
    let message = match kind {
        Kind::Trust if size > TRUST_QUOTA => format!("Cannot exceed quota for ACLSizePerRole: {TRUST_QUOTA}"),
        Kind::Permission if size > INLINE_QUOTA => {
            format!("Maximum policy size of {INLINE_QUOTA} bytes exceeded for role")
        }
        Kind::Trust | Kind::Permission => return None,
    };
    Some(Refused {
        code: "LimitExceeded",
        status: 409,
        message,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PODS: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"A1","Effect":"Allow",
        "Principal":{"Service":"pods.eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}]}"#;

    fn message(kind: Kind, document: &str) -> String {
        check(kind, document)
            .map(|refused| refused.message)
            .unwrap_or_default()
    }

    #[test]
    fn valid_document_is_accepted() {
        assert_eq!(check(Kind::Trust, PODS), None);
        let read = r#"{"Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}}"#;
        assert_eq!(check(Kind::Permission, read), None);
    }

    #[test]
    fn invalid_document_is_malformed() {
        for document in [
            "nonsense",
            "[]",
            "{}",
            r#"{"Statement":[]}"#,
            r#"{"Statement":[{"Effect":"allow","Action":"sts:AssumeRole"}]}"#,
        ] {
            let refused = check(Kind::Trust, document).unwrap();
            assert_eq!(
                (refused.code, refused.status),
                ("MalformedPolicyDocument", 400),
                "{document}"
            );
        }
    }

    #[test]
    fn trust_policy_requires_principal_and_no_resource() {
        let with_resource = PODS.replace(r#""Sid":"A1""#, r#""Resource":"*""#);
        assert_eq!(
            message(Kind::Trust, &with_resource),
            "Has prohibited field Resource"
        );
        let without_principal = PODS.replace(r#""Principal":{"Service":"pods.eks.amazonaws.com"},"#, "");
        assert_eq!(
            message(Kind::Trust, &without_principal),
            "Missing required field Principal"
        );
        assert_eq!(
            message(Kind::Permission, PODS),
            "Policy document should not specify a principal."
        );
    }

    #[test]
    fn deleted_principal_is_malformed() {
        let deleted = PODS.replace(
            r#""Service":"pods.eks.amazonaws.com""#,
            r#""AWS":["AROAEXAMPLEEXAMPLE12"]"#,
        );
        let expected = r#"Invalid principal in policy: "AWS":"AROAEXAMPLEEXAMPLE12""#;
        assert_eq!(message(Kind::Trust, &deleted), expected);
    }

    #[test]
    fn action_names_one_service_and_one_operation() {
        let policy = |action: &str| {
            format!(r#"{{"Statement":{{"Effect":"Allow","Action":"{action}","Resource":"*"}}}}"#)
        };
        assert_eq!(check(Kind::Permission, &policy("*")), None);
        let two = message(Kind::Permission, &policy("sqs:*:iam:*"));
        assert_eq!(two, "Actions/Condition can contain only one colon.");
        assert!(message(Kind::Permission, &policy("GetObject")).contains("prefaced by a vendor"));
    }

    #[test]
    fn duplicate_sid_is_malformed() {
        let twice = r#"{"Statement":[{"Sid":"A","Effect":"Allow","Action":"s3:*","Resource":"*"},{"Sid":"A","Effect":"Deny","Action":"s3:*","Resource":"*"}]}"#;
        assert!(message(Kind::Permission, twice).contains("must be unique"));
    }

    #[test]
    fn long_trust_policy_exceeds_quota() {
        let long = PODS.replace("pods.eks.amazonaws.com", &"x".repeat(2048));
        let refused = check(Kind::Trust, &long).unwrap();
        assert_eq!(
            (refused.code, refused.message.as_str()),
            ("LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048")
        );
        assert_eq!(check(Kind::Trust, &PODS.replace("  ", &" ".repeat(3000))), None);
    }
}
