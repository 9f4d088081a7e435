//! The status of one class.
//! Input: the class, its previous status, the counts of its followers and the time. Output: its status. No I/O.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use lanyard_api::class::{IdentitiesStatus, MethodCount, TransitionsStatus, WorkloadIdentityClassStatus};
use lanyard_core::class::{ClassEntry, ClassReadiness, IdentityCounts};
use lanyard_core::model::condition::ConditionStatus;
use lanyard_core::model::spec::Method;

/// The type of the only condition of a class.
const READY: &str = "Ready";

/// Computes the status of a class.
pub(super) fn class_status(
    listed: &ClassEntry,
    generation: Option<i64>,
    before: &WorkloadIdentityClassStatus,
    counts: &IdentityCounts,
    now: Timestamp,
) -> WorkloadIdentityClassStatus {
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let by_method = |method, number| MethodCount {
        method,
        count: count(number),
    };
    let readiness = ClassReadiness::of(listed, counts);
    WorkloadIdentityClassStatus {
        observed_generation: generation,
        conditions: vec![ready(readiness, generation, before, now)],
        identities: Some(IdentitiesStatus {
            total: count(counts.total),
            ready: count(counts.ready),
            drifted: count(counts.drifted),
            by_method: vec![
                by_method(Method::Irsa, counts.irsa),
                by_method(Method::PodIdentity, counts.pod_identity),
            ],
        }),
        transitions: Some(TransitionsStatus {
            waiting: count(counts.waiting),
            running: count(counts.running),
            failed: count(counts.failed),
        }),
    }
}

/// The Ready condition. `lastTransitionTime` changes only with the status of the condition.
fn ready(
    readiness: ClassReadiness,
    generation: Option<i64>,
    before: &WorkloadIdentityClassStatus,
    now: Timestamp,
) -> Condition {
    let status = match readiness.status {
        ConditionStatus::True => "True",
        ConditionStatus::False => "False",
        ConditionStatus::Unknown => "Unknown",
    };
    let mut known = before.conditions.iter().filter(|known| known.type_ == READY);
    let unchanged = known.find(|known| known.status == status);
    Condition {
        type_: READY.to_owned(),
        status: status.to_owned(),
        reason: readiness.reason.to_string(),
        message: readiness.message,
        observed_generation: generation,
        last_transition_time: unchanged.map_or(Time(now), |known| known.last_transition_time.clone()),
    }
}

#[cfg(test)]
mod tests {
    use lanyard_core::class::Class;

    use super::*;

    #[test]
    fn transition_time_changes_only_with_the_status() {
        let (first, later) = (
            Timestamp::UNIX_EPOCH,
            Timestamp::from_second(60).unwrap_or_default(),
        );
        let mut listed = ClassEntry {
            name: "tenants".to_owned(),
            is_default: false,
            is_deleting: false,
            class: Ok(Class::default()),
        };
        let (mut counts, none) = (IdentityCounts::default(), WorkloadIdentityClassStatus::default());
        let created = class_status(&listed, Some(1), &none, &counts, first);
        counts.total = 2;
        let counted = class_status(&listed, Some(2), &created, &counts, later);
        assert_eq!(
            counted.identities.as_ref().map(|identities| identities.total),
            Some(2)
        );
        assert_eq!(counted.conditions[0].last_transition_time, Time(first));
        listed.is_deleting = true;
        let deleted = class_status(&listed, Some(2), &counted, &counts, later);
        assert_eq!(deleted.conditions[0].status, "False");
        assert_eq!(deleted.conditions[0].last_transition_time, Time(later));
    }
}
