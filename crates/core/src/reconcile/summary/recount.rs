//! A new count of the pods without a reconcile: pods change often, and a new pod must not cost AWS calls. The
//! previous status and the pods in, the status to write out; no I/O.

use jiff::Timestamp;

use super::pods::{bound_since, pods_verdict, unsupported_nodes};
use crate::model::condition::ConditionType;
use crate::model::pods::PodList;
use crate::model::status::{PodsStatus, Status};

/// The status with a new count of the pods. Returns `None` if the status does not change, if the object was never
/// reconciled, or during a transition: then the pods determine the next stage, which requires a reconcile.
#[must_use]
pub fn recount(previous: &Status, pods: &PodList, now: Timestamp) -> Option<Status> {
    let before = previous.condition(ConditionType::PodsCurrent)?;
    if previous.transition.is_some() {
        return None;
    }
    let binding = &previous.bindings.first()?.binding;
    let verdict = unsupported_nodes(pods, binding)
        .unwrap_or_else(|| pods_verdict(pods, binding, None, bound_since(previous)));
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
