//! How long a problem may still end by itself. The previous conditions, a reason and a limit in; the remaining time out.
//! No I/O. The conditions hold the only record, so that a restart of the operator does not start the time again.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::condition::{Condition, ConditionStatus, ConditionType};
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
    rest(before(ConditionType::Reconciling), limit, now)
}

/// The same for a requirement of `Ready` that is not met with this reason. Its condition keeps its verdict while the
/// resource cannot be read, so that an outage does not start the time again.
pub(super) fn unmet_for(
    previous: &Status,
    reason: Reason,
    limit: Duration,
    now: Timestamp,
) -> Option<Duration> {
    let inputs = [
        ConditionType::RoleReady,
        ConditionType::TrustReady,
        ConditionType::BindingReady,
    ];
    let mut conditions = inputs.into_iter().filter_map(|kind| previous.condition(kind));
    let began =
        conditions.find(|condition| condition.status == ConditionStatus::False && condition.reason == reason);
    rest(began, limit, now)
}

/// The rest of the limit since the last transition of a condition.
fn rest(began: Option<&Condition>, limit: Duration, now: Timestamp) -> Option<Duration> {
    let Some(began) = began else {
        return Some(limit);
    };
    let elapsed = Duration::try_from(now.duration_since(began.last_transition_time)).unwrap_or_default();
    limit
        .checked_sub(elapsed)
        .filter(|remaining| !remaining.is_zero())
}
