//! Tests of the lease: what a candidate decides, two operators against an API server of one object, and in [`model`]
//! every interleaving that can be thought of.

mod model;
mod server;

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use lanyard_core::model::timings::Timings;
use tokio::time::{Instant, sleep, timeout};

use self::server::Server;
use super::candidate::{Action, Candidate, Terms};
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
    let terms = Terms {
        lease: Duration::from_secs(15),
        open: Duration::from_secs(10),
    };
    Candidate::new(&settings(identity), terms)
}

/// What a candidate would write, as the API server would have stored it.
fn stored(candidate: &Candidate, version: &str) -> Lease {
    let mut lease = candidate.draft(Timestamp::UNIX_EPOCH);
    lease.metadata.resource_version = Some(version.to_owned());
    lease
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn a_record_of_another_is_left_alone_until_it_was_seen_unchanged_for_its_whole_time() {
    let (mut a, b) = (candidate("a"), candidate("b"));
    let start = Instant::now();
    a.saw(Some(stored(&b, "1")), start);
    a.saw(Some(stored(&b, "1")), start + seconds(14));
    assert_eq!(a.decide(start + seconds(14)), Action::Look);
    assert_eq!(a.decide(start + seconds(15)), Action::Write);
    a.saw(Some(stored(&b, "2")), start + seconds(15));
    assert_eq!(a.decide(start + seconds(29)), Action::Look);
    assert_eq!(
        a.claim(start),
        Claim::Standby {
            holder: "b".to_owned()
        }
    );
}

#[test]
fn the_holder_says_how_long_it_counts_on_the_lease() {
    let (mut a, b) = (candidate("a"), candidate("b"));
    let start = Instant::now();
    let mut lease = stored(&b, "1");
    lease.spec.as_mut().unwrap().lease_duration_seconds = Some(60);
    a.saw(Some(lease), start);
    assert_eq!(a.decide(start + seconds(59)), Action::Look);
    assert_eq!(a.decide(start + seconds(60)), Action::Write);
}

#[test]
fn a_claim_counts_from_before_the_write_was_sent() {
    let mut a = candidate("a");
    let start = Instant::now();
    a.saw(None, start);
    assert_eq!(a.decide(start), Action::Write);
    let lease = stored(&a, "1");
    a.wrote(lease, start, start + seconds(3));
    let until = start + seconds(10);
    assert_eq!(a.claim(start + seconds(3)), Claim::Held { term: 1, until });
    assert_eq!(a.claim(until), Claim::Unknown);
}

#[test]
fn a_renewal_in_time_goes_on_with_the_term_and_a_late_one_begins_another() {
    let mut a = candidate("a");
    let start = Instant::now();
    a.saw(None, start);
    a.wrote(stored(&a, "1"), start, start);
    a.wrote(stored(&a, "2"), start + seconds(9), start + seconds(9));
    assert!(matches!(a.claim(start + seconds(9)), Claim::Held { term: 1, .. }));
    a.wrote(stored(&a, "3"), start + seconds(20), start + seconds(20));
    assert!(matches!(
        a.claim(start + seconds(20)),
        Claim::Held { term: 2, .. }
    ));
}

#[test]
fn a_record_that_went_away_still_counts_for_who_was_seen_in_it() {
    let (mut a, b) = (candidate("a"), candidate("b"));
    let start = Instant::now();
    a.saw(Some(stored(&b, "1")), start);
    a.saw(None, start + seconds(1));
    a.saw(None, start + seconds(2));
    assert_eq!(a.decide(start + seconds(14)), Action::Look);
    assert_eq!(a.decide(start + seconds(15)), Action::Write);
    assert_eq!(
        stored(&a, "1").spec.unwrap().holder_identity.as_deref(),
        Some("a")
    );
}

#[test]
fn a_record_given_back_is_free_at_once_and_counts_the_change_of_holder() {
    let (mut a, mut b) = (candidate("a"), candidate("b"));
    let start = Instant::now();
    b.saw(None, start);
    b.wrote(stored(&b, "1"), start, start);
    let mut back = b.resignation(Timestamp::UNIX_EPOCH).unwrap();
    back.metadata.resource_version = Some("2".to_owned());
    a.saw(Some(back), start);
    assert_eq!(a.decide(start), Action::Write);
    let spec = stored(&a, "3").spec.unwrap();
    assert_eq!(spec.lease_transitions, Some(1));
    assert_eq!(spec.lease_duration_seconds, Some(15));
    assert!(a.resignation(Timestamp::UNIX_EPOCH).is_none());
}

fn operator(server: &Server, identity: &str) -> (LeaderElection, Readiness) {
    let readiness = Readiness::default();
    (
        run(server.client(), settings(identity), readiness.clone()),
        readiness,
    )
}

/// What never comes would otherwise keep the paused clock running for ever.
async fn soon<T>(event: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(120);
    timeout(limit, event).await.expect("within two minutes")
}

#[tokio::test(start_paused = true)]
async fn one_holds_and_the_other_stands_by_until_it_is_given_back() {
    let server = Server::default();
    let (first, readiness) = operator(&server, "first");
    assert_eq!(soon(first.gate().gained(0)).await, 1);
    assert_eq!(readiness.waits_for().len(), 1, "only the CRDs");

    let (second, _) = operator(&server, "second");
    let gate = second.gate();
    sleep(seconds(60)).await;
    let holder = "first".to_owned();
    assert_eq!(gate.claim(), Claim::Standby { holder });
    assert!(first.gate().is_open() && !gate.is_open());

    let given_back = Instant::now();
    first.release(true).await;
    soon(gate.gained(0)).await;
    assert!(given_back.elapsed() < seconds(3), "{:?}", given_back.elapsed());
    assert_eq!(server.holder().as_deref(), Some("second"));
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_cannot_renew_closes_before_another_opens() {
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
async fn the_gate_closes_even_when_nobody_runs_to_close_it() {
    let server = Server::default();
    let (tenure, _) = operator(&server, "first");
    let gate = tenure.gate();
    soon(gate.gained(0)).await;
    tenure.task.abort();
    sleep(seconds(10)).await;
    assert!(!gate.is_open());
    assert_eq!(gate.claim(), Claim::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_lease_gained_again_is_another_term() {
    let server = Server::default();
    let (tenure, _) = operator(&server, "first");
    let gate = tenure.gate();
    let term = soon(gate.gained(0)).await;
    server.refuse("first");
    sleep(seconds(20)).await;
    assert!(!gate.is_open());
    server.allow("first");
    assert_eq!(soon(gate.gained(term)).await, term + 1);
}

#[tokio::test(start_paused = true)]
async fn a_write_under_way_gets_its_time_before_the_lease_is_given_back() {
    let server = Server::default();
    let (tenure, _) = operator(&server, "first");
    let gate = tenure.gate();
    soon(gate.gained(0)).await;
    let asked = Instant::now();
    let vacated = tokio::spawn(tenure.release(false));
    tokio::task::yield_now().await;
    assert!(!gate.is_open());
    sleep(seconds(3)).await;
    assert_eq!(server.holder().as_deref(), Some("first"));
    vacated.await.unwrap();
    assert!(asked.elapsed() >= Timings::default().operation);
    assert_eq!(server.holder(), None);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_shows_in_the_readiness() {
    let server = Server::default();
    server.refuse("first");
    let (_tenure, readiness) = operator(&server, "first");
    sleep(seconds(1)).await;
    let waits = readiness.waits_for().join("\n");
    assert!(waits.contains("get the lease: leases is forbidden"), "{waits}");
    assert!(
        waits.contains("RBAC must allow get, create and update of leases"),
        "{waits}"
    );
}
