//! The messages of errors for users: the failure of a step, or the cause of an unreadable fact. Input: an
//! [`AwsError`]. Output: a disposition, a reason and a message with the call, the answer of AWS and the next
//! action. No I/O.

use lanyard_core::model::fact::ReadError;
use lanyard_core::model::reason::Reason;
use lanyard_core::model::text;
use lanyard_core::reconcile::outcome::{Disposition, StepFailure};

use super::class::Class;
use super::failure::{AwsError, Refusal};
use crate::call::Call;

/// Requirements for assuming a role of another account.
const ASSUMING: &str = "The trust policy of the role must allow Lanyard's own role and, if it requires an sts:ExternalId, the external id of the class. Lanyard's own policy must allow sts:AssumeRole on the role. If Lanyard gets its credentials by Pod Identity with session tags, both must allow sts:TagSession too";
/// The next action if AWS rejects the credentials of the operator.
const OWN_CREDENTIALS: &str = "Check the AWS credentials and the clock of the operator.";

impl AwsError {
    /// The failure of a step with this error. `after_own_write`: Lanyard wrote a resource that the call depends
    /// on so recently that AWS may not see the write everywhere yet.
    #[must_use]
    pub fn step_failure(&self, after_own_write: bool) -> StepFailure {
        if let Some(reason) = self.missing_policy() {
            return StepFailure {
                disposition: Disposition::RetryThenStall,
                reason,
                message: text::message(&self.missing_policy_message(reason)),
            };
        }
        let after_own_write = after_own_write && !self.call().assumes_role();
        let (disposition, reason) = disposition(self.class(), after_own_write);
        StepFailure {
            disposition,
            reason,
            message: text::message(&self.sentence(after_own_write)),
        }
    }

    /// The cause of an unreadable fact. The status stores it, so it must not change between attempts: it omits
    /// the call and the message of AWS, which the log contains.
    #[must_use]
    pub fn read_error(&self) -> ReadError {
        match self.class() {
            Class::Throttled => ReadError::Throttled,
            Class::Denied if self.call().assumes_role() => {
                ReadError::Denied(format!("{}. {ASSUMING}", self.permission()))
            }
            Class::Denied => ReadError::Denied(self.permission()),
            Class::Server | Class::Network | Class::TimedOut | Class::Unclear => {
                ReadError::Failed(format!("{} did not return a valid response", self.call().service))
            }
            Class::Credentials => ReadError::Failed(format!(
                "AWS rejected the credentials of the operator ({})",
                self.credentials_at_fault()
            )),
            _ => ReadError::Failed(self.to_string()),
        }
    }

    /// The defect of the credentials: only the code of AWS, because its message can contain the time.
    fn credentials_at_fault(&self) -> String {
        match self {
            Self::Answered { answer, .. } => answer.code.clone(),
            _ => self.said(),
        }
    }

    /// The missing permission and its resource: from the message of AWS if it names them, otherwise from the
    /// call. For a denied `sts:AssumeRole` always from the call, which holds the external id too.
    fn permission(&self) -> String {
        let call = self.call();
        let is_assuming =
            |refusal: &&Refusal| call.assumes_role() && refusal.action.eq_ignore_ascii_case(&call.action());
        match self.refusal().filter(|refusal| !is_assuming(refusal)) {
            Some(Refusal {
                action,
                resource,
                cause,
                ..
            }) => {
                let resource = resource.as_deref().unwrap_or(&call.target);
                let cause = cause
                    .as_ref()
                    .map(|cause| format!(" ({cause})"))
                    .unwrap_or_default();
                format!("{action} on {resource}{cause}")
            }
            None => format!("{} on {}", call.action(), call.target),
        }
    }

    fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Answered { answer, .. } => answer.refusal.as_ref(),
            _ => None,
        }
    }

    /// The message of AWS in quotation marks, or the cause of a missing answer.
    fn said(&self) -> String {
        match self {
            Self::Answered { answer, .. } => answer.quoted(),
            Self::TimedOut { limit, .. } => format!("no answer within {limit:?}"),
            Self::Undelivered { cause, .. }
            | Self::NoCredentials { cause, .. }
            | Self::Unsendable { cause, .. } => cause.clone(),
            Self::Unclear { what, .. } => what.clone(),
            Self::GateClosed { .. } => "the write gate is closed".to_owned(),
        }
    }

    /// The failure in whole sentences, each with one colon at most: it follows the sentence that names the step.
    fn sentence(&self, after_own_write: bool) -> String {
        let Call {
            operation,
            target,
            writes,
            ..
        } = self.call();
        let call = format!("{operation} for {target}");
        let said = self.said();
        match self.class() {
            Class::Throttled => {
                format!("{operation} was throttled by AWS. Lanyard reduces its call rate and retries.")
            }
            Class::Server => format!("AWS failed in {call}: {said}. Lanyard retries."),
            Class::Network => format!("AWS could not be reached for {call}: {said}. Lanyard retries."),
            Class::TimedOut if *writes => {
                format!("{call} got {said}. Lanyard checks whether the call took effect.")
            }
            Class::TimedOut => format!("{call} got {said}. Lanyard retries."),
            Class::Propagation | Class::NotFound if after_own_write => {
                format!("AWS does not see a recent change yet in {call}: {said}. Lanyard retries.")
            }
            Class::IssuerUnreachable => format!(
                "IAM cannot reach the OIDC issuer of the cluster: {said}. Make its discovery document reachable from AWS; Lanyard retries."
            ),
            Class::Conflicting => {
                format!("AWS rejected {call}, because the resource exists: {said}. Lanyard checks its owner.")
            }
            Class::Concurrent => {
                format!("Another writer changes {target}: {said}. Lanyard retries.")
            }
            Class::Occupied => {
                format!("AWS cannot delete {target}: {said}. Lanyard reads what was added to it and retries.")
            }
            Class::NotFound => format!(
                "AWS rejected {call}, because a resource does not exist: {said}. Create the resource, or correct its name in the spec."
            ),
            Class::Denied if after_own_write => format!(
                "AWS denied Lanyard {}. The permission may exist and not apply yet to what Lanyard just wrote, so Lanyard retries.",
                self.permission()
            ),
            Class::Denied => self.denial(),
            Class::Quota => {
                format!("{call} exceeds an AWS quota: {said}. Raise the quota or reduce its use.")
            }
            Class::Malformed => {
                format!("AWS rejected the document of {call}: {said}. Correct the document in the spec.")
            }
            Class::Propagation | Class::Refused => {
                format!("AWS rejected {call}: {said}. Correct the value that AWS names.")
            }
            Class::Unsendable => format!("{call} cannot be sent: {said}. Correct the value in the spec."),
            Class::Credentials => format!(
                "AWS rejected the credentials of the operator in {operation}: {}. {OWN_CREDENTIALS}",
                self.credentials_at_fault()
            ),
            Class::Unclear => {
                format!("AWS returned an invalid response to {call}: {said}. Lanyard retries.")
            }
            Class::GateClosed => format!("{call} was not sent, because this replica may not write now."),
        }
    }

    fn denial(&self) -> String {
        let permission = self.permission();
        if self.call().assumes_role() {
            return format!("AWS denied Lanyard {permission}. {ASSUMING}.");
        }
        let explicit = self
            .refusal()
            .and_then(|refusal| refusal.cause.as_ref())
            .is_some_and(|cause| cause.contains("explicit deny"));
        if explicit {
            return format!(
                "AWS denied Lanyard {permission}. Narrow the explicit deny, because no permission overrides it."
            );
        }
        match self.refusal().and_then(|refusal| refusal.role.as_ref()) {
            Some((role, account)) => format!(
                "AWS denied Lanyard {permission}. Allow the action in the IAM policy of role {role} in account {account}, which Lanyard uses."
            ),
            None => format!(
                "AWS denied Lanyard {permission}. Allow the action in the IAM policy of the operator's role."
            ),
        }
    }
}

