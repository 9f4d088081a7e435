//! Contest: somebody changes the same thing again each time that Lanyard puts it back. What was corrected of one object
//! goes in; what is contested comes out, and of a drift what is left alone for a while. Pure; kept in the operator's memory, so a restart tries anew.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::model::field::Field;
use crate::model::subject::{TAG_CLUSTER, TAG_NAME, TAG_NAMESPACE};
use crate::reconcile::diff::{Cause, Drift};

/// The tags that say whose a thing is.
const OWNERSHIP: [&str; 3] = [TAG_CLUSTER, TAG_NAMESPACE, TAG_NAME];
/// After so many corrections it is no accident any more.
const CONTESTED: u32 = 3;
/// How long it is left alone then; doubled with each further correction.
const FIRST: Duration = Duration::from_secs(20 * 60);
/// The longest that it is left alone: the other writer may have been put right.
const LONGEST: Duration = Duration::from_secs(2 * 3600);
/// Without a correction for so long, it is forgotten. Longer than anything is left alone.
const FORGOTTEN: Duration = Duration::from_secs(3 * 3600);

/// What was corrected of one object lately, by the key of its aspect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Corrections(BTreeMap<String, Run>);

/// Corrections of one aspect, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    count: u32,
    last: Timestamp,
}

impl Run {
    fn since(&self, now: Timestamp) -> Duration {
        Duration::try_from(now.duration_since(self.last)).unwrap_or_default()
    }

    fn is_left_alone(&self, now: Timestamp) -> bool {
        let doublings = self.count.saturating_sub(CONTESTED);
        let pause = FIRST.saturating_mul(2_u32.saturating_pow(doublings)).min(LONGEST);
        self.count >= CONTESTED && self.since(now) < pause
    }
}

impl Corrections {
    /// These aspects were corrected now.
    pub fn note(&mut self, fields: impl IntoIterator<Item = String>, now: Timestamp) {
        self.0.retain(|_, run| run.since(now) < FORGOTTEN);
        for field in fields {
            let run = self.0.entry(field).or_insert(Run { count: 0, last: now });
            *run = Run {
                count: run.count.saturating_add(1),
                last: now,
            };
        }
    }

    /// The aspects that are left alone at this moment.
    #[must_use]
    pub fn contested(&self, now: Timestamp) -> BTreeSet<String> {
        let contested = self.0.iter().filter(|(_, run)| run.is_left_alone(now));
        contested.map(|(field, _)| field.clone()).collect()
    }

    /// Whether nothing was corrected lately.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether an aspect may be left as somebody wants it: it neither lets anybody in or out nor says whose a thing is. All
/// else is put back each time, and who undoes it is named.
fn grants_no_access(field: &Field) -> bool {
    match field {
        Field::Description | Field::MaxSession => true,
        Field::RoleTag(key) | Field::AssociationTag(key) => !OWNERSHIP.contains(&key.as_str()),
        _ => false,
    }
}

impl Drift {
    /// The same drift, of which what is contested and gives nothing is left alone for a while.
    #[must_use]
    pub(crate) fn with_contested(mut self, contested: &BTreeSet<String>) -> Self {
        let drifted = self
            .differences
            .iter_mut()
            .filter(|difference| difference.cause == Cause::OutOfBand && grants_no_access(&difference.field));
        for difference in drifted.filter(|difference| contested.contains(&difference.field.key())) {
            difference.cause = Cause::Contested;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + 60 * minutes).unwrap()
    }

    fn corrected(minutes: &[i64]) -> Corrections {
        let mut corrections = Corrections::default();
        for minute in minutes {
            corrections.note(["trust".to_owned()], at(*minute));
        }
        corrections
    }

    #[test]
    fn the_third_correction_in_a_row_makes_a_contest_which_is_over_after_a_pause() {
        assert!(corrected(&[0, 10]).contested(at(11)).is_empty());
        let third = corrected(&[0, 10, 20]);
        assert!(third.contested(at(39)).contains("trust"));
        assert!(third.contested(at(40)).is_empty());
    }

    #[test]
    fn each_further_correction_doubles_the_pause_up_to_two_hours() {
        let fourth = corrected(&[0, 10, 20, 40]);
        assert!(fourth.contested(at(79)).contains("trust") && fourth.contested(at(80)).is_empty());
        let tenth = corrected(&[0, 10, 20, 40, 80, 160, 280, 400, 520, 640]);
        assert!(tenth.contested(at(759)).contains("trust") && tenth.contested(at(760)).is_empty());
    }

    #[test]
    fn what_stayed_as_it_was_put_for_three_hours_is_forgotten() {
        let mut corrections = corrected(&[0, 10, 20]);
        corrections.note(["trust".to_owned()], at(200));
        assert!(corrections.contested(at(201)).is_empty());
        corrections.note([], at(400));
        assert!(corrections.is_empty());
    }

    #[test]
    fn one_thing_that_is_contested_leaves_the_others_alone() {
        let mut corrections = corrected(&[0, 10, 20]);
        corrections.note(["tag/team".to_owned()], at(21));
        assert_eq!(corrections.contested(at(22)), ["trust".to_owned()].into());
    }
}
