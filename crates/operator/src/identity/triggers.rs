//! Asked: at which objects somebody wants a look that nothing on the object itself tells of, and whether anybody waits
//! for it. References in and out; no I/O. Watches and events ask in a hurry, sweeps do not.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::reference::IdentityRef;

/// Whether anybody waits for a look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Priority {
    /// Somebody may.
    #[default]
    Normal,
    /// It is for drift alone.
    Background,
}

/// The looks that were asked for and have not begun.
#[derive(Debug, Default)]
pub struct Triggers {
    objects: Mutex<HashMap<IdentityRef, Priority>>,
    taken: Notify,
}

impl Triggers {
    /// Somebody asks for a look. What was asked for in a hurry stays so.
    pub fn ask(&self, object: IdentityRef, priority: Priority) {
        let mut objects = self.objects();
        let known = objects.entry(object).or_insert(priority);
        if priority == Priority::Normal {
            *known = priority;
        }
    }

    /// Whether somebody asked, and how; once.
    pub fn take(&self, object: &IdentityRef) -> Option<Priority> {
        let taken = self.objects().remove(object);
        if taken == Some(Priority::Background) {
            self.taken.notify_one();
        }
        taken
    }

    /// How many looks wait that nobody waits for.
    pub fn background(&self) -> usize {
        let objects = self.objects();
        objects
            .values()
            .filter(|priority| **priority == Priority::Background)
            .count()
    }

    /// Waits until one of them begins.
    pub async fn one_begins(&self) {
        self.taken.notified().await;
    }

    /// Forgets whoever is not among these: what is gone is never looked at.
    pub fn keep_only(&self, is_there: impl Fn(&IdentityRef) -> bool) {
        self.objects().retain(|object, _| is_there(object));
    }

    /// A term begins, and with it a sweep that finds anew what the last one found.
    pub fn begin_term(&self) {
        self.objects().retain(|_, priority| *priority == Priority::Normal);
    }

    fn objects(&self) -> MutexGuard<'_, HashMap<IdentityRef, Priority>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects() -> [IdentityRef; 2] {
        ["a", "b"].map(|name| IdentityRef::new(name).within("shop"))
    }

    #[test]
    fn who_asks_is_heard_once_and_whoever_is_in_a_hurry_first() {
        let (asked, [a, b]) = (Triggers::default(), objects());
        asked.ask(a.clone(), Priority::Background);
        asked.ask(a.clone(), Priority::Normal);
        asked.ask(a.clone(), Priority::Background);
        asked.ask(b.clone(), Priority::Background);
        assert_eq!(asked.background(), 1);
        assert_eq!([asked.take(&a), asked.take(&a)], [Some(Priority::Normal), None]);
        assert_eq!(
            [asked.take(&b), asked.take(&b)],
            [Some(Priority::Background), None]
        );
    }

    #[test]
    fn what_is_gone_or_was_found_by_a_sweep_of_another_term_is_forgotten() {
        let (asked, [a, b]) = (Triggers::default(), objects());
        asked.ask(a.clone(), Priority::Normal);
        asked.ask(b.clone(), Priority::Background);
        asked.begin_term();
        assert_eq!(asked.take(&b), None);
        asked.keep_only(|_| false);
        assert_eq!(asked.take(&a), None);
    }
}
