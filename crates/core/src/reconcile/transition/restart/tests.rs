//! Tests of the selection of workloads to restart: a transition to Pod Identity with an effective association.

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::example::{applied, identity, now, spec};
use crate::identity::Identity;
use crate::model::fact::Fact;
use crate::model::observed::Observed;
use crate::model::pods::{Credential, Place, PodCredentials, PodList};
use crate::model::reason::Reason;
use crate::model::spec::{Method, Spec};
use crate::model::status::{Status, TransitionStatus};
use crate::model::timings::Timings;
use crate::model::workload::Obstacle;

/// A draining transition from IRSA to Pod Identity that started ten minutes ago.
struct DrainingTransition {
    identity: Identity,
    status: Status,
    world: Observed,
    workloads: Vec<Workload>,
    pods: Vec<PodCredentials>,
}

impl DrainingTransition {
    fn new() -> Self {
        let rollout = |method| Spec {
            pod_restart: Some(PodRestart::Rollout),
            ..spec(method)
        };
        let (_, world, _) = applied(&rollout(Method::PodIdentity));
        let (_, _, mut status) = applied(&rollout(Method::Irsa));
        let identity = identity(&rollout(Method::PodIdentity));
        let token = TransitionView::new(&identity, &status, &world, &Timings::default(), now()).target_hash;
        status.transition = Some(TransitionStatus {
            stage: Reason::Draining,
            stage_transition_time: ago(5),
            start_time: ago(10),
            bound_time: Some(ago(9)),
            effective_time: Some(ago(8)),
            target_hash: token,
            approval_token: None,
        });
        Self {
            identity,
            status,
            world,
            workloads: Vec::new(),
            pods: Vec::new(),
        }
    }

    fn workload(mut self, name: &str) -> Self {
        self.workloads.push(Workload {
            owner: owner(name),
            restarted_for: None,
            restarted_at: None,
            rolled_out: true,
            obstacle: None,
            disruptions_allowed: None,
        });
        self
    }

    /// A pod of the old binding, created so many minutes ago.
    fn pod(mut self, name: &str, minutes: i64) -> Self {
        let binding = &self.status.bindings[0].binding;
        self.pods.push(PodCredentials {
            overridden_by: None,
            loads_variables: false,
            skips_webhook: false,
            credentials: [Credential::WebIdentity {
                role: binding.role_arn.to_string(),
                audience: String::new(),
            }]
            .into(),
            token_volume: None,
            created: ago(minutes),
            owner: Some(owner(name)),
            place: Place::Reached,
        });
        self
    }

    /// A pod that carries nothing, or the new binding, created so many minutes ago.
    fn new_pod(mut self, name: &str, minutes: i64, credential: Option<Credential>) -> Self {
        self.pods.push(PodCredentials {
            overridden_by: None,
            loads_variables: false,
            skips_webhook: false,
            credentials: credential.into_iter().collect(),
            token_volume: None,
            created: ago(minutes),
            owner: Some(owner(name)),
            place: Place::Reached,
        });
        self
    }

    fn with(mut self, name: &str, change: impl Fn(&mut Workload)) -> Self {
        let named = self.workloads.iter_mut();
        named
            .filter(|workload| workload.owner == owner(name))
            .for_each(change);
        self
    }

    fn token(&self) -> String {
        let record = self.status.transition.as_ref().unwrap();
        record.target_hash.clone()
    }

    /// A restart so many minutes ago, for pods created until `created_until` minutes ago.
    fn restarted(self, name: &str, minutes: i64, created_until: i64) -> Self {
        let mark = RestartedFor {
            binding: self.token(),
            created_until: ago(created_until),
        };
        self.with(name, |workload| {
            workload.restarted_for = Some(mark.clone());
            workload.restarted_at = Some(ago(minutes));
        })
    }

    fn restarts(mut self) -> Restarts {
        self.world.workloads = Fact::Present(self.workloads);
        self.world.pods = Fact::Present(PodList {
            items: self.pods,
            fresh: true,
        });
        let timings = Timings::default();
        restarts(&TransitionView::new(
            &self.identity,
            &self.status,
            &self.world,
            &timings,
            now(),
        ))
    }
}

fn ago(minutes: i64) -> Timestamp {
    now() - SignedDuration::from_mins(minutes)
}

fn owner(name: &str) -> WorkloadRef {
    WorkloadRef {
        kind: "Deployment".to_owned(),
        name: name.to_owned(),
    }
}

fn names(restarts: &Restarts) -> Vec<&str> {
    restarts
        .due
        .iter()
        .map(|(owner, _)| owner.name.as_str())
        .collect()
}

/// A transition of two workloads; the smaller one goes first.
fn two_workloads() -> DrainingTransition {
    let transition = DrainingTransition::new().workload("big").workload("small");
    transition.pod("big", 60).pod("big", 50).pod("small", 40)
}

#[test]
fn workload_with_fewest_stale_pods_restarts_first() {
    let transition = two_workloads();
    let token = transition.token();
    let restarts = transition.restarts();
    let mark = RestartedFor {
        binding: token,
        created_until: ago(40),
    };
    assert_eq!(restarts.due, [(owner("small"), mark)]);
}

