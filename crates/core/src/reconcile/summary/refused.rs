//! Summaries of objects that cannot be applied: invalid, rejected or undecodable ones. The cause in, a
//! summary out; no I/O. All recorded values stay recorded.

use std::time::Duration;

use jiff::Timestamp;

use super::events::Event;
use super::output::{Next, Summary};
use super::persistence::remaining;
use super::verdict::Verdict;
use crate::identity::Freeze;
use crate::model::condition::{Condition, ConditionStatus, ConditionType};
use crate::model::reason::Reason;
use crate::model::status::Status;
use crate::model::text;
use crate::reconcile::validate::Invalid;

/// The time in which a missing class is awaited before its identities are stalled: one deployment often brings both, in any
/// order.
const CLASS_AWAITED: Duration = Duration::from_secs(300);

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
/// that could not be read is retried and does not stall the object. A missing class is awaited for five minutes.
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
        Reason::ClassMissing => match remaining(previous, *reason, CLASS_AWAITED, now) {
            Some(remaining) => {
                let message = format!("{message} Lanyard waits five minutes for it.");
                let kind = ConditionType::Reconciling;
                Summary {
                    next: Next::After(remaining),
                    ..stopped(kind, previous, generation, *reason, &message, now)
                }
            }
            None => stalled(previous, generation, *reason, message, now),
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
    let kept = kept.cloned().map(|condition| match condition.kind {
        // Nothing was read, so no drift can be ruled out.
        ConditionType::InSync => {
            Verdict::unknown(reason, message).into_condition(condition.kind, previous, generation, now)
        }
        _ => Condition {
            observed_generation: generation,
            ..condition
        },
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

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(previous: &Status, seconds: i64) -> Summary {
        let freeze = Freeze {
            reason: Reason::ClassMissing,
            message: "Class c does not exist.".to_owned(),
            bounds: false,
        };
        refused(previous, 1, &freeze, Timestamp::from_second(seconds).unwrap())
    }

    #[test]
    fn missing_class_is_awaited_for_five_minutes() {
        let first = missing(&Status::default(), 0);
        assert!(first.status.condition(ConditionType::Stalled).is_none());
        let reconciling = first.status.condition(ConditionType::Reconciling).unwrap();
        assert_eq!(reconciling.reason, Reason::ClassMissing);
        assert_eq!(first.next, Next::After(CLASS_AWAITED));
        let later = missing(&first.status, 299);
        assert_eq!(later.next, Next::After(Duration::from_secs(1)));
        let over = missing(&later.status, 300);
        assert!(over.status.condition(ConditionType::Reconciling).is_none());
        assert_eq!(
            over.status.condition(ConditionType::Stalled).unwrap().reason,
            Reason::ClassMissing
        );
    }

    #[test]
    fn invalid_spec_leaves_drift_unknown() {
        let in_sync = ConditionType::InSync;
        let before = Verdict::met(Reason::InSync, "No drift detected.");
        let status = Status {
            conditions: vec![before.into_condition(in_sync, &Status::default(), 1, Timestamp::UNIX_EPOCH)],
            ..Status::default()
        };
        let errors = [Invalid {
            field: "role".to_owned(),
            problem: "is wrong".to_owned(),
            reason: Reason::InvalidSpec,
        }];
        let after = invalid(&status, 2, &errors, Timestamp::UNIX_EPOCH).status;
        let in_sync = after.condition(in_sync).unwrap();
        assert_eq!(
            (in_sync.status, in_sync.reason),
            (ConditionStatus::Unknown, Reason::InvalidSpec)
        );
    }

    #[test]
    fn stalled_identity_does_not_await_its_class_again() {
        let over = missing(&missing(&Status::default(), 0).status, 300);
        let again = missing(&over.status, 301);
        assert!(again.status.condition(ConditionType::Stalled).is_some());
        assert!(again.events.is_empty());
    }
}
