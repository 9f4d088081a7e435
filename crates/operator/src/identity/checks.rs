//! Checks: what is remembered of each object between looks: when it was last looked at or checked by a sweep, and what
//! its next look waits for. Moments in, answers out; no I/O.
//!
//! Kept small, since there is one for each object: 72 bytes with its key. All of it is of one term of the lease.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::triggers::Priority;

mod key;

pub use key::Key;

/// A moment in milliseconds since the process began to remember; 0 stands for never.
type Tick = u64;

#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    /// What others can change of the object, as it was when this was last decided.
    fingerprint: u64,
    /// When its last look began.
    looked: Tick,
    /// When the last sweep began that found all of it as told.
    checked: Tick,
    /// When it was first left to a sweep.
    left: Tick,
    /// When its association was last described.
    described: Tick,
    /// When a look is due whatever sweeps find.
    due: Tick,
    /// When a sweep last found it otherwise than told.
    drifted_at: Tick,
    /// Whether sweeps cannot check it.
    uncovered: bool,
    /// Whether its last look changed nothing, in AWS or in what is told.
    idle: bool,
    /// Whether anybody waits for the look that is due.
    priority: Priority,
}

/// What the next look at an object waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// It was not seen in this term.
    New,
    /// Somebody changed it since.
    Changed,
    /// Its time has come; whether anybody waits for it.
    Due(Priority),
    /// Its time comes after this.
    Until(Duration),
    /// For drift alone, or for nothing that is known here.
    Drift {
        /// How long ago it was last known to be as told.
        sure_for: Duration,
        /// How long ago it was last looked at by itself, or left to a sweep.
        unseen_for: Duration,
        /// Whether it was looked at in this term.
        seen: bool,
        /// Whether sweeps cannot check it.
        uncovered: bool,
    },
}

/// A look: at what, as others had made it by then, when it began, and what came of it.
#[derive(Debug, Clone, Copy)]
pub struct Looked {
    /// What stands for the object.
    pub key: Key,
    /// What others can change of it.
    pub fingerprint: u64,
    /// When it began.
    pub began: Instant,
    /// The term in which it began.
    pub term: u64,
    /// Whether anybody waits for it.
    pub priority: Priority,
    /// Whether it changed nothing, in AWS or in what is told.
    pub idle: bool,
}

/// What is remembered of all objects.
#[derive(Debug)]
pub struct Checks {
    began: Instant,
    marks: Mutex<HashMap<Key, Mark>>,
    terms: watch::Sender<u64>,
}

impl Default for Checks {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            marks: Mutex::default(),
            terms: watch::Sender::new(0),
        }
    }
}

impl Checks {
    /// What the next look at an object waits for. `fingerprint`: what others can change of it, now.
    pub fn waiting(&self, key: Key, fingerprint: u64, now: Instant) -> Waiting {
        let Some(mark) = self.marks().get(&key).copied() else {
            return Waiting::New;
        };
        let now = self.tick(now);
        if mark.fingerprint != fingerprint {
            return Waiting::Changed;
        }
        if mark.due != 0 {
            return match mark.due.checked_sub(now) {
                Some(left) if left > 0 => Waiting::Until(span(left)),
                Some(_) | None => Waiting::Due(mark.priority),
            };
        }
        let sure = mark.looked.max(mark.checked).max(mark.left);
        Waiting::Drift {
            sure_for: span(now.saturating_sub(sure)),
            unseen_for: span(now.saturating_sub(mark.looked.max(mark.left))),
            seen: mark.looked != 0,
            uncovered: mark.uncovered,
        }
    }

    /// An object that was not seen before in this term is left to the sweep.
    pub fn left(&self, key: Key, fingerprint: u64, now: Instant) {
        let left = self.tick(now);
        let mark = Mark {
            fingerprint,
            left,
            ..Mark::default()
        };
        self.marks().insert(key, mark);
    }

