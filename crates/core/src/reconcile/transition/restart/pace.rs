//! The pace of restarts that do not wait for each other: EKS Auth and STS serve only so many new pods, also those of other
//! teams. Input: candidates and the history. Output: those to restart now, and those for later. No I/O.

use std::time::Duration;

use super::super::view::TransitionView;
use super::candidate::Candidate;
use crate::model::status::RestartStatus;
use crate::model::timings::remaining;
use crate::model::workload::WorkloadRef;

/// The maximum number of pods whose restart begins within a minute. One workload with more pods is restarted alone.
pub(crate) const PODS_PER_MINUTE: usize = 30;

const MINUTE: Duration = Duration::from_secs(60);

/// Splits candidates into those to restart now and the owners of those that wait.
pub(super) fn limit<'a>(
    candidates: Vec<Candidate<'a>>,
    history: &[RestartStatus],
    view: &TransitionView<'_>,
) -> (Vec<Candidate<'a>>, Vec<WorkloadRef>) {
    let recent = history
        .iter()
        .filter(|entry| remaining(MINUTE, entry.time, view.now).is_some());
    let pods_of = |entry: &RestartStatus| {
        let pods = view.pods();
        pods.filter(|pod| pod.owner.as_ref() == Some(&entry.owner))
            .count()
    };
    let mut started: usize = recent.map(pods_of).sum();
    let (mut now, mut later) = (Vec::new(), Vec::new());
    for candidate in candidates {
        let count = candidate.pods.count;
        match started == 0 || started.saturating_add(count) <= PODS_PER_MINUTE {
            true => {
                started = started.saturating_add(count);
                now.push(candidate);
            }
            false => later.push(candidate.workload.owner.clone()),
        }
    }
    (now, later)
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::super::candidate::StalePods;
    use super::*;
    use crate::example::{applied, identity, now, spec};
    use crate::model::fact::Fact;
    use crate::model::pods::{Credential, Place, PodCredentials, PodList};
    use crate::model::spec::Method;
    use crate::model::timings::Timings;
    use crate::model::workload::Workload;

    fn owner(name: &str) -> WorkloadRef {
        WorkloadRef {
            kind: "Deployment".to_owned(),
            name: name.to_owned(),
        }
    }

    fn workload(name: &str) -> Workload {
        Workload {
            owner: owner(name),
            restarted_for: None,
            restarted_at: None,
            rolled_out: true,
            obstacle: None,
            disruptions_allowed: None,
        }
    }

    fn pod(name: &str) -> PodCredentials {
        PodCredentials {
            overridden_by: None,
            loads_variables: false,
            skips_webhook: false,
            credentials: [Credential::PodIdentity].into(),
            token_volume: None,
            created: now(),
            owner: Some(owner(name)),
            place: Place::Reached,
        }
    }

    fn restarted(name: &str, seconds: i64) -> RestartStatus {
        let time = now() - SignedDuration::from_secs(seconds);
        RestartStatus {
            owner: owner(name),
            target_hash: String::new(),
            time,
            count: 1,
            created_until: time,
            current_pods: 0,
            progress_time: time,
            verified: false,
        }
    }

    /// The workloads that are restarted now, out of those with these numbers of stale pods. `first` was restarted before.
    fn started(history: &[RestartStatus], pods_of_first: usize, stale: &[(&str, usize)]) -> Vec<String> {
        let (_, mut world, status) = applied(&spec(Method::Irsa));
        let identity = identity(&spec(Method::Irsa));
        world.pods = Fact::Present(PodList {
            items: vec![pod("first"); pods_of_first],
            fresh: true,
        });
        let timings = Timings::default();
        let view = TransitionView::new(&identity, &status, &world, &timings, now());
        let workloads: Vec<(Workload, usize)> = stale
            .iter()
            .map(|(name, count)| (workload(name), *count))
            .collect();
        let candidates = workloads.iter().map(|(workload, count)| Candidate {
            workload,
            pods: StalePods {
                count: *count,
                youngest: Timestamp::MIN,
            },
        });
        let (started, later) = limit(candidates.collect(), history, &view);
        assert_eq!(started.len() + later.len(), stale.len());
        let names = started
            .iter()
            .map(|candidate| candidate.workload.owner.name.clone());
        names.collect()
    }

    #[test]
    fn workloads_restart_up_to_limit_of_pods() {
        let stale = [("a", 10), ("b", 15), ("c", 6), ("d", 5)];
        assert_eq!(started(&[], 0, &stale), ["a", "b", "d"]);
        assert_eq!(started(&[], 0, &[("big", 500), ("next", 1)]), ["big"]);
        assert_eq!(started(&[], 0, &[]), Vec::<String>::new());
    }

    #[test]
    fn restarts_of_the_last_minute_count() {
        let stale = [("a", 10)];
        assert_eq!(
            started(&[restarted("first", 20)], 25, &stale),
            Vec::<String>::new()
        );
        assert_eq!(started(&[restarted("first", 20)], 20, &stale), ["a"]);
        assert_eq!(started(&[restarted("first", 61)], 25, &stale), ["a"]);
    }
}
