//! How long a problem may still end by itself. The previous conditions, a reason and a limit in; the remaining time out.
//! No I/O. The conditions hold the only record, so that a restart of the operator does not start the time again.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::condition::{ConditionStatus, ConditionType};
use crate::model::reason::Reason;
use crate::model::status::Status;

/// The time for which a problem with this reason is still awaited. Returns `None` if it was `Stalled` before, or if
/// `Reconciling` has been True for `limit`. The time starts with the first report.
pub(super) fn remaining(
    previous: &Status,
    reason: Reason,
    limit: Duration,
    now: Timestamp,
) -> Option<Duration> {
    let before = |kind| {
        let condition = previous.condition(kind);
        condition.filter(|condition| condition.status == ConditionStatus::True && condition.reason == reason)
    };
    if before(ConditionType::Stalled).is_some() {
        return None;
    }
    let Some(began) = before(ConditionType::Reconciling) else {
        return Some(limit);
    };
    let elapsed = Duration::try_from(now.duration_since(began.last_transition_time)).unwrap_or_default();
    limit
        .checked_sub(elapsed)
        .filter(|remaining| !remaining.is_zero())
}
