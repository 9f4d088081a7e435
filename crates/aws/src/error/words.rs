//! What an error becomes for people: the trouble of a step, or the reason why a fact is unreadable.
//! An [`AwsError`] in, sentences out that name the call, what AWS said and what to do; no I/O. Called by the engine
//! for writes and by the reads of this crate.

use lanyard_core::model::fact::ReadError;
use lanyard_core::model::reason::Reason;
use lanyard_core::model::text;
use lanyard_core::reconcile::outcome::{Disposition, StepFailure};

use super::{AwsError, Class, Refusal};
use crate::call::Call;

/// What opens a role of another account: its own owner, and Lanyard's own policy.
const ASSUMING: &str = "The trust policy of that role has to let Lanyard's own role in and, where it demands an sts:ExternalId, the one that the class has; Lanyard's own policy has to allow sts:AssumeRole on it";
/// What to do when AWS does not know who is calling.
const OWN_CREDENTIALS: &str = "Check the AWS credentials that the operator itself runs with, and its clock.";

impl AwsError {
    /// The trouble that this error is for a step. `after_own_write`: something that the call rests on was written by
    /// Lanyard so shortly before that AWS may not see it everywhere yet.
    #[must_use]
    pub fn trouble(&self, after_own_write: bool) -> StepFailure {
        let (disposition, reason) = verdict(self.class(), after_own_write);
        StepFailure {
            disposition,
            reason,
            message: text::message(&self.sentence(after_own_write)),
        }
    }

    /// Why a fact could not be read: a word for the class. It stands in the status, so what changes from one try to the
    /// next has no place in it: which call of many it was, and how AWS words it at that moment. The log has both.
    #[must_use]
    pub fn why(&self) -> ReadError {
        match self.class() {
            Class::Throttled => ReadError::Throttled,
            Class::Denied if self.call().is_of_assuming() => {
                ReadError::Denied(format!("{}. {ASSUMING}", self.permission()))
            }
            Class::Denied => ReadError::Denied(self.permission()),
            Class::Server | Class::Network | Class::TimedOut | Class::Unclear => {
                ReadError::Failed(format!("{} does not answer as it should", self.call().service))
            }
            Class::Credentials => ReadError::Failed(format!(
                "AWS does not accept the operator's credentials ({})",
                self.credentials_at_fault()
            )),
            _ => ReadError::Failed(self.to_string()),
        }
    }

    /// What is wrong with the credentials: AWS's code alone, as its message may hold the time of day.
    fn credentials_at_fault(&self) -> String {
        match self {
            Self::Answered { answer, .. } => answer.code.clone(),
            _ => self.said(),
        }
    }

