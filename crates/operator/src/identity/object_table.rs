//! The operator's memory: one `ObjectState` per object, keyed by uid, behind one lock.
//! Times and results in; schedules, backoff delays and cached facts out. No I/O; the caller passes the time.
//!
//! An entry exists from the first trigger, deferral or reconcile of an object until its deletion. A trigger names an
//! object by namespace and name; the caller resolves it through the store. A trigger for an object that the store does
//! not contain is dropped, because the watch event that adds the object starts a reconcile.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use lanyard_core::model::observed::Observed;
use lanyard_core::reconcile::summary::Next;
use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{Notify, watch};

use super::fingerprint::Fingerprint;
use super::key::ObjectKey;
use super::object_state::{ObjectState, Reconciled, Schedule, SettledFacts, TICK_MILLIS, Tick};
use super::triggers::Priority;
use crate::backoff::{delay, spread};
use crate::clock::Now;

/// A reconcile in progress.
#[derive(Debug, Clone, Copy)]
pub struct ReconcileRun {
    /// The object.
    pub key: ObjectKey,
    /// The external fingerprint of the object that is reconciled.
    pub fingerprint: Fingerprint,
    /// When it began.
    pub began: Instant,
    /// The term in which it began.
    pub term: u64,
    /// Its priority.
    pub priority: Priority,
    /// True if it changed neither AWS nor the status.
    pub idle: bool,
}

/// The state of all objects.
#[derive(Debug)]
pub struct ObjectTable {
    epoch: Now,
    resync: Duration,
    table: Mutex<Table>,
    terms: watch::Sender<u64>,
    background_taken: Notify,
    in_backoff: Gauge,
}

#[derive(Debug, Default)]
struct Table {
    objects: HashMap<ObjectKey, ObjectState>,
    in_backoff: usize,
    background_triggers: usize,
}

impl Table {
    fn change<R>(&mut self, key: ObjectKey, change: impl FnOnce(&mut ObjectState) -> R) -> Option<R> {
        let state = self.objects.get_mut(&key)?;
        let before = counts(state);
        let result = change(state);
        let after = counts(state);
        self.adjust(before, after);
        Some(result)
    }

    fn insert_and_change(&mut self, key: ObjectKey, change: impl FnOnce(&mut ObjectState)) {
        self.objects.entry(key).or_default();
        self.change(key, change);
    }

    fn retain(&mut self, mut is_kept: impl FnMut(ObjectKey, &mut ObjectState) -> bool) {
        let (mut in_backoff, mut background_triggers) = (0, 0);
        self.objects.retain(|key, state| {
            let is_kept = is_kept(*key, state);
            if is_kept {
                let [failing, background] = counts(state);
                in_backoff += failing;
                background_triggers += background;
            }
            is_kept
        });
        (self.in_backoff, self.background_triggers) = (in_backoff, background_triggers);
    }

    fn remove(&mut self, key: ObjectKey) {
        if let Some(state) = self.objects.remove(&key) {
            self.adjust(counts(&state), [0, 0]);
        }
    }

    fn adjust(&mut self, before: [usize; 2], after: [usize; 2]) {
        let ([failing, background], [now_failing, now_background]) = (before, after);
        self.in_backoff = self.in_backoff + now_failing - failing;
        self.background_triggers = self.background_triggers + now_background - background;
    }
}

fn counts(state: &ObjectState) -> [usize; 2] {
    [
        usize::from(state.is_in_backoff()),
        usize::from(state.has_background_trigger()),
    ]
}

impl ObjectTable {
    /// An empty table. `in_backoff` shows the number of objects in backoff. `resync` is the longest delay of an object
    /// that waits for another resource.
    #[must_use]
    pub fn new(in_backoff: Gauge, now: Now, resync: Duration) -> Self {
        Self {
            resync,
            epoch: now,
            table: Mutex::default(),
            terms: watch::Sender::new(0),
            background_taken: Notify::new(),
            in_backoff,
        }
    }

    /// Records a trigger. A trigger of normal priority is not replaced by one of background priority.
    pub fn trigger(&self, key: ObjectKey, priority: Priority) {
        self.with(|table| table.insert_and_change(key, |state| state.trigger(priority)));
    }

    /// Takes the trigger of an object. Returns `None` if it has none.
    pub fn take_trigger(&self, key: ObjectKey) -> Option<Priority> {
        let taken = self.change(key, ObjectState::take_trigger).flatten();
        if taken == Some(Priority::Background) {
            self.background_taken.notify_one();
        }
        taken
    }

