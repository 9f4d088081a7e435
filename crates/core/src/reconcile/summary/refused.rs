//! Summaries of objects that cannot be applied: invalid, rejected or undecodable ones. The cause in, a
//! summary out; no I/O. All recorded values stay recorded.

use jiff::Timestamp;

use super::events::Event;
use super::output::{Next, Summary};
use super::verdict::Verdict;
use crate::identity::Freeze;
use crate::model::condition::{Condition, ConditionStatus, ConditionType};
use crate::model::reason::Reason;
use crate::model::status::Status;
use crate::model::text;
use crate::reconcile::validate::Invalid;

/// The summary of an object with an invalid spec. Its resources are not changed.
#[must_use]
pub fn invalid(previous: &Status, generation: i64, invalid: &[Invalid], now: Timestamp) -> Summary {
    let lines: Vec<String> = invalid
        .iter()
        .map(|error| text::field(&error.to_string()))
        .collect();
    let message = text::joined(&lines, "");
    stalled(previous, generation, reason(invalid), &message, now)
}

/// The common reason of all errors, or `InvalidSpec` if they differ.
fn reason(invalid: &[Invalid]) -> Reason {
    let first = invalid.first().map(|error| error.reason);
    first
        .filter(|first| invalid.iter().all(|error| error.reason == *first))
        .unwrap_or(Reason::InvalidSpec)
}

/// The summary of an object that does not match the types of this operator.
#[must_use]
pub fn undecodable(previous: &Status, generation: i64, error: &str, now: Timestamp) -> Summary {
    let message = format!(
        "The object does not match the CRD of this operator: {}. Compare the versions of CRD and operator.",
        text::quote(error)
    );
    stalled(previous, generation, Reason::Undecodable, &message, now)
}

/// The summary of an object that was never applied, and whose class is missing or does not allow it. A class
/// that could not be read is retried and does not stall the object.
#[must_use]
pub fn refused(previous: &Status, generation: i64, freeze: &Freeze, now: Timestamp) -> Summary {
    let Freeze { reason, message, .. } = freeze;
    match reason {
        Reason::Unreadable => Summary {
            next: Next::Backoff,
            ..stopped(
                ConditionType::Reconciling,
                previous,
                generation,
                *reason,
                message,
                now,
            )
        },
        _ => stalled(previous, generation, *reason, message, now),
    }
}

fn stalled(previous: &Status, generation: i64, reason: Reason, message: &str, now: Timestamp) -> Summary {
    stopped(ConditionType::Stalled, previous, generation, reason, message, now)
}

/// `kind` is the condition that reports the cause.
fn stopped(
    kind: ConditionType,
    previous: &Status,
    generation: i64,
    reason: Reason,
    message: &str,
    now: Timestamp,
) -> Summary {
    let ready =
        Verdict::unmet(reason, message).into_condition(ConditionType::Ready, previous, generation, now);
    let stall = Verdict::met(reason, message).into_condition(kind, previous, generation, now);
    let is_reported = previous
        .condition(kind)
        .is_some_and(|before| before.status == ConditionStatus::True && before.message == stall.message);
    let events = if is_reported {
        Vec::new()
    } else {
        vec![Event::warning(reason, message)]
    };
    let kept = previous.conditions.iter().filter(|condition| {
        !matches!(
            condition.kind,
            ConditionType::Ready
                | ConditionType::Stalled
                | ConditionType::Reconciling
                | ConditionType::Transitioning
        )
    });
    let kept = kept.cloned().map(|condition| Condition {
        observed_generation: generation,
        ..condition
    });
    let status = Status {
        observed_generation: Some(generation),
        conditions: [ready, stall].into_iter().chain(kept).collect(),
        ..previous.clone()
    };
    Summary {
        status,
        events,
        next: Next::Resync,
        corrected: Vec::new(),
    }
}
