//! Tests of the lease: the decisions of a candidate, two operators against an API server of one object, and in
//! [`model`] random interleavings.

mod model;
mod server;

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use lanyard_core::model::timings::Timings;
use tokio::time::{Instant, sleep, timeout};

use self::server::Server;
use super::candidate::{Action, Candidate, LeaseDurations};
use super::{Claim, LeaderElection, LeaseSettings, run};
use crate::admin::Readiness;

fn settings(identity: &str) -> LeaseSettings {
    LeaseSettings {
        namespace: "kube-system".to_owned(),
        name: "lanyard".to_owned(),
        identity: identity.to_owned(),
        timings: Timings::default(),
    }
}

fn candidate(identity: &str) -> Candidate {
    let durations = LeaseDurations {
        lease: Duration::from_secs(15),
        open: Duration::from_secs(10),
    };
    Candidate::new(&settings(identity), durations)
}

/// The Lease that a candidate would write, as the API server would store it.
fn stored(candidate: &Candidate, version: &str) -> Lease {
    let mut lease = candidate.draft(Timestamp::UNIX_EPOCH);
    lease.metadata.resource_version = Some(version.to_owned());
    lease
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn foreign_lease_is_taken_over_after_its_whole_duration() {
    let (mut a, b) = (candidate("a"), candidate("b"));
    let start = Instant::now();
    a.observe_read(Some(stored(&b, "1")), start);
    a.observe_read(Some(stored(&b, "1")), start + seconds(14));
    assert_eq!(a.decide(start + seconds(14)), Action::Read);
    assert_eq!(a.decide(start + seconds(15)), Action::Write);
    a.observe_read(Some(stored(&b, "2")), start + seconds(15));
    assert_eq!(a.decide(start + seconds(29)), Action::Read);
    assert_eq!(
        a.claim(start),
        Claim::Standby {
            holder: "b".to_owned()
        }
    );
}

#[test]
fn published_lease_duration_is_respected() {
    let (mut a, b) = (candidate("a"), candidate("b"));
    let start = Instant::now();
    let mut lease = stored(&b, "1");
    lease.spec.as_mut().unwrap().lease_duration_seconds = Some(60);
    a.observe_read(Some(lease), start);
    assert_eq!(a.decide(start + seconds(59)), Action::Read);
    assert_eq!(a.decide(start + seconds(60)), Action::Write);
}

#[test]
fn claim_counts_from_the_time_the_write_was_sent() {
    let mut a = candidate("a");
    let start = Instant::now();
    a.observe_read(None, start);
    assert_eq!(a.decide(start), Action::Write);
    let lease = stored(&a, "1");
    a.observe_write(lease, start, start + seconds(3));
    let until = start + seconds(10);
    assert_eq!(a.claim(start + seconds(3)), Claim::Held { term: 1, until });
    assert_eq!(a.claim(until), Claim::Unknown);
}

#[test]
fn renewal_in_time_keeps_the_term_and_a_late_one_does_not() {
    let mut a = candidate("a");
    let start = Instant::now();
    a.observe_read(None, start);
    a.observe_write(stored(&a, "1"), start, start);
    a.observe_write(stored(&a, "2"), start + seconds(9), start + seconds(9));
    assert!(matches!(a.claim(start + seconds(9)), Claim::Held { term: 1, .. }));
    a.observe_write(stored(&a, "3"), start + seconds(20), start + seconds(20));
    assert!(matches!(
        a.claim(start + seconds(20)),
        Claim::Held { term: 2, .. }
    ));
}

#[test]
fn deleted_lease_stays_reserved_for_its_last_holder() {
    let (mut a, b) = (candidate("a"), candidate("b"));
    let start = Instant::now();
    a.observe_read(Some(stored(&b, "1")), start);
    a.observe_read(None, start + seconds(1));
    a.observe_read(None, start + seconds(2));
    assert_eq!(a.decide(start + seconds(14)), Action::Read);
    assert_eq!(a.decide(start + seconds(15)), Action::Write);
    assert_eq!(
        stored(&a, "1").spec.unwrap().holder_identity.as_deref(),
        Some("a")
    );
}

#[test]
fn released_lease_is_free_and_counts_a_transition() {
    let (mut a, mut b) = (candidate("a"), candidate("b"));
    let start = Instant::now();
    b.observe_read(None, start);
    b.observe_write(stored(&b, "1"), start, start);
    let mut released = b.release_draft(Timestamp::UNIX_EPOCH).unwrap();
    released.metadata.resource_version = Some("2".to_owned());
    a.observe_read(Some(released), start);
    assert_eq!(a.decide(start), Action::Write);
    let spec = stored(&a, "3").spec.unwrap();
    assert_eq!(spec.lease_transitions, Some(1));
    assert_eq!(spec.lease_duration_seconds, Some(15));
    assert!(a.release_draft(Timestamp::UNIX_EPOCH).is_none());
}

fn operator(server: &Server, identity: &str) -> (LeaderElection, Readiness) {
    let readiness = Readiness::default();
    (
        run(server.client(), settings(identity), readiness.clone()),
        readiness,
    )
}

/// Limits a wait: with a paused clock, a missing event would otherwise never end.
async fn soon<T>(event: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(120);
    timeout(limit, event).await.expect("within two minutes")
}

#[tokio::test(start_paused = true)]
async fn standby_takes_over_when_the_leader_releases() {
    let server = Server::default();
    let (first, readiness) = operator(&server, "first");
    assert_eq!(soon(first.gate().gained(0)).await, 1);
    assert_eq!(readiness.unmet().len(), 1, "only the CRDs");

    let (second, _) = operator(&server, "second");
    let gate = second.gate();
    sleep(seconds(60)).await;
    let holder = "first".to_owned();
    assert_eq!(gate.claim(), Claim::Standby { holder });
    assert!(first.gate().is_open() && !gate.is_open());

    let released = Instant::now();
    first.release(true).await;
    soon(gate.gained(0)).await;
    assert!(released.elapsed() < seconds(3), "{:?}", released.elapsed());
    assert_eq!(server.holder().as_deref(), Some("second"));
}

#[tokio::test(start_paused = true)]
async fn gate_closes_before_another_opens_when_renewal_fails() {
    let server = Server::default();
    let (first, _) = operator(&server, "first");
    let old = first.gate();
    soon(old.gained(0)).await;
    let (second, _) = operator(&server, "second");
    sleep(seconds(30)).await;

    server.refuse("first");
    let until = match old.claim() {
        Claim::Held { until, .. } => until,
        other => panic!("{other:?}"),
    };
    soon(second.gate().gained(0)).await;
    let between = Instant::now() - until;
    assert!(between >= Timings::default().operation, "{between:?}");
    assert_eq!(server.holder().as_deref(), Some("second"));
}

#[tokio::test(start_paused = true)]
async fn gate_closes_without_a_running_task() {
    let server = Server::default();
    let (leader_election, _) = operator(&server, "first");
    let gate = leader_election.gate();
    soon(gate.gained(0)).await;
    leader_election.task.abort();
    sleep(seconds(10)).await;
    assert!(!gate.is_open());
    assert_eq!(gate.claim(), Claim::Unknown);
}

#[tokio::test(start_paused = true)]
async fn reacquired_lease_is_a_new_term() {
    let server = Server::default();
    let (leader_election, _) = operator(&server, "first");
    let gate = leader_election.gate();
    let term = soon(gate.gained(0)).await;
    server.refuse("first");
    sleep(seconds(20)).await;
    assert!(!gate.is_open());
    server.allow("first");
    assert_eq!(soon(gate.gained(term)).await, term + 1);
}

#[tokio::test(start_paused = true)]
async fn lost_lease_is_reported_and_renewed_or_released_one_is_not() {
    let server = Server::default();
    let (leader_election, _) = operator(&server, "first");
    let gate = leader_election.gate();
    soon(gate.gained(0)).await;
    assert!(timeout(seconds(60), gate.lost()).await.is_err(), "renewed");
    server.refuse("first");
    soon(gate.lost()).await;
    assert!(!gate.is_open());

    let (leader_election, _) = operator(&Server::default(), "second");
    let gate = leader_election.gate();
    soon(gate.gained(0)).await;
    let lost = tokio::spawn(async move { timeout(seconds(60), gate.lost()).await });
    tokio::task::yield_now().await;
    leader_election.release(true).await;
    assert!(lost.await.unwrap().is_err(), "released");
}

#[tokio::test(start_paused = true)]
async fn release_waits_for_a_write_in_progress() {
    let server = Server::default();
    let (leader_election, _) = operator(&server, "first");
    let gate = leader_election.gate();
    soon(gate.gained(0)).await;
    let requested = Instant::now();
    let released = tokio::spawn(leader_election.release(false));
    tokio::task::yield_now().await;
    assert!(!gate.is_open());
    sleep(seconds(3)).await;
    assert_eq!(server.holder().as_deref(), Some("first"));
    released.await.unwrap();
    assert!(requested.elapsed() >= Timings::default().operation);
    assert_eq!(server.holder(), None);
}

#[tokio::test(start_paused = true)]
async fn denied_lease_shows_in_the_readiness() {
    let server = Server::default();
    server.refuse("first");
    let (_tenure, readiness) = operator(&server, "first");
    sleep(seconds(1)).await;
    let unmet = readiness.unmet().join("\n");
    assert!(
        unmet.contains("could not get the lease: leases is forbidden"),
        "{unmet}"
    );
    assert!(
        unmet.contains("RBAC must allow get, create and update of leases"),
        "{unmet}"
    );
}
