//! A role of another account that Lanyard assumes. Plain values, no I/O.

use lanyard_core::model::arn::RoleArn;

/// Maximum length of a session name (STS `AssumeRole`).
const SESSION_LIMIT: usize = 64;

/// A role that Lanyard assumes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AssumedRole {
    /// The ARN of the role.
    pub arn: RoleArn,
    /// The external id that the trust policy of the role requires.
    pub external_id: Option<String>,
    /// The session name in the audit logs of the other account. It is truncated to 64 characters, and `-`
    /// replaces characters that STS does not accept.
    pub session: String,
}

impl AssumedRole {
    pub(super) fn session_name(&self) -> String {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
        let name = self.session.chars().map(|c| if allowed(c) { c } else { '-' });
        name.take(SESSION_LIMIT).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_name_is_truncated_and_sanitised() {
        let role = AssumedRole {
            arn: RoleArn::parse("arn:aws:iam::111122223333:role/lanyard").unwrap(),
            external_id: None,
            session: format!("lanyard-{}", "prod/".repeat(20)),
        };
        let name = role.session_name();
        assert_eq!(name.len(), SESSION_LIMIT);
        assert!(name.starts_with("lanyard-prod-prod-"), "{name}");
    }
}
