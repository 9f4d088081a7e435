//! Summarise, the pods alone: they churn, and a pod that comes or goes must not cost a look at AWS.
//! The status before and a new count in, the status to write out, or nothing; no I/O.

use jiff::Timestamp;

use super::conditions::pods_verdict;
use crate::model::condition::ConditionType;
use crate::model::pods::PodList;
use crate::model::status::{PodsStatus, Status};

/// The status with the pods counted anew; `None` when it says so already, when no look has been taken yet,
/// or while a change of the binding runs: then the pods decide how it goes on, which takes a look.
#[must_use]
pub fn recount(previous: &Status, pods: &PodList, now: Timestamp) -> Option<Status> {
    let before = previous.condition(ConditionType::PodsCurrent)?;
    if previous.transition.is_some() {
        return None;
    }
    let binding = &previous.bindings.first()?.binding;
    let verdict = pods_verdict(pods, binding, None);
    let condition = verdict.into_condition(
        ConditionType::PodsCurrent,
        previous,
        before.observed_generation,
        now,
    );
    let mut status = previous.clone();
    status.pods = PodsStatus {
        stale: i64::try_from(pods.stale(binding, None)).unwrap_or(i64::MAX),
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