    /// The number of background triggers that no reconcile has taken.
    pub fn background_triggers(&self) -> usize {
        self.table.lock().background_triggers
    }

    /// Waits until a reconcile takes a background trigger.
    pub async fn background_trigger_taken(&self) {
        self.background_taken.notified().await;
    }

    /// The schedule of an object whose current external fingerprint is `fingerprint`.
    pub fn schedule(&self, key: ObjectKey, fingerprint: Fingerprint, now: Instant) -> Schedule {
        let now = self.tick(now);
        let schedule = self.read(key, |state| state.schedule(fingerprint, now));
        schedule.unwrap_or(Schedule::New)
    }

    /// Defers an object that is new in this term to the drift scan.
    pub fn defer_to_scan(&self, key: ObjectKey, fingerprint: Fingerprint, now: Instant) {
        let now = self.tick(now);
        self.with(|table| table.insert_and_change(key, |state| state.defer(fingerprint, now)));
    }

    /// A reconcile begins.
    pub fn begin(
        &self,
        key: ObjectKey,
        fingerprint: Fingerprint,
        priority: Priority,
        now: Instant,
    ) -> ReconcileRun {
        self.with(|table| table.insert_and_change(key, |_| {}));
        ReconcileRun {
            key,
            fingerprint,
            began: now,
            term: self.term(),
            priority,
            idle: false,
        }
    }

    /// A reconcile has ended. Returns the delay until the next one, or `None` if the object only waits for drift.
    ///
    /// A reconcile of an earlier term does not change the schedule of this one. An object that was removed meanwhile
    /// stays removed.
    pub fn reconciled(&self, run: &ReconcileRun, next: Next, now: Instant) -> Option<Duration> {
        let is_current = run.term == self.term();
        let began = self.tick(run.began);
        self.change(run.key, |state| {
            let due = match next {
                Next::Backoff => {
                    let failures = state.fail();
                    let delay = spread(delay(u32::from(failures)), &(run.key, failures));
                    // The retry of a background reconcile stays a background reconcile.
                    Some((delay, run.priority))
                }
                Next::After(time) | Next::Settled(time) => Some((time, Priority::Normal)),
                Next::OnWake(latest) => {
                    state.wait(run.priority);
                    latest.map(|time| (time, Priority::Background))
                }
                Next::Waiting(time) => {
                    let waits = state.wait(run.priority);
                    let factor = 2_u32.saturating_pow(u32::from(waits.saturating_sub(1)));
                    let delay = time.saturating_mul(factor).min(self.resync.max(time));
                    Some((delay, Priority::Background))
                }
                Next::Resync => None,
            };
            if next != Next::Backoff {
                state.succeed();
            }
            if !matches!(next, Next::OnWake(_) | Next::Waiting(_)) {
                state.end_wait();
            }
            if is_current {
                state.reconcile_ended(Reconciled {
                    fingerprint: run.fingerprint,
                    began,
                    idle: run.idle,
                    due: due.map(|(delay, priority)| (self.tick(now + delay), priority)),
                });
            }
            due.map(|(delay, _)| delay)
        })
        .flatten()
    }

    /// The objects that wait for another resource.
    pub fn waiting(&self) -> Vec<ObjectKey> {
        let table = self.table.lock();
        let waiting = table.objects.iter().filter(|(_, state)| state.is_waiting());
        waiting.map(|(key, _)| *key).collect()
    }

    /// A reconcile begins to read AWS.
    pub fn observing(&self, key: ObjectKey, now: Instant) {
        let now = self.tick(now);
        self.change(key, |state| state.observing(now));
    }

    /// The start of the last reconcile that read AWS, rounded down. Returns `None` if there was none since the start of
    /// the process.
    pub fn last_observed(&self, key: ObjectKey) -> Option<Timestamp> {
        let tick = self.read(key, ObjectState::observed)?.checked_sub(1)?;
        let millis = i64::from(tick) * i64::from(TICK_MILLIS);
        let epoch = self.epoch.timestamp;
        epoch.checked_add(jiff::SignedDuration::from_millis(millis)).ok()
    }

    /// Keeps the facts of a reconcile of this term after which a change only has to propagate until `until`.
    pub fn keep_settled(&self, run: &ReconcileRun, observed: Observed, generation: i64, until: Instant) {
        if run.term != self.term() {
            return;
        }
        let facts = SettledFacts {
            observed,
            generation,
            until,
        };
        self.change(run.key, |state| state.keep_settled(facts));
    }

