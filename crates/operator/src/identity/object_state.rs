//! The state of one object between reconciles: its schedule, backoff, corrections and settled facts.
//! Times and results in; the schedule out. No lock, clock or I/O: see `object_table`.

use std::time::{Duration, Instant};

use lanyard_core::model::observed::Observed;
use lanyard_core::reconcile::correction_backoff::Corrections;

use super::fingerprint::Fingerprint;
use super::triggers::Priority;

/// Tenths of a second since the table was created, from 1; 0 means never. It overflows after 13 years.
pub(super) type Tick = u32;

/// Length of a tick in milliseconds.
pub(super) const TICK_MILLIS: u32 = 100;

/// The reason for which an object is reconciled next, and the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// It was not seen in this term.
    New,
    /// A user or another controller changed it since its last reconcile.
    Changed,
    /// Only annotations changed since its last reconcile, which began this time ago.
    AnnotationsChanged(Duration),
    /// Its reconcile is due.
    Due(Priority),
    /// Its reconcile is due after this time.
    DueIn(Duration),
    /// It is reconciled only for drift.
    OnDrift {
        /// Time since it was last known to be in sync.
        confirmed_for: Duration,
        /// Time since its last reconcile, or since it was deferred to the drift scan.
        unreconciled_for: Duration,
        /// True if it was reconciled in this term.
        reconciled: bool,
        /// True if drift scans cannot check it.
        uncovered: bool,
    },
}

/// The state of one object: 56 bytes, 72 with its key. `Rare` is allocated for few objects.
#[derive(Debug, Default)]
pub(super) struct ObjectState {
    /// The external fingerprint at the last decision about the object.
    fingerprint: Fingerprint,
    rare: Option<Box<Rare>>,
    /// Start of the last reconcile of this term.
    reconciled: Tick,
    /// Start of the last reconcile that read AWS, in any term.
    observed: Tick,
    /// Start of the last drift scan that found the object in sync.
    checked: Tick,
    /// When it was first deferred to the drift scan.
    deferred: Tick,
    /// When its association was last described.
    described: Tick,
    /// When the next reconcile is due, regardless of drift scans.
    due: Tick,
    /// When a drift scan last found drift.
    drift_found: Tick,
    /// Consecutive failures.
    failures: u8,
    /// Consecutive reconciles that ended waiting for another resource.
    waits: u8,
    due_priority: Priority,
    /// The priority of a trigger that no reconcile has taken yet.
    trigger: Option<Priority>,
    /// True if the object was reconciled or deferred in this term.
    known: bool,
    uncovered: bool,
    /// True if its last reconcile changed neither AWS nor the status.
    idle: bool,
}

/// State that few objects have.
#[derive(Debug, Default)]
struct Rare {
    corrections: Corrections,
    settled: Option<SettledFacts>,
}

/// The facts of a reconcile after which a change only has to propagate, kept so that they are not read again.
#[derive(Debug)]
pub(super) struct SettledFacts {
    pub observed: Observed,
    pub generation: i64,
    pub until: Instant,
}

/// The end of a reconcile, as the state records it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reconciled {
    pub fingerprint: Fingerprint,
    pub began: Tick,
    pub idle: bool,
    pub due: Option<(Tick, Priority)>,
}

impl ObjectState {
    pub fn schedule(&self, fingerprint: Fingerprint, now: Tick) -> Schedule {
        if !self.known {
            return Schedule::New;
        }
        if self.fingerprint != fingerprint {
            let is_reconciled = self.reconciled != 0 && self.fingerprint.rest == fingerprint.rest;
            return match is_reconciled {
                true => Schedule::AnnotationsChanged(duration(now.saturating_sub(self.reconciled))),
                false => Schedule::Changed,
            };
        }
        if self.due != 0 {
            return match self.due.saturating_sub(now) {
                0 => Schedule::Due(self.due_priority),
                remaining => Schedule::DueIn(duration(remaining)),
            };
        }
        let confirmed = self.reconciled.max(self.checked).max(self.deferred);
        Schedule::OnDrift {
            confirmed_for: duration(now.saturating_sub(confirmed)),
            unreconciled_for: duration(now.saturating_sub(self.reconciled.max(self.deferred))),
            reconciled: self.reconciled != 0,
            uncovered: self.uncovered,
        }
    }

    pub fn trigger(&mut self, priority: Priority) {
        if self.trigger != Some(Priority::Normal) {
            self.trigger = Some(priority);
        }
    }

    pub const fn take_trigger(&mut self) -> Option<Priority> {
        self.trigger.take()
    }

    pub fn has_background_trigger(&self) -> bool {
        self.trigger == Some(Priority::Background)
    }

    pub const fn is_in_backoff(&self) -> bool {
        self.failures > 0
    }