#[test]
fn rolling_first_workload_delays_the_rest() {
    let rolling = two_workloads()
        .restarted("small", 2, 40)
        .with("small", |small| small.rolled_out = false);
    let restarts = rolling.restarts();
    assert!(restarts.due.is_empty());
    assert_eq!(restarts.rolling, [owner("small")]);
    // A terminating old pod does not delay the rest.
    let complete =
        two_workloads()
            .restarted("small", 2, 40)
            .new_pod("small", 1, Some(Credential::PodIdentity));
    assert_eq!(names(&complete.restarts()), ["big"]);
}

#[test]
fn one_workload_restarts_at_a_time() {
    let complete = two_workloads()
        .workload("third")
        .pod("third", 30)
        .restarted("small", 2, 40)
        .new_pod("small", 1, Some(Credential::PodIdentity));
    assert_eq!(names(&complete.restarts()), ["third"]);
}

#[test]
fn workload_that_is_not_rolled_out_restarts_last() {
    let broken = two_workloads().with("small", |small| small.rolled_out = false);
    assert_eq!(names(&broken.restarts()), ["big"]);
}

#[test]
fn rollout_longer_than_fail_after_is_stuck() {
    let minutes = i64::try_from(Timings::default().fail_after.as_secs() / 60).unwrap();
    let restarted = |ago| {
        two_workloads()
            .restarted("small", ago, 40)
            .with("small", |small| small.rolled_out = false)
    };
    let mut long = restarted(minutes + 1);
    long.status.transition.as_mut().unwrap().start_time = ago(600);
    let late = long.restarts();
    assert_eq!((late.stuck, late.rolling), (vec![owner("small")], vec![]));
    let mut short = restarted(1);
    short.status.transition.as_mut().unwrap().stage_transition_time = ago(600);
    let young = short.restarts();
    assert_eq!((young.stuck, young.rolling), (vec![], vec![owner("small")]));
}

#[test]
fn restart_without_effect_is_repeated_after_fail_after() {
    let minutes = i64::try_from(Timings::default().fail_after.as_secs() / 60).unwrap();
    let restarted = |ago, new: Option<Credential>| {
        let mut transition = two_workloads()
            .restarted("small", ago, 40)
            .new_pod("small", ago - 1, new);
        transition.status.transition.as_mut().unwrap().start_time = now() - SignedDuration::from_mins(600);
        transition.restarts()
    };
    let early = restarted(2, None);
    assert_eq!(
        (early.ineffective.clone(), names(&early)),
        (vec![(owner("small"), "no credentials")], vec![])
    );
    let late = restarted(minutes + 1, None);
    assert_eq!((late.ineffective.len(), names(&late)), (1, vec!["small"]));
    assert_eq!(names(&restarted(2, Some(Credential::PodIdentity))), ["big"]);
}

#[test]
fn third_restart_is_left_to_users() {
    let mut transition = two_workloads()
        .restarted("small", 20, 40)
        .new_pod("small", 19, None);
    transition.status.transition.as_mut().unwrap().start_time = ago(600);
    let mut again = transition.restarts().history;
    again.iter_mut().for_each(|entry| entry.count = 2);
    let mut transition = two_workloads()
        .restarted("small", 20, 40)
        .new_pod("small", 19, None);
    transition.status.restarts = again;
    let restarts = transition.restarts();
    assert_eq!((names(&restarts), restarts.ineffective.len()), (vec![], 1));
}

#[test]
fn restart_for_another_binding_does_not_count() {
    let other = two_workloads().restarted("small", 2, 40).with("small", |small| {
        small.restarted_for.as_mut().unwrap().binding = "another".to_owned();
    });
    assert_eq!(names(&other.restarts()), ["small"]);
}

#[test]
fn reverted_template_is_reported_for_manual_restart() {
    let mut transition = two_workloads().restarted("small", 2, 40);
    transition.status.restarts = two_workloads().restarted("small", 2, 40).restarts().history;
    let reverted = transition.with("small", |small| small.restarted_for = None);
    let restarts = reverted.restarts();
    assert_eq!(
        restarts.manual,
        ["Deployment small (its owner reverts the pod template)"]
    );
    assert_eq!(names(&restarts), ["big"]);
}

#[test]
fn lost_record_repeats_no_restart() {
    let mut lost = two_workloads().restarted("small", 2, 40).restarted("big", 1, 50);
    lost.status.transition = None;
    assert!(lost.restarts().due.is_empty());
}

#[test]
fn earlier_transition_to_same_binding_proves_nothing() {
    let again = two_workloads().workload("third").restarted("third", 600, 700);
    assert_eq!(names(&again.restarts()), ["small"]);
}

#[test]
fn workload_with_obstacle_is_reported_for_manual_restart() {
    let partition = two_workloads().with("small", |small| small.obstacle = Some(Obstacle::Partition));
    let restarts = partition.restarts();
    assert_eq!(restarts.manual, ["Deployment small (partition)"]);
    assert_eq!(names(&restarts), ["big"]);
    let budget = two_workloads()
        .with("small", |small| small.disruptions_allowed = Some(0))
        .restarts();
    assert_eq!(budget.blocked_by_budget, [owner("small")]);
    assert_eq!(names(&budget), ["big"]);
}
