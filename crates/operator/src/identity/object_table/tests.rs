//! Tests of the table without a runtime: each passes the time.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

struct Fixture {
    table: ObjectTable,
    in_backoff: Gauge,
    now: Instant,
}

fn fixture() -> Fixture {
    let (in_backoff, now) = (Gauge::default(), Instant::now());
    let epoch = Now {
        instant: now,
        timestamp: Timestamp::from_second(1_800_000_000).unwrap(),
    };
    Fixture {
        table: ObjectTable::new(in_backoff.clone(), epoch, 600 * SECOND),
        in_backoff,
        now,
    }
}

fn print(rest: u32) -> Fingerprint {
    Fingerprint { rest, annotations: 0 }
}

fn key(uid: &str) -> ObjectKey {
    ObjectKey::of(uid)
}

impl Fixture {
    fn reconcile(&self, key: ObjectKey, began: Instant, next: Next) -> Option<Duration> {
        self.reconcile_as(key, Priority::Normal, began, next, true)
    }

    fn reconcile_as(
        &self,
        key: ObjectKey,
        priority: Priority,
        began: Instant,
        next: Next,
        idle: bool,
    ) -> Option<Duration> {
        let run = self.table.begin(key, print(7), priority, began);
        self.table.reconciled(&ReconcileRun { idle, ..run }, next, began)
    }
}

#[test]
fn unchanged_object_waits_until_due() {
    let (f, key) = (fixture(), key("a"));
    assert_eq!(f.table.schedule(key, print(7), f.now), Schedule::New);
    f.reconcile(key, f.now, Next::After(60 * SECOND));
    assert_eq!(
        f.table.schedule(key, print(7), f.now + SECOND),
        Schedule::DueIn(59 * SECOND)
    );
    assert_eq!(f.table.schedule(key, print(8), f.now), Schedule::Changed);
    assert_eq!(
        f.table.schedule(key, print(7), f.now + 61 * SECOND),
        Schedule::Due(Priority::Normal)
    );
}

#[test]
fn changed_annotations_are_told_from_other_changes() {
    let (f, key) = (fixture(), key("a"));
    let annotated = Fingerprint {
        rest: 7,
        annotations: 1,
    };
    f.table.defer_to_scan(key, print(7), f.now);
    assert_eq!(
        f.table.schedule(key, annotated, f.now),
        Schedule::Changed,
        "never reconciled"
    );
    f.reconcile(key, f.now, Next::Resync);
    assert_eq!(
        f.table.schedule(key, annotated, f.now + 2 * SECOND),
        Schedule::AnnotationsChanged(2 * SECOND)
    );
}

#[test]
fn waits_grow_up_to_the_resync_in_background() {
    let (f, key) = (fixture(), key("a"));
    let wait = |priority| {
        let delay = f.reconcile_as(key, priority, f.now, Next::Waiting(60 * SECOND), true);
        let due = f.table.schedule(key, print(7), f.now + delay.unwrap_or_default());
        assert_eq!(due, Schedule::Due(Priority::Background));
        delay.map(|delay| delay.as_secs() / 60)
    };
    let background = || wait(Priority::Background);
    let delays = [
        wait(Priority::Normal),
        background(),
        background(),
        background(),
        background(),
    ];
    assert_eq!(delays, [1, 2, 4, 8, 10].map(Some));
    assert_eq!(f.table.waiting(), [key]);
    assert_eq!(wait(Priority::Normal), Some(1), "something changed");
    f.reconcile(key, f.now, Next::Resync);
    assert!(f.table.waiting().is_empty());
}

#[test]
fn failed_background_reconcile_is_retried_in_background() {
    let (f, key) = (fixture(), key("a"));
    let delay = f.reconcile_as(key, Priority::Background, f.now, Next::Backoff, true);
    assert!(delay.is_some_and(|delay| delay <= 2 * SECOND), "{delay:?}");
    assert_eq!(
        f.table.schedule(key, print(7), f.now + 2 * SECOND),
        Schedule::Due(Priority::Background)
    );
}

