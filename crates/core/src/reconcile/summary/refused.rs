//! Summarise, for objects that cannot be carried out: invalid ones and ones that cannot even be decoded.
//! What is wrong in, the summary out; no I/O. What was recorded before stays recorded.

use jiff::Timestamp;

use super::events::Event;
use super::{Next, Summary, Verdict};
use crate::identity::Freeze;
use crate::model::condition::{Condition, ConditionStatus, ConditionType};
use crate::model::reason::Reason;
use crate::model::status::Status;
use crate::model::text;
use crate::reconcile::validate::Invalid;

/// The summary of an object whose spec cannot be carried out. What it has is left as it is.
#[must_use]
pub fn invalid(previous: &Status, generation: i64, invalid: &[Invalid], now: Timestamp) -> Summary {
    let lines: Vec<String> = invalid
        .iter()
        .map(|wrong| text::field(&wrong.to_string()))
        .collect();
    let message = text::joined(&lines, "");
    stalled(previous, generation, reason(invalid), &message, now)
}

/// What is wrong for one reason has that one; what is wrong for several is wrong as a spec.
fn reason(invalid: &[Invalid]) -> Reason {
    let first = invalid.first().map(|wrong| wrong.reason);
    first
        .filter(|first| invalid.iter().all(|wrong| wrong.reason == *first))
        .unwrap_or(Reason::InvalidSpec)
}

/// The summary of an object that does not fit the types this operator knows.
#[must_use]
pub fn undecodable(previous: &Status, generation: i64, error: &str, now: Timestamp) -> Summary {
    let message = format!(
        "The object does not fit the CRD that this operator knows: {}",
        text::quote(error)
    );
    stalled(previous, generation, Reason::Undecodable, &message, now)
}

/// The summary of an object of which nothing was ever carried out, and nothing is: its class is away or does not allow it.
/// What only could not be read keeps nobody waiting for a person.
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

/// `kind`: what says why nothing is done.
fn stopped(
    kind: ConditionType,
    previous: &Status,
    generation: i64,
    reason: Reason,
    message: &str,
    now: Timestamp,
) -> Summary {
    let ready =
        Verdict::fails(reason, message).into_condition(ConditionType::Ready, previous, generation, now);
    let stall = Verdict::holds(reason, message).into_condition(kind, previous, generation, now);
    let told_before = previous
        .condition(kind)
        .is_some_and(|before| before.status == ConditionStatus::True && before.message == stall.message);
    let events = if told_before {
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