/// The disposition and reason of each class. This is the only table of its kind.
fn disposition(class: Class, after_own_write: bool) -> (Disposition, Reason) {
    use Disposition::{RetrySoon, RetryThenStall, WaitForChange};
    match class {
        Class::Throttled => (RetrySoon, Reason::Throttled),
        Class::Server | Class::Network | Class::TimedOut | Class::Unclear => (RetrySoon, Reason::Unavailable),
        Class::IssuerUnreachable | Class::Credentials | Class::Concurrent | Class::GateClosed => {
            (RetrySoon, Reason::Unavailable)
        }
        Class::Propagation | Class::NotFound if after_own_write => (RetrySoon, Reason::Propagating),
        // IAM authorises a call on a new role or boundary by what it knows of it, which is late as well
        // (terraform-aws-modules/terraform-aws-ecs#414).
        Class::Denied if after_own_write => (RetrySoon, Reason::AccessDenied),
        // Another tool may have made the change that AWS does not show yet.
        Class::Propagation => (RetryThenStall, Reason::Refused),
        // The read before the call did not show what AWS rejects it for.
        Class::Conflicting | Class::Occupied => (RetrySoon, Reason::AwaitingConsistency),
        Class::Denied => (WaitForChange, Reason::AccessDenied),
        Class::Quota => (WaitForChange, Reason::QuotaExceeded),
        Class::Malformed => (WaitForChange, Reason::MalformedDocument),
        Class::NotFound | Class::Refused | Class::Unsendable => (WaitForChange, Reason::Refused),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::failure::ErrorAnswer;
    use super::*;
    use crate::call::Service;

    fn answered(operation: &'static str, status: u16, code: &str, message: &str) -> AwsError {
        AwsError::Answered {
            call: Call::write(Service::Iam, operation, "arn:aws:iam::111122223333:role/orders"),
            answer: Box::new(ErrorAnswer::new(status, code, message)),
        }
    }

    #[test]
    fn denial_names_permission_from_aws_message() {
        let message = "User: arn:aws:sts::1:assumed-role/l/s is not authorized to perform: iam:TagRole on resource: \
                       arn:aws:iam::111122223333:role/orders because no identity-based policy allows the iam:TagRole action";
        let error = answered("CreateRole", 403, "AccessDenied", message);
        let failure = error.step_failure(false);
        assert_eq!(
            (failure.disposition, failure.reason),
            (Disposition::WaitForChange, Reason::AccessDenied)
        );
        assert!(failure.message.starts_with(
            "AWS denied Lanyard iam:TagRole on arn:aws:iam::111122223333:role/orders (no identity"
        ));
        assert!(matches!(error.read_error(), ReadError::Denied(text) if text.starts_with("iam:TagRole on ")));
    }

    #[test]
    fn denial_without_message_names_call() {
        let failure = answered("AttachRolePolicy", 403, "AccessDenied", "").step_failure(false);
        assert!(
            failure
                .message
                .contains("iam:AttachRolePolicy on arn:aws:iam::111122223333:role/orders"),
            "{}",
            failure.message
        );
    }

    #[test]
    fn denied_assume_role_names_role_and_remedy() {
        let target = "arn:aws:iam::222233334444:role/lanyard with the external id of its class";
        let message = "User: arn:aws:sts::1:assumed-role/l/s is not authorized to perform: sts:AssumeRole on resource: x";
        let error = AwsError::Answered {
            call: Call::read(Service::Sts, "AssumeRole", target),
            answer: Box::new(ErrorAnswer::new(403, "AccessDenied", message)),
        };
        let failure = error.step_failure(false);
        assert_eq!(failure.disposition, Disposition::WaitForChange);
        for text in [failure.message, error.read_error().to_string()] {
            assert!(text.contains(&format!("sts:AssumeRole on {target}")), "{text}");
            assert!(text.contains("sts:ExternalId"), "{text}");
        }
    }

    #[test]
    fn denied_session_tags_are_named() {
        let message = "User: arn:aws:sts::1:assumed-role/l/s is not authorized to perform: sts:TagSession on resource: arn:aws:iam::222233334444:role/lanyard";
        let error = AwsError::Answered {
            call: Call::read(
                Service::Sts,
                "AssumeRole",
                "arn:aws:iam::222233334444:role/lanyard",
            ),
            answer: Box::new(ErrorAnswer::new(403, "AccessDenied", message)),
        };
        for text in [error.step_failure(false).message, error.read_error().to_string()] {
            assert!(
                text.contains("sts:TagSession on arn:aws:iam::222233334444:role/lanyard"),
                "{text}"
            );
        }
    }

    #[test]
    fn explicit_deny_does_not_suggest_allowing() {
        let message = "User: x is not authorized to perform: iam:CreateRole on resource: r with an explicit deny in a service control policy";
        let failure = answered("CreateRole", 403, "AccessDenied", message).step_failure(false);
        assert!(
            failure.message.contains("explicit deny") && !failure.message.contains("Allow the action"),
            "{}",
            failure.message
        );
    }

    #[test]
    fn propagation_is_final_only_without_own_write() {
        let error = answered(
            "UpdateAssumeRolePolicy",
            400,
            "MalformedPolicyDocument",
            "Invalid principal in policy: x",
        );
        assert_eq!(error.step_failure(true).reason, Reason::Propagating);
        assert_eq!(error.step_failure(true).disposition, Disposition::RetrySoon);
        let failure = error.step_failure(false);
        assert_eq!(failure.disposition, Disposition::RetryThenStall);
        assert_eq!(failure.reason, Reason::Refused);
        assert!(failure.message.contains("Invalid principal in policy: x"));
    }

    #[test]
    fn denial_after_own_write_is_retried() {
        let message = "User: x is not authorized to perform: iam:PassRole on resource: r";
        let error = answered("CreatePodIdentityAssociation", 403, "AccessDenied", message);
        let young = error.step_failure(true);
        assert_eq!(
            (young.disposition, young.reason),
            (Disposition::RetrySoon, Reason::AccessDenied)
        );
        assert!(young.message.contains("iam:PassRole on r") && !young.message.contains("Allow the action"));
        assert_eq!(error.step_failure(false).disposition, Disposition::WaitForChange);
    }

    #[test]
    fn lost_answer_is_retried_and_names_call() {
        let call = Call::write(
            Service::Eks,
            "CreatePodIdentityAssociation",
            "the association of shop/orders",
        );
        let failure = AwsError::TimedOut {
            call,
            limit: Duration::from_secs(4),
        }
        .step_failure(false);
        assert_eq!(failure.disposition, Disposition::RetrySoon);
        assert_eq!(
            failure.message,
            "CreatePodIdentityAssociation for the association of shop/orders got no answer within 4s. \
             Lanyard checks whether the call took effect."
        );
    }

    #[test]
    fn read_error_is_equal_for_each_attempt() {
        let skewed = |now| {
            let message = format!("Signature expired: 20260301T115000Z is now earlier than {now}");
            answered("GetRole", 403, "RequestTimeTooSkewed", &message)
        };
        assert_eq!(
            skewed("20260301T120000Z").read_error(),
            skewed("20260301T120100Z").read_error()
        );
        let outage = [
            answered("GetRole", 500, "ServiceFailure", "request 1"),
            answered("ListRoleTags", 503, "ServiceUnavailable", "request 2"),
        ];
        for error in outage {
            let expected = ReadError::Failed("IAM did not return a valid response".to_owned());
            assert_eq!(error.read_error(), expected);
        }
    }

    #[test]
    fn throttled_read_error_is_throttled() {
        assert_eq!(
            answered("GetRole", 400, "Throttling", "Rate exceeded").read_error(),
            ReadError::Throttled
        );
    }
}
