//! Errors that name a policy which does not exist (yet): one attached to a role, or a permissions boundary. Input: an
//! [`AwsError`]. Output: a reason and a message, or `None`. No I/O.

use lanyard_core::model::reason::Reason;

use super::class::Class;
use super::failure::AwsError;

/// The end of IAM's message about a policy that is missing or retired. The message about a missing role has another.
const NOT_ATTACHABLE: &str = "not attachable";

impl AwsError {
    /// Returns the reason if the call failed because a policy does not exist, or `None`.
    pub(super) fn missing_policy(&self) -> Option<Reason> {
        let Self::Answered { call, answer } = self else {
            return None;
        };
        let reason = match call.operation {
            "AttachRolePolicy" => Reason::PolicyNotFound,
            "CreateRole" | "PutRolePermissionsBoundary" => Reason::BoundaryNotFound,
            _ => return None,
        };
        let is_about_role = answer.message.starts_with("The role with name");
        let is_missing = self.class() == Class::NotFound || answer.message.contains(NOT_ATTACHABLE);
        (is_missing && !is_about_role).then_some(reason)
    }

    /// The message about a missing policy.
    pub(super) fn missing_policy_message(&self, reason: Reason) -> String {
        let Self::Answered { call, answer } = self else {
            return self.to_string();
        };
        let named = |text: &str| {
            text.split_whitespace()
                .find(|word| word.starts_with("arn:"))
                .map(str::to_owned)
        };
        let of_call = || named(&call.target).filter(|_| call.operation == "AttachRolePolicy");
        let policy = named(&answer.message).or_else(of_call).unwrap_or_default();
        let (what, field) = match reason {
            Reason::BoundaryNotFound => ("Permissions boundary", "permissionsBoundaryArn"),
            _ => ("Policy", "policyArns"),
        };
        format!(
            "{what} {policy} does not exist or cannot be attached. Create it, or correct {field} in the spec or the class; Lanyard looks for it every minute."
        )
        .replace("  ", " ")
    }
}

#[cfg(test)]
mod tests {
    use super::super::failure::ErrorAnswer;
    use super::*;
    use crate::call::{Call, Service};
    use lanyard_core::reconcile::outcome::Disposition;

    fn error(operation: &'static str, target: &str, status: u16, code: &str, message: &str) -> AwsError {
        AwsError::Answered {
            call: Call::write(Service::Iam, operation, target),
            answer: Box::new(ErrorAnswer::new(status, code, message)),
        }
    }

    #[test]
    fn missing_policy_is_awaited_and_named() {
        let policy = "arn:aws:iam::111122223333:policy/team";
        let message = format!("Policy {policy} does not exist or is not attachable.");
        let error = error("AttachRolePolicy", "x at y", 404, "NoSuchEntity", &message);
        for after_own_write in [true, false] {
            let failure = error.step_failure(after_own_write);
            assert_eq!(
                (failure.disposition, failure.reason),
                (Disposition::RetryThenStall, Reason::PolicyNotFound)
            );
            assert!(
                failure
                    .message
                    .starts_with(&format!("Policy {policy} does not exist"))
            );
        }
    }

    #[test]
    fn missing_boundary_is_awaited() {
        let message =
            "Scope ARN: arn:aws:iam::111122223333:policy/tenant does not exist or is not attachable.";
        for (operation, status, code) in [
            ("CreateRole", 404, "NoSuchEntity"),
            ("CreateRole", 400, "InvalidInput"),
            ("PutRolePermissionsBoundary", 404, "NoSuchEntity"),
        ] {
            let failure = error(operation, "role", status, code, message).step_failure(false);
            assert_eq!(failure.reason, Reason::BoundaryNotFound, "{operation} {code}");
            assert_eq!(failure.disposition, Disposition::RetryThenStall);
        }
    }

    #[test]
    fn missing_role_is_not_a_missing_policy() {
        let message = "The role with name orders cannot be found.";
        let failure = error("AttachRolePolicy", "x at y", 404, "NoSuchEntity", message).step_failure(false);
        assert_eq!(failure.reason, Reason::Refused);
    }
}