    /// Takes the kept facts. Returns `None` if there are none, if the spec changed since, or if the time has not come.
    pub fn take_settled(&self, key: ObjectKey, generation: i64, now: Instant) -> Option<Observed> {
        let facts = self.change(key, ObjectState::take_settled).flatten()?;
        (facts.generation == generation && now >= facts.until).then_some(facts.observed)
    }

    /// Drops the kept facts, because AWS or the cluster changed.
    pub fn drop_settled(&self, key: ObjectKey) {
        self.change(key, |state| drop(state.take_settled()));
    }

    /// The keys of the fields whose correction is suspended, because another writer reverts it each time.
    pub fn contested(&self, key: ObjectKey, now: Timestamp) -> BTreeSet<String> {
        let contested = self.read(key, |state| Some(state.corrections()?.contested(now)));
        contested.flatten().unwrap_or_default()
    }

    /// Records the fields that a reconcile corrected.
    pub fn corrected(&self, key: ObjectKey, fields: &[String], now: Timestamp) {
        self.change(key, |state| {
            if !fields.is_empty() || state.corrections().is_some() {
                state.change_corrections(|known| known.record(fields.iter().cloned(), now));
            }
        });
    }

    /// A drift scan that began at `began` found the object in sync.
    pub fn checked(&self, key: ObjectKey, began: Instant) {
        let began = self.tick(began);
        self.change(key, |state| state.checked(began));
    }

    /// A drift scan found drift. Returns whether a reconcile may help.
    ///
    /// It does not if the reconcile for the same drift changed nothing. Such an object is reconciled with each resync,
    /// like an object that drift scans cannot check.
    pub fn drifted(&self, key: ObjectKey, now: Instant) -> bool {
        let now = self.tick(now);
        self.change(key, |state| state.drifted(now)).unwrap_or(true)
    }

    /// Drift scans cannot check the object. Returns whether nothing is known of it in this term.
    pub fn uncovered(&self, key: ObjectKey) -> bool {
        self.change(key, ObjectState::uncovered).unwrap_or(true)
    }

    /// The association of the object was described.
    pub fn described(&self, key: ObjectKey, now: Instant) {
        let now = self.tick(now);
        self.change(key, |state| state.described(now));
    }

    /// An ordinal of the last read of the object's association, by a describe call or a reconcile. The lowest is the
    /// oldest.
    pub fn last_described(&self, key: ObjectKey) -> u32 {
        self.read(key, ObjectState::last_described).unwrap_or_default()
    }

    /// True if a reconcile of this term began at or after `then`.
    pub fn reconciled_since(&self, key: ObjectKey, then: Instant) -> bool {
        let then = self.tick(then);
        let reconciled = self.read(key, |state| state.reconciled_since(then));
        reconciled.unwrap_or_default()
    }

    /// Removes a deleted object.
    pub fn remove(&self, key: ObjectKey) {
        self.with(|table| table.remove(key));
    }

    /// Removes all objects except `live`.
    pub fn retain(&self, live: &HashSet<ObjectKey>) {
        self.with(|table| table.retain(|key, _| live.contains(&key)));
    }

    /// A leader term begins: drops everything that another leader may have changed.
    pub fn new_term(&self) {
        self.with(|table| table.retain(|_, state| state.new_term()));
        self.terms.send_modify(|term| *term += 1);
    }

    /// The number of this term.
    pub fn term(&self) -> u64 {
        *self.terms.borrow()
    }

    /// Waits for a term after `known` and returns its number.
    pub async fn term_after(&self, known: u64) -> u64 {
        let mut terms = self.terms.subscribe();
        // The sender is a field of `self`, so it outlives this wait.
        terms
            .wait_for(|term| *term > known)
            .await
            .map_or(known, |term| *term)
    }

    fn read<R>(&self, key: ObjectKey, read: impl FnOnce(&ObjectState) -> R) -> Option<R> {
        self.table.lock().objects.get(&key).map(read)
    }

    fn change<R>(&self, key: ObjectKey, change: impl FnOnce(&mut ObjectState) -> R) -> Option<R> {
        self.with(|table| table.change(key, change))
    }

    fn with<R>(&self, change: impl FnOnce(&mut Table) -> R) -> R {
        let mut table = self.table.lock();
        let result = change(&mut table);
        self.in_backoff
            .set(i64::try_from(table.in_backoff).unwrap_or(i64::MAX));
        result
    }

    fn tick(&self, at: Instant) -> Tick {
        let elapsed = at.saturating_duration_since(self.epoch.instant);
        let ticks = elapsed.as_millis() / u128::from(TICK_MILLIS);
        Tick::try_from(ticks).unwrap_or(Tick::MAX).saturating_add(1)
    }
}

#[cfg(test)]
mod tests;