    /// The permission that is missing and on what: AWS's own words where it names them, else the call's. On the way into
    /// another account the call's, which say what was asked for.
    fn permission(&self) -> String {
        let call = self.call();
        match self.refusal().filter(|_| !self.call().is_of_assuming()) {
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

    /// What AWS said, or what kept it from saying anything.
    fn said(&self) -> String {
        match self {
            Self::Answered { answer, .. } => answer.to_string(),
            Self::TimedOut { limit, .. } => format!("no answer within {limit:?}"),
            Self::Undelivered { cause, .. }
            | Self::NoCredentials { cause, .. }
            | Self::Unsendable { cause, .. } => cause.clone(),
            Self::Unclear { what, .. } => what.clone(),
            Self::GateClosed { .. } => "the write gate is closed".to_owned(),
        }
    }

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
                format!("AWS asks for fewer calls of {operation}; Lanyard slows down and tries again.")
            }
            Class::Server => format!("AWS fails at {call}: {said}. Lanyard tries again."),
            Class::Network => format!("{call} did not get through to AWS: {said}. Lanyard tries again."),
            Class::TimedOut if *writes => {
                format!("{call}: {said}. Lanyard looks whether it took effect all the same.")
            }
            Class::TimedOut => format!("{call}: {said}. Lanyard tries again."),
            Class::Propagation | Class::NotFound if after_own_write => {
                format!("{call}: AWS does not see a change of a moment ago yet: {said}. Lanyard tries again.")
            }
            Class::IssuerUnreachable => format!(
                "IAM cannot reach the cluster's issuer: {said}. Open its discovery document to AWS; Lanyard tries again."
            ),
            Class::Conflicting => format!("{call}: it is there already: {said}. Lanyard looks whose it is."),
            Class::Concurrent => {
                format!("{target} is being changed by somebody else: {said}. Lanyard tries again.")
            }
            Class::Occupied => {
                format!("{target} cannot be deleted yet: {said}. Lanyard looks at what was added to it.")
            }
            Class::NotFound => format!("{call} names something that AWS does not have: {said}."),
            Class::Denied => self.denial(),
            Class::Quota => {
                format!("{call}: a quota is used up: {said}. Raise the quota in AWS or use less of it.")
            }
            Class::Malformed => {
                format!("AWS calls the document of {call} malformed: {said}. Correct it in the spec.")
            }
            Class::Propagation | Class::Refused => format!("AWS refuses {call}: {said}."),
            Class::Unsendable => format!("{call} cannot be sent: {said}."),
            Class::Credentials => format!(
                "{operation} without good credentials: {}. {OWN_CREDENTIALS}",
                self.credentials_at_fault()
            ),
            Class::Unclear => {
                format!("AWS answered {call} with something unexpected: {said}. Lanyard tries again.")
            }
            Class::GateClosed => format!("{call} was not sent: this replica may not write at this moment."),
        }
    }

    fn denial(&self) -> String {
        let permission = self.permission();
        if self.call().is_of_assuming() {
            return format!("AWS denies Lanyard {permission}. {ASSUMING}.");
        }
        let explicit = self
            .refusal()
            .and_then(|refusal| refusal.cause.as_ref())
            .is_some_and(|why| why.contains("explicit deny"));
        if explicit {
            return format!(
                "AWS denies Lanyard {permission}. An explicit deny stands in the way: narrow it, as no permission overrides it."
            );
        }
        match self.refusal().and_then(|refusal| refusal.role.as_ref()) {
            Some((role, account)) => format!(
                "AWS denies Lanyard {permission}. Allow it in the IAM policy of role {role} of account {account}, which Lanyard acts as."
            ),
            None => format!(
                "AWS denies Lanyard {permission}. Allow it in the IAM policy that the operator itself runs with."
            ),
        }
    }
}