#[test]
fn failures_double_the_delay_until_a_success() {
    let (f, a, b) = (fixture(), key("a"), key("b"));
    let first = f.reconcile(a, f.now, Next::Backoff);
    assert!(f.reconcile(a, f.now, Next::Backoff) > first);
    f.reconcile(b, f.now, Next::Backoff);
    assert_eq!(f.in_backoff.get(), 2);
    f.reconcile(a, f.now, Next::Resync);
    f.reconcile(a, f.now, Next::Resync);
    assert_eq!(f.in_backoff.get(), 1);
    assert_eq!(f.reconcile(a, f.now, Next::Backoff), first);
}

#[test]
fn deleted_object_leaves_backoff_gauge() {
    let (f, a, b) = (fixture(), key("a"), key("b"));
    for key in [a, b] {
        f.reconcile(key, f.now, Next::Backoff);
    }
    f.table.remove(a);
    assert_eq!(f.in_backoff.get(), 1);
    f.table.retain(&HashSet::new());
    assert_eq!(f.in_backoff.get(), 0);
}

#[test]
fn object_deleted_during_reconcile_stays_removed() {
    let (f, key) = (fixture(), key("a"));
    let run = f.table.begin(key, print(7), Priority::Normal, f.now);
    f.table.remove(key);
    f.table.observing(key, f.now);
    f.table
        .corrected(key, &["description".to_owned()], Timestamp::UNIX_EPOCH);
    assert_eq!(f.table.reconciled(&run, Next::Backoff, f.now), None);
    assert_eq!(f.in_backoff.get(), 0);
    assert_eq!(f.table.schedule(key, print(7), f.now), Schedule::New);
    assert!(f.table.table.lock().objects.is_empty());
}

#[test]
fn drift_scan_confirms_deferred_object() {
    let (f, key) = (fixture(), key("a"));
    f.table.defer_to_scan(key, print(7), f.now);
    let confirmed_for = |at| match f.table.schedule(key, print(7), at) {
        Schedule::OnDrift {
            confirmed_for,
            uncovered,
            ..
        } => (confirmed_for.as_secs(), uncovered),
        other => panic!("{other:?}"),
    };
    assert_eq!(confirmed_for(f.now + 10 * SECOND), (10, false));
    assert!(
        f.table.uncovered(key),
        "it was neither reconciled nor checked before"
    );
    f.table.checked(key, f.now + 8 * SECOND);
    assert_eq!(confirmed_for(f.now + 10 * SECOND), (2, false));
    assert!(!f.table.uncovered(key));
    assert_eq!(confirmed_for(f.now + 10 * SECOND), (2, true));
}

#[test]
fn drift_scan_does_not_count_as_reconcile() {
    let (f, key) = (fixture(), key("a"));
    f.table.defer_to_scan(key, print(7), f.now);
    f.table.checked(key, f.now + 8 * SECOND);
    let later = f.table.schedule(key, print(7), f.now + 10 * SECOND);
    assert!(matches!(later, Schedule::OnDrift { unreconciled_for, .. } if unreconciled_for >= 9 * SECOND));
}

#[test]
fn new_term_forgets_schedule_of_previous_term() {
    let (f, key) = (fixture(), key("a"));
    let run = f.table.begin(key, print(7), Priority::Normal, f.now);
    f.table.reconciled(&run, Next::Resync, f.now);
    assert!(f.table.reconciled_since(key, f.now) && f.table.term() == 0);
    f.table.new_term();
    assert_eq!(
        (f.table.schedule(key, print(7), f.now), f.table.term()),
        (Schedule::New, 1)
    );
    f.table.checked(key, f.now);
    assert_eq!(
        f.table.schedule(key, print(7), f.now),
        Schedule::New,
        "a check does not make an object known"
    );
    f.table.reconciled(&run, Next::Resync, f.now);
    assert_eq!(
        f.table.schedule(key, print(7), f.now),
        Schedule::New,
        "nor does a reconcile of another term"
    );
    assert!(f.table.uncovered(key), "nothing is known of it");
}

#[test]
fn new_term_keeps_failures_and_normal_triggers() {
    let (f, a, b) = (fixture(), key("a"), key("b"));
    f.reconcile(a, f.now, Next::Backoff);
    f.table.trigger(a, Priority::Normal);
    f.table.trigger(b, Priority::Background);
    f.table.new_term();
    assert_eq!(f.in_backoff.get(), 1);
    assert_eq!(
        [f.table.take_trigger(a), f.table.take_trigger(b)],
        [Some(Priority::Normal), None]
    );
    assert_eq!(f.table.background_triggers(), 0);
}

