//! Summarise, the pods alone: they churn, and a pod that comes or goes must not cost a look at AWS.
//! The status before and a new count in, the status to write out, or nothing; no I/O.

use jiff::Timestamp;

use super::conditions::pods_verdict;
use crate::condition::ConditionType;
use crate::observed::Pods;
use crate::status::{PodsStatus, Status};

/// The status with the pods counted anew; `None` when it says so already, or when no look has been taken yet.
#[must_use]
pub fn recount(previous: &Status, pods: &Pods, now: Timestamp) -> Option<Status> {
    let before = previous.condition(ConditionType::PodsCurrent)?;
    let method = previous.bindings.first()?.binding.method();
    let verdict = pods_verdict(pods, method);
    let condition = verdict.into_condition(
        ConditionType::PodsCurrent,
        previous,
        before.observed_generation,
        now,
    );
    let mut status = previous.clone();
    status.pods = PodsStatus {
        stale: i64::try_from(pods.stale(method)).unwrap_or(i64::MAX),
    };
    status
        .conditions
        .iter_mut()
        .filter(|known| known.kind == ConditionType::PodsCurrent)
        .for_each(|known| {
            *known = condition.clone();
        });
    (status != *previous).then_some(status)
}