    /// A look has ended. One of another term tells nothing of this one. `due`: in how long the next one is, and whether
    /// anybody waits for that; `None`: it waits for drift alone.
    pub fn looked(&self, look: &Looked, due: Option<(Duration, Priority)>) {
        let (looked, now) = (self.tick(look.began), self.tick(Instant::now()));
        if look.term != self.term() {
            return;
        }
        let mut marks = self.marks();
        let mark = marks.entry(look.key).or_default();
        (mark.fingerprint, mark.looked, mark.idle) = (look.fingerprint, looked, look.idle);
        (mark.due, mark.priority) = match due {
            Some((due, priority)) => (now.saturating_add(ticks(due)), priority),
            None => (0, Priority::default()),
        };
    }

    /// A sweep that began then found all of it as told.
    pub fn checked(&self, key: Key, began: Instant) {
        let checked = self.tick(began);
        self.change(key, |mark| {
            (mark.checked, mark.uncovered, mark.drifted_at) = (checked, false, 0);
        });
    }

    /// A sweep finds it otherwise than told. Answers whether a look may help: not when the one that was made for that
    /// changed nothing, for then it would be made for ever. Such an object is looked at with each resync, as what sweeps
    /// cannot check.
    pub fn drifted(&self, key: Key, now: Instant) -> bool {
        let (now, mut helps) = (self.tick(now), true);
        self.change(key, |mark| {
            helps = !(mark.drifted_at != 0 && mark.looked >= mark.drifted_at && mark.idle);
            mark.uncovered |= !helps;
            mark.drifted_at = now;
        });
        helps
    }

    /// Sweeps cannot check it. Answers whether nothing at all is known of it in this term.
    pub fn uncovered(&self, key: Key) -> bool {
        let mut unknown = true;
        self.change(key, |mark| {
            mark.uncovered = true;
            unknown = mark.looked == 0 && mark.checked == 0;
        });
        unknown
    }

    /// Its association was described.
    pub fn described(&self, key: Key, now: Instant) {
        let described = self.tick(now);
        self.change(key, |mark| mark.described = described);
    }

    /// Orders objects by when their associations were last read: a look reads it too. What comes first was read longest
    /// ago.
    pub fn last_described(&self, key: Key) -> u64 {
        let marks = self.marks();
        marks.get(&key).map_or(0, |mark| mark.described.max(mark.looked))
    }

    /// Whether a look at it has begun since then.
    pub fn looked_since(&self, key: Key, then: Instant) -> bool {
        let then = self.tick(then);
        let marks = self.marks();
        marks
            .get(&key)
            .is_some_and(|mark| mark.looked != 0 && mark.looked >= then)
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, key: Key) {
        self.marks().remove(&key);
    }

    /// Forgets every object but these: one may have gone without a look of ours.
    pub fn keep_only(&self, there: &HashSet<Key>) {
        self.marks().retain(|key, _| there.contains(key));
    }

    /// Another operator may have led since: nothing that was known counts any more.
    pub fn begin_term(&self) {
        *self.marks() = HashMap::new();
        self.terms.send_modify(|term| *term += 1);
    }

    /// The number of this term.
    pub fn term(&self) -> u64 {
        *self.terms.borrow()
    }

    /// Waits until a term has begun after this one.
    pub async fn term_after(&self, known: u64) -> u64 {
        let mut terms = self.terms.subscribe();
        // The sender is `self`: it cannot go away while it is waited for.
        terms
            .wait_for(|term| *term > known)
            .await
            .map_or(known, |term| *term)
    }

    fn change(&self, key: Key, change: impl FnOnce(&mut Mark)) {
        if let Some(mark) = self.marks().get_mut(&key) {
            change(mark);
        }
    }

    fn tick(&self, at: Instant) -> Tick {
        ticks(at.saturating_duration_since(self.began)).saturating_add(1)
    }

