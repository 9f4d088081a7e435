//! Contests: what was corrected of each object lately, so that whoever undoes it each time is noticed. Kept in memory: a
//! new leader tries anew. Corrections in, what is left alone out; the thinking is core's. Used by `reconcile`.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use lanyard_core::reconcile::correction_backoff::Corrections;

use super::reference::IdentityRef;

/// The corrections of all objects.
#[derive(Debug, Default)]
pub struct Contests(Mutex<HashMap<IdentityRef, Corrections>>);

impl Contests {
    /// The aspects of an object that are left alone at this moment.
    pub fn of(&self, object: &IdentityRef) -> BTreeSet<String> {
        let corrections = self.corrections();
        let corrections = corrections.get(object);
        corrections.map_or_else(BTreeSet::new, |known| known.contested(Timestamp::now()))
    }

    /// Remembers what a look corrected.
    pub fn note(&self, object: &IdentityRef, corrected: &[String]) {
        let mut corrections = self.corrections();
        if corrected.is_empty() && !corrections.contains_key(object) {
            return;
        }
        let known = corrections.entry(object.clone()).or_default();
        known.note(corrected.iter().cloned(), Timestamp::now());
        if known.is_empty() {
            corrections.remove(object);
        }
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, object: &IdentityRef) {
        self.corrections().remove(object);
    }

    /// A panic elsewhere leaves the corrections as they were, and those are always usable.
    fn corrections(&self) -> MutexGuard<'_, HashMap<IdentityRef, Corrections>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