/// What to do about a class of error, and the word for it. The one table of its kind.
fn verdict(class: Class, after_own_write: bool) -> (Disposition, Reason) {
    use Disposition::{RetrySoon, WaitForChange};
    match class {
        Class::Throttled => (RetrySoon, Reason::Throttled),
        Class::Server | Class::Network | Class::TimedOut | Class::Unclear => (RetrySoon, Reason::Unavailable),
        Class::IssuerUnreachable | Class::Credentials | Class::Concurrent | Class::GateClosed => {
            (RetrySoon, Reason::Unavailable)
        }
        Class::Propagation | Class::NotFound if after_own_write => (RetrySoon, Reason::Propagating),
        // The read before the call did not show what AWS rejects it for.
        Class::Conflicting | Class::Occupied => (RetrySoon, Reason::AwaitingConsistency),
        Class::Denied => (WaitForChange, Reason::AccessDenied),
        Class::Quota => (WaitForChange, Reason::QuotaExceeded),
        Class::Malformed => (WaitForChange, Reason::MalformedDocument),
        Class::Propagation | Class::NotFound | Class::Refused | Class::Unsendable => {
            (WaitForChange, Reason::Refused)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::call::Service;
    use crate::error::ErrorAnswer;

    fn answered(operation: &'static str, status: u16, code: &str, message: &str) -> AwsError {
        AwsError::Answered {
            call: Call::write(Service::Iam, operation, "arn:aws:iam::111122223333:role/orders"),
            answer: Box::new(ErrorAnswer::new(status, code, message)),
        }
    }

    #[test]
    fn a_denial_names_the_permission_that_aws_names() {
        let message = "User: arn:aws:sts::1:assumed-role/l/s is not authorized to perform: iam:TagRole on resource: \
                       arn:aws:iam::111122223333:role/orders because no identity-based policy allows the iam:TagRole action";
        let error = answered("CreateRole", 403, "AccessDenied", message);
        let trouble = error.trouble(false);
        assert_eq!(
            (trouble.disposition, trouble.reason),
            (Disposition::WaitForChange, Reason::AccessDenied)
        );
        assert!(trouble.message.starts_with(
            "AWS denies Lanyard iam:TagRole on arn:aws:iam::111122223333:role/orders (no identity"
        ));
        assert!(matches!(error.why(), ReadError::Denied(text) if text.starts_with("iam:TagRole on ")));
    }

    #[test]
    fn a_denial_without_words_names_the_call_itself() {
        let trouble = answered("AttachRolePolicy", 403, "AccessDenied", "").trouble(false);
        assert!(
            trouble
                .message
                .contains("iam:AttachRolePolicy on arn:aws:iam::111122223333:role/orders"),
            "{}",
            trouble.message
        );
    }

    #[test]
    fn a_way_into_another_account_that_is_shut_says_which_and_what_opens_it() {
        let target = "arn:aws:iam::222233334444:role/lanyard with the external id of its class";
        let message = "User: arn:aws:sts::1:assumed-role/l/s is not authorized to perform: sts:AssumeRole on resource: x";
        let error = AwsError::Answered {
            call: Call::read(Service::Sts, "AssumeRole", target),
            answer: Box::new(ErrorAnswer::new(403, "AccessDenied", message)),
        };
        let trouble = error.trouble(false);
        assert_eq!(trouble.disposition, Disposition::WaitForChange);
        for text in [trouble.message, error.why().to_string()] {
            assert!(text.contains(&format!("sts:AssumeRole on {target}")), "{text}");
            assert!(text.contains("sts:ExternalId"), "{text}");
        }
    }

    #[test]
    fn an_explicit_deny_is_not_answered_with_allow_it() {
        let message = "User: x is not authorized to perform: iam:CreateRole on resource: r with an explicit deny in a service control policy";
        let trouble = answered("CreateRole", 403, "AccessDenied", message).trouble(false);
        assert!(
            trouble.message.contains("explicit deny") && !trouble.message.contains("Allow it"),
            "{}",
            trouble.message
        );
    }

    #[test]
    fn what_aws_does_not_see_yet_is_waited_for_only_after_our_own_write() {
        let error = answered(
            "UpdateAssumeRolePolicy",
            400,
            "MalformedPolicyDocument",
            "Invalid principal in policy: x",
        );
        assert_eq!(error.trouble(true).reason, Reason::Propagating);
        assert_eq!(error.trouble(true).disposition, Disposition::RetrySoon);
        assert_eq!(error.trouble(false).disposition, Disposition::WaitForChange);
    }

    #[test]
    fn a_lost_answer_is_tried_again_and_says_which_call() {
        let call = Call::write(
            Service::Eks,
            "CreatePodIdentityAssociation",
            "the association of shop/orders",
        );
        let trouble = AwsError::TimedOut {
            call,
            limit: Duration::from_secs(4),
        }
        .trouble(false);
        assert_eq!(trouble.disposition, Disposition::RetrySoon);
        assert_eq!(
            trouble.message,
            "CreatePodIdentityAssociation for the association of shop/orders: no answer within 4s. \
             Lanyard looks whether it took effect all the same."
        );
    }

    #[test]
    fn why_a_read_failed_is_the_same_at_each_try() {
        let skewed = |now| {
            let message = format!("Signature expired: 20260301T115000Z is now earlier than {now}");
            answered("GetRole", 403, "RequestTimeTooSkewed", &message)
        };
        assert_eq!(skewed("20260301T120000Z").why(), skewed("20260301T120100Z").why());
        let outage = [
            answered("GetRole", 500, "ServiceFailure", "request 1"),
            answered("ListRoleTags", 503, "ServiceUnavailable", "request 2"),
        ];
        for error in outage {
            let why = ReadError::Failed("IAM does not answer as it should".to_owned());
            assert_eq!(error.why(), why);
        }
    }

    #[test]
    fn throttling_is_no_failure_of_a_read() {
        assert_eq!(
            answered("GetRole", 400, "Throttling", "Rate exceeded").why(),
            ReadError::Throttled
        );
    }
}
