//! Checks: what is remembered of each object between looks: when it was last looked at or checked by a sweep, what its
//! next look waits for, and whether somebody asked for one. Moments in, answers out; no I/O, no clock of its own.
//!
//! Kept small, since there is one for each object: 64 bytes with its key. All of it is of one term of the lease.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::context::Ref;

/// What stands for an object here: its uid, hashed. Two of ten thousand share one once in some hundred thousand million
/// clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(u64);

impl Key {
    /// The key of a uid.
    #[must_use]
    pub fn of(uid: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        uid.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// A moment in milliseconds since the process began to remember; 0 stands for never.
type Tick = u64;

#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    /// What others can change of the object, as it was when this was last decided.
    print: u64,
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
    /// Whether sweeps cannot check it.
    uncovered: bool,
}

/// What the next look at an object waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// It was not seen in this term.
    New,
    /// Somebody changed it since.
    Changed,
    /// Its time has come.
    Due,
    /// Its time comes after this.
    Until(Duration),
    /// For drift alone, or for nothing that is known here.
    Drift {
        /// How long ago it was last known to be as told.
        sure_for: Duration,
        /// How long ago it was last looked at by itself, or the term began.
        unseen_for: Duration,
        /// Whether sweeps cannot check it.
        uncovered: bool,
    },
}

/// What is remembered of all objects.
#[derive(Debug)]
pub struct Checks {
    began: Instant,
    marks: Mutex<HashMap<Key, Mark>>,
    asked: Mutex<HashSet<Ref>>,
    terms: watch::Sender<u64>,
}

impl Default for Checks {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            marks: Mutex::default(),
            asked: Mutex::default(),
            terms: watch::Sender::new(0),
        }
    }
}

impl Checks {
    /// Somebody asks for a look: what happened is not on the object itself.
    pub fn ask(&self, object: Ref) {
        self.asked().insert(object);
    }

    /// Whether somebody asked, once.
    pub fn take_asked(&self, object: &Ref) -> bool {
        self.asked().remove(object)
    }

    /// What the next look at an object waits for. `print`: what others can change of it, now.
    pub fn waiting(&self, key: Key, print: u64, now: Instant) -> Waiting {
        let Some(mark) = self.marks().get(&key).copied() else {
            return Waiting::New;
        };
        let now = self.tick(now);
        if mark.print != print {
            return Waiting::Changed;
        }
        if mark.due != 0 {
            return match mark.due.checked_sub(now) {
                Some(left) if left > 0 => Waiting::Until(span(left)),
                Some(_) | None => Waiting::Due,
            };
        }
        let sure = mark.looked.max(mark.checked).max(mark.left);
        Waiting::Drift {
            sure_for: span(now.saturating_sub(sure)),
            unseen_for: span(now.saturating_sub(mark.looked.max(mark.left))),
            uncovered: mark.uncovered,
        }
    }

    /// An object that was not seen before in this term is left to the sweep.
    pub fn left(&self, key: Key, print: u64, now: Instant) {
        let left = self.tick(now);
        self.marks().insert(
            key,
            Mark {
                print,
                left,
                ..Mark::default()
            },
        );
    }

    /// A look has ended that began then; `due`: in how long the next one is due, unless it waits for drift alone.
    pub fn looked(&self, key: Key, print: u64, began: Instant, due: Option<Duration>) {
        let (looked, now) = (self.tick(began), self.tick(Instant::now()));
        let due = due.map_or(0, |due| now.saturating_add(ticks(due)));
        let mut marks = self.marks();
        let mark = marks.entry(key).or_default();
        (mark.print, mark.looked, mark.due) = (print, looked, due);
    }

    /// A sweep that began then found all of it as told.
    pub fn checked(&self, key: Key, began: Instant) {
        let checked = self.tick(began);
        self.change(key, |mark| {
            (mark.checked, mark.uncovered) = (checked, false);
        });
    }

    /// Sweeps cannot check it. Answers whether nothing at all is known of it in this term.
    pub fn uncovered(&self, key: Key) -> bool {
        let mut unknown = false;
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

    /// Forgets every object but these: one that went without a look of ours, and one that was asked for and never was.
    pub fn keep_only(&self, there: &HashSet<Key>, is_there: impl Fn(&Ref) -> bool) {
        self.marks().retain(|key, _| there.contains(key));
        self.asked().retain(is_there);
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

    fn asked(&self) -> MutexGuard<'_, HashSet<Ref>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[test]
    fn an_object_of_which_nobody_changed_anything_waits_for_its_time() {
        let (checks, key, now) = (Checks::default(), Key::of("a"), Instant::now());
        assert_eq!(checks.waiting(key, 7, now), Waiting::New);
        checks.looked(key, 7, now, Some(60 * SECOND));
        assert!(matches!(checks.waiting(key, 7, now), Waiting::Until(left) if left > 59 * SECOND));
        assert_eq!(checks.waiting(key, 8, now), Waiting::Changed);
        assert_eq!(checks.waiting(key, 7, now + 61 * SECOND), Waiting::Due);
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
        checks.looked(key, 7, now, None);
        assert!(checks.looked_since(key, now) && checks.term() == 0);
        checks.begin_term();
        assert_eq!((checks.waiting(key, 7, now), checks.term()), (Waiting::New, 1));
        checks.checked(key, now);
        assert_eq!(
            checks.waiting(key, 7, now),
            Waiting::New,
            "of an unknown object a check tells nothing"
        );
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
            checks.looked(key, 7, now, None);
        }
        let [asked, lost] = ["asked", "lost"].map(|name| Ref::new(name).within("shop"));
        checks.ask(asked.clone());
        checks.ask(lost.clone());
        checks.keep_only(&HashSet::from([here]), |object| *object == asked);
        assert_eq!(checks.waiting(gone, 7, now), Waiting::New);
        assert_ne!(checks.waiting(here, 7, now), Waiting::New);
        assert!(checks.take_asked(&asked) && !checks.take_asked(&lost));
    }

    #[test]
    fn who_asks_is_heard_once() {
        let (checks, object) = (Checks::default(), Ref::new("a").within("shop"));
        checks.ask(object.clone());
        assert_eq!(
            (checks.take_asked(&object), checks.take_asked(&object)),
            (true, false)
        );
    }
}