    /// True if the object waits for another resource.
    pub const fn is_waiting(&self) -> bool {
        self.waits > 0
    }

    /// Counts a reconcile that ended waiting, and returns the number of consecutive ones without a trigger in between.
    pub fn wait(&mut self, priority: Priority) -> u8 {
        self.waits = match priority {
            Priority::Normal => 1,
            Priority::Background => self.waits.saturating_add(1),
        };
        self.waits
    }

    pub const fn end_wait(&mut self) {
        self.waits = 0;
    }

    /// Counts a failure and returns the number of consecutive failures.
    pub const fn fail(&mut self) -> u8 {
        self.failures = self.failures.saturating_add(1);
        self.failures
    }

    pub const fn succeed(&mut self) {
        self.failures = 0;
    }

    pub fn defer(&mut self, fingerprint: Fingerprint, now: Tick) {
        self.forget_term();
        (self.known, self.fingerprint, self.deferred) = (true, fingerprint, now);
    }

    pub fn reconcile_ended(&mut self, end: Reconciled) {
        self.known = true;
        (self.fingerprint, self.reconciled, self.idle) = (end.fingerprint, end.began, end.idle);
        (self.due, self.due_priority) = end.due.unwrap_or_default();
    }

    pub const fn observing(&mut self, now: Tick) {
        self.observed = now;
    }

    pub const fn observed(&self) -> Tick {
        self.observed
    }

    pub const fn checked(&mut self, began: Tick) {
        if self.known {
            (self.checked, self.uncovered, self.drift_found) = (began, false, 0);
        }
    }

    /// Records drift. Returns whether a reconcile may help.
    pub const fn drifted(&mut self, now: Tick) -> bool {
        if !self.known {
            return true;
        }
        let was_idle = self.drift_found != 0 && self.reconciled >= self.drift_found && self.idle;
        self.uncovered |= was_idle;
        self.drift_found = now;
        !was_idle
    }

    /// Records that drift scans cannot check the object. Returns whether nothing is known of it in this term.
    pub const fn uncovered(&mut self) -> bool {
        if !self.known {
            return true;
        }
        self.uncovered = true;
        self.reconciled == 0 && self.checked == 0
    }

    pub const fn described(&mut self, now: Tick) {
        if self.known {
            self.described = now;
        }
    }

    pub fn last_described(&self) -> Tick {
        self.described.max(self.reconciled)
    }

    pub const fn reconciled_since(&self, then: Tick) -> bool {
        self.reconciled != 0 && self.reconciled >= then
    }

    pub fn corrections(&self) -> Option<&Corrections> {
        self.rare.as_ref().map(|rare| &rare.corrections)
    }

    pub fn change_corrections(&mut self, change: impl FnOnce(&mut Corrections)) {
        change(&mut self.rare.get_or_insert_default().corrections);
        self.shrink();
    }

    pub fn keep_settled(&mut self, facts: SettledFacts) {
        self.rare.get_or_insert_default().settled = Some(facts);
    }

    pub fn take_settled(&mut self) -> Option<SettledFacts> {
        let facts = self.rare.as_mut()?.settled.take();
        self.shrink();
        facts
    }

    /// Forgets everything that another leader may have changed. Failures, corrections, the time of the last read and a
    /// trigger of normal priority stay. Returns whether anything is left.
    pub fn new_term(&mut self) -> bool {
        self.forget_term();
        drop(self.take_settled());
        self.trigger = self.trigger.filter(|priority| *priority == Priority::Normal);
        self.trigger.is_some() || self.failures > 0 || self.observed != 0 || self.rare.is_some()
    }

    fn forget_term(&mut self) {
        let Self {
            rare,
            observed,
            failures,
            trigger,
            ..
        } = std::mem::take(self);
        *self = Self {
            rare,
            observed,
            failures,
            trigger,
            ..Self::default()
        };
    }

    fn shrink(&mut self) {
        let is_used = |rare: &Rare| rare.settled.is_some() || !rare.corrections.is_empty();
        self.rare = self.rare.take().filter(|rare| is_used(rare));
    }
}

fn duration(ticks: Tick) -> Duration {
    Duration::from_millis(u64::from(ticks) * u64::from(TICK_MILLIS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::key::ObjectKey;

    #[test]
    fn object_takes_72_bytes_with_its_key() {
        assert_eq!(size_of::<(ObjectKey, ObjectState)>(), 72);
    }

    #[test]
    fn rare_state_is_freed_when_empty() {
        let mut state = ObjectState::default();
        let now = jiff::Timestamp::UNIX_EPOCH;
        state.change_corrections(|corrections| corrections.record([], now));
        assert!(state.rare.is_none());
        state.change_corrections(|corrections| corrections.record(["description".to_owned()], now));
        assert!(state.take_settled().is_none() && state.rare.is_some());
    }
}
