//! Messages for resources that could not be read and for waits that end by themselves. Errors and limits in,
//! a reason and sentences out; no I/O. A message contains the limit of a wait, never the remaining time: that
//! would change the status at every reconcile.

use std::time::Duration;

use crate::model::duration::Seconds;
use crate::model::fact::ReadError;
use crate::model::reason::Reason;
use crate::model::text;
use crate::reconcile::outcome::StepFailure;
use crate::reconcile::step::Step;

/// Reason and message for a resource that could not be read. `consistency` is the limit of a wait for a
/// recent write; `None` omits it from the message.
pub(super) fn unreadable(what: &str, error: &ReadError, consistency: Option<Duration>) -> (Reason, String) {
    let next = match error {
        ReadError::AwaitingConsistency => {
            let limit = consistency
                .map(|limit| format!(" up to {}", limit_message(limit)))
                .unwrap_or_default();
            let message = format!(
                "{what}: the last read contradicts a recent write by Lanyard. Waiting{limit} for AWS to show the write."
            );
            return (Reason::AwaitingConsistency, message);
        }
        ReadError::Denied(_) => "Grant the permission.",
        ReadError::Throttled | ReadError::Failed(_) => "Lanyard retries with backoff.",
        ReadError::NotRead => "The next reconcile reads it.",
    };
    let message = match error {
        ReadError::Denied(permission) => {
            format!(
                "{what} could not be read. Access denied: {} {next}",
                sentence(permission)
            )
        }
        other => format!(
            "{what} could not be read: {} {next}",
            sentence(&other.to_string())
        ),
    };
    (Reason::Unreadable, message)
}

/// The message of a step that did not take effect: one sentence names the step, then those of the failure follow.
pub(super) fn failed_step(step: &Step, failure: &StepFailure) -> String {
    text::with_arns_once(&format!("Could not {step}. {}", failure.message))
}

/// The message of a step that waits until AWS shows an earlier change. `limit` is the limit of the wait.
pub(super) fn waiting_step(step: &Step, failure: &StepFailure, limit: Duration) -> String {
    let limit = limit_message(limit);
    let error = sentence(&failure.message);
    text::with_arns_once(&format!(
        "Could not {step} yet. {error} AWS can take up to {limit} to show an earlier change."
    ))
}

/// A limit as users write durations.
pub(super) fn limit_message(limit: Duration) -> String {
    match u32::try_from(limit.as_secs()) {
        Ok(0) => format!("{}ms", limit.as_millis()),
        Ok(seconds) => Seconds(seconds).to_string(),
        Err(_) => format!("{}s", limit.as_secs()),
    }
}

/// A text with one full stop at its end.
pub(super) fn sentence(text: &str) -> String {
    format!("{}.", text.trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_written_like_durations_in_a_spec() {
        let limits = [
            (30_000, "30s"),
            (60_000, "1m"),
            (21_900_000, "6h5m"),
            (250, "250ms"),
        ];
        for (millis, text) in limits {
            assert_eq!(limit_message(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn denied_read_names_permission_and_next_action() {
        let error = ReadError::Denied("iam:GetRole on role orders".to_owned());
        let (reason, message) = unreadable("Role", &error, None);
        assert_eq!(reason, Reason::Unreadable);
        assert_eq!(
            message,
            "Role could not be read. Access denied: iam:GetRole on role orders. Grant the permission."
        );
    }
}