    fn marks(&self) -> MutexGuard<'_, HashMap<Key, Mark>> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ticks(time: Duration) -> Tick {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn span(ticks: Tick) -> Duration {
    Duration::from_millis(ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn look(key: Key, began: Instant) -> Looked {
        Looked {
            key,
            fingerprint: 7,
            began,
            term: 0,
            priority: Priority::Normal,
            idle: true,
        }
    }

    #[test]
    fn an_object_of_which_nobody_changed_anything_waits_for_its_time() {
        let (checks, key, now) = (Checks::default(), Key::of("a"), Instant::now());
        assert_eq!(checks.waiting(key, 7, now), Waiting::New);
        checks.looked(&look(key, now), Some((60 * SECOND, Priority::Background)));
        assert!(matches!(checks.waiting(key, 7, now), Waiting::Until(left) if left > 59 * SECOND));
        assert_eq!(checks.waiting(key, 8, now), Waiting::Changed);
        let due = checks.waiting(key, 7, now + 61 * SECOND);
        assert_eq!(due, Waiting::Due(Priority::Background));
    }

    #[test]
    fn a_sweep_makes_sure_of_what_was_left_to_it() {
        let (checks, key, now) = (Checks::default(), Key::of("a"), Instant::now());
        checks.left(key, 7, now);
        let sure_for = |at| match checks.waiting(key, 7, at) {
            Waiting::Drift {
                sure_for, uncovered, ..
            } => (sure_for.as_secs(), uncovered),
            other => panic!("{other:?}"),
        };
        assert_eq!(sure_for(now + 10 * SECOND), (10, false));
        assert!(
            checks.uncovered(key),
            "it was neither looked at nor checked before"
        );
        checks.checked(key, now + 8 * SECOND);
        assert_eq!(sure_for(now + 10 * SECOND), (2, false));
        assert!(!checks.uncovered(key));
        assert_eq!(sure_for(now + 10 * SECOND), (2, true));
    }

    #[test]
    fn a_term_forgets_the_one_before() {
        let (checks, key, now) = (Checks::default(), Key::of("a"), Instant::now());
        checks.looked(&look(key, now), None);
        assert!(checks.looked_since(key, now) && checks.term() == 0);
        checks.begin_term();
        assert_eq!((checks.waiting(key, 7, now), checks.term()), (Waiting::New, 1));
        checks.checked(key, now);
        assert_eq!(
            checks.waiting(key, 7, now),
            Waiting::New,
            "of an unknown object a check tells nothing"
        );
        checks.looked(&look(key, now), None);
        assert_eq!(
            checks.waiting(key, 7, now),
            Waiting::New,
            "nor does a look of another term"
        );
        assert!(checks.uncovered(key), "nothing is known of it");
    }

    #[test]
    fn a_sweep_is_no_look() {
        let (checks, key, now) = (Checks::default(), Key::of("a"), Instant::now());
        checks.left(key, 7, now);
        checks.checked(key, now + 8 * SECOND);
        let later = checks.waiting(key, 7, now + 10 * SECOND);
        assert!(matches!(later, Waiting::Drift { unseen_for, .. } if unseen_for >= 9 * SECOND));
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let (checks, now) = (Checks::default(), Instant::now());
        let (here, gone) = (Key::of("here"), Key::of("gone"));
        for key in [here, gone] {
            checks.looked(&look(key, now), None);
        }
        checks.keep_only(&HashSet::from([here]));
        assert_eq!(checks.waiting(gone, 7, now), Waiting::New);
        assert_ne!(checks.waiting(here, 7, now), Waiting::New);
    }

    #[test]
    fn a_look_that_changed_nothing_is_not_made_again_for_the_same() {
        let (checks, key, now) = (Checks::default(), Key::of("a"), Instant::now());
        let idle = |idle, began| {
            let look = look(key, began);
            checks.looked(&Looked { idle, ..look }, None);
        };
        idle(false, now);
        assert!(checks.drifted(key, now + SECOND));
        assert!(checks.drifted(key, now + 2 * SECOND), "no look was made since");
        idle(false, now + 3 * SECOND);
        assert!(
            checks.drifted(key, now + 4 * SECOND),
            "the last look changed something"
        );
        idle(true, now + 5 * SECOND);
        assert!(!checks.drifted(key, now + 6 * SECOND));
        let waits = checks.waiting(key, 7, now + 6 * SECOND);
        assert!(
            matches!(waits, Waiting::Drift { uncovered: true, .. }),
            "{waits:?}"
        );
        checks.checked(key, now + 7 * SECOND);
        assert!(checks.drifted(key, now + 8 * SECOND), "it was as told in between");
    }
}