#[test]
fn trigger_is_taken_once_with_highest_priority() {
    let (f, a, b) = (fixture(), key("a"), key("b"));
    for priority in [Priority::Background, Priority::Normal, Priority::Background] {
        f.table.trigger(a, priority);
    }
    f.table.trigger(b, Priority::Background);
    assert_eq!(f.table.background_triggers(), 1);
    assert_eq!(
        [f.table.take_trigger(a), f.table.take_trigger(a)],
        [Some(Priority::Normal), None]
    );
    assert_eq!(
        [f.table.take_trigger(b), f.table.take_trigger(b)],
        [Some(Priority::Background), None]
    );
    assert_eq!(f.table.schedule(a, print(7), f.now), Schedule::New);
}

#[test]
fn retain_removes_other_objects() {
    let (f, kept, removed) = (fixture(), key("kept"), key("removed"));
    for key in [kept, removed] {
        f.reconcile(key, f.now, Next::Resync);
        f.table.trigger(key, Priority::Background);
    }
    f.table.retain(&HashSet::from([kept]));
    assert_eq!(f.table.schedule(removed, print(7), f.now), Schedule::New);
    assert_ne!(f.table.schedule(kept, print(7), f.now), Schedule::New);
    assert_eq!(f.table.background_triggers(), 1);
}

#[test]
fn idle_reconcile_is_not_repeated_for_same_drift() {
    let (f, key) = (fixture(), key("a"));
    let reconcile = |idle, began| f.reconcile_as(key, Priority::Normal, began, Next::Resync, idle);
    reconcile(false, f.now);
    assert!(f.table.drifted(key, f.now + SECOND));
    assert!(
        f.table.drifted(key, f.now + 2 * SECOND),
        "no reconcile happened since"
    );
    reconcile(false, f.now + 3 * SECOND);
    assert!(
        f.table.drifted(key, f.now + 4 * SECOND),
        "the last reconcile changed something"
    );
    reconcile(true, f.now + 5 * SECOND);
    assert!(!f.table.drifted(key, f.now + 6 * SECOND));
    let schedule = f.table.schedule(key, print(7), f.now + 6 * SECOND);
    assert!(
        matches!(schedule, Schedule::OnDrift { uncovered: true, .. }),
        "{schedule:?}"
    );
    f.table.checked(key, f.now + 7 * SECOND);
    assert!(
        f.table.drifted(key, f.now + 8 * SECOND),
        "it was in sync in between"
    );
}

#[test]
fn settled_facts_are_used_once_after_their_time() {
    let (f, key) = (fixture(), key("a"));
    let run = f.table.begin(key, print(7), Priority::Normal, f.now);
    let keep = || {
        let until = f.now + 5 * SECOND;
        f.table.keep_settled(&run, Observed::unread(), 3, until);
    };
    keep();
    assert!(
        f.table.take_settled(key, 3, f.now + SECOND).is_none(),
        "too early"
    );
    keep();
    assert!(
        f.table.take_settled(key, 4, f.now + 6 * SECOND).is_none(),
        "another generation"
    );
    keep();
    assert!(f.table.take_settled(key, 3, f.now + 6 * SECOND).is_some());
    assert!(f.table.take_settled(key, 3, f.now + 6 * SECOND).is_none());
    keep();
    f.table.drop_settled(key);
    assert!(f.table.take_settled(key, 3, f.now + 6 * SECOND).is_none());
    f.table.new_term();
    keep();
    assert!(
        f.table.take_settled(key, 3, f.now + 6 * SECOND).is_none(),
        "facts of another term"
    );
}

#[test]
fn last_observed_is_wall_clock_time_across_terms() {
    let (f, key) = (fixture(), key("a"));
    assert_eq!(f.table.last_observed(key), None);
    f.reconcile(key, f.now, Next::Resync);
    assert_eq!(f.table.last_observed(key), None);
    f.table.observing(key, f.now + 90 * SECOND);
    f.table.new_term();
    let expected = Timestamp::from_second(1_800_000_090).unwrap();
    assert_eq!(f.table.last_observed(key), Some(expected));
}
