//! `Verdict`: status, reason and message of a condition before it is written. Values in, a condition out; no I/O.

use std::time::Duration;

use jiff::Timestamp;

use super::unreadable::unreadable;
use crate::model::condition::{Condition, ConditionStatus, ConditionType};
use crate::model::fact::ReadError;
use crate::model::reason::Reason;
use crate::model::status::Status;
use crate::model::text;

/// Status, reason and message of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub status: ConditionStatus,
    pub reason: Reason,
    pub message: String,
}

impl Verdict {
    pub(crate) fn met(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            status: ConditionStatus::True,
            reason,
            message: message.into(),
        }
    }

    pub(crate) fn unmet(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            status: ConditionStatus::False,
            reason,
            message: message.into(),
        }
    }

    pub(crate) fn unknown(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            status: ConditionStatus::Unknown,
            reason,
            message: message.into(),
        }
    }

    /// Keeps the previous verdict if `what` could not be read, so that an AWS outage does not set the
    /// conditions of all objects to False. Unknown if there is no previous verdict. `consistency` is the
    /// limit of a wait for a recent write.
    pub(crate) fn as_before(
        previous: &Status,
        kind: ConditionType,
        what: &str,
        error: &ReadError,
        consistency: Option<Duration>,
    ) -> Self {
        match previous.condition(kind) {
            Some(before) if before.status != ConditionStatus::Unknown => Self {
                status: before.status,
                reason: before.reason,
                message: before.message.clone(),
            },
            Some(_) | None => {
                let (reason, message) = unreadable(what, error, consistency);
                Self::unknown(reason, message)
            }
        }
    }

    /// The condition to write. Its transition time changes only with its status.
    pub(crate) fn into_condition(
        self,
        kind: ConditionType,
        previous: &Status,
        generation: i64,
        now: Timestamp,
    ) -> Condition {
        let last_transition_time = previous
            .condition(kind)
            .filter(|before| before.status == self.status)
            .map_or(now, |before| before.last_transition_time);
        Condition {
            kind,
            status: self.status,
            reason: self.reason,
            message: text::message(&self.message),
            observed_generation: generation,
            last_transition_time,
        }
    }
}
