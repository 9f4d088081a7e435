//! Backoff of drift corrections: another tool that reverts each correction makes the field contested for a while.
//! Inputs are the corrections of one object and the time; the output is the set of contested fields. No I/O. The operator
//! keeps the corrections in memory, so a restart resets the backoff.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::model::field::Field;
use crate::model::subject::{TAG_CLUSTER, TAG_NAME, TAG_NAMESPACE};
use crate::reconcile::diff::{Cause, Drift};

/// The tags that name the owner of a resource.
const OWNERSHIP: [&str; 3] = [TAG_CLUSTER, TAG_NAMESPACE, TAG_NAME];
/// The number of successive corrections after which a field is contested.
const CONTESTED_AFTER: u32 = 3;
/// The first pause. It doubles with each further correction.
const FIRST_PAUSE: Duration = Duration::from_secs(20 * 60);
/// The longest pause, after which the operator checks whether the other writer still reverts the correction.
const LONGEST_PAUSE: Duration = Duration::from_secs(2 * 3600);
/// The time without a correction after which the operator forgets the earlier ones. It exceeds the longest pause.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3 * 3600);

/// The recent corrections of one object, by the key of the field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Corrections(BTreeMap<String, Corrected>);

/// Successive corrections of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Corrected {
    count: u32,
    last: Timestamp,
}

impl Corrected {
    fn since(&self, now: Timestamp) -> Duration {
        Duration::try_from(now.duration_since(self.last)).unwrap_or_default()
    }

    fn is_contested(&self, now: Timestamp) -> bool {
        let doublings = self.count.saturating_sub(CONTESTED_AFTER);
        let pause = FIRST_PAUSE
            .saturating_mul(2_u32.saturating_pow(doublings))
            .min(LONGEST_PAUSE);
        self.count >= CONTESTED_AFTER && self.since(now) < pause
    }
}

impl Corrections {
    /// Records that these fields were corrected now.
    pub fn record(&mut self, fields: impl IntoIterator<Item = String>, now: Timestamp) {
        self.0
            .retain(|_, corrected| corrected.since(now) < FORGOTTEN_AFTER);
        for field in fields {
            let corrected = self.0.entry(field).or_insert(Corrected { count: 0, last: now });
            *corrected = Corrected {
                count: corrected.count.saturating_add(1),
                last: now,
            };
        }
    }

    /// The fields that are contested at this time.
    #[must_use]
    pub fn contested(&self, now: Timestamp) -> BTreeSet<String> {
        let contested = self.0.iter().filter(|(_, corrected)| corrected.is_contested(now));
        contested.map(|(field, _)| field.clone()).collect()
    }

    /// Returns true if there are no recent corrections.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Returns true if a field neither grants access nor names an owner, so that it may stay drifted. Every other field is
/// corrected each time.
fn grants_no_access(field: &Field) -> bool {
    match field {
        Field::Description | Field::MaxSession => true,
        Field::RoleTag(key) | Field::AssociationTag(key) => !OWNERSHIP.contains(&key.as_str()),
        _ => false,
    }
}

impl Drift {
    /// The same drift, with the cause `Contested` for the contested fields that grant no access.
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
            corrections.record(["trust".to_owned()], at(*minute));
        }
        corrections
    }

    #[test]
    fn third_correction_makes_field_contested_until_pause_ends() {
        assert!(corrected(&[0, 10]).contested(at(11)).is_empty());
        let third = corrected(&[0, 10, 20]);
        assert!(third.contested(at(39)).contains("trust"));
        assert!(third.contested(at(40)).is_empty());
    }

    #[test]
    fn further_corrections_double_pause_up_to_two_hours() {
        let fourth = corrected(&[0, 10, 20, 40]);
        assert!(fourth.contested(at(79)).contains("trust") && fourth.contested(at(80)).is_empty());
        let tenth = corrected(&[0, 10, 20, 40, 80, 160, 280, 400, 520, 640]);
        assert!(tenth.contested(at(759)).contains("trust") && tenth.contested(at(760)).is_empty());
    }

    #[test]
    fn field_without_correction_for_three_hours_is_forgotten() {
        let mut corrections = corrected(&[0, 10, 20]);
        corrections.record(["trust".to_owned()], at(200));
        assert!(corrections.contested(at(201)).is_empty());
        corrections.record([], at(400));
        assert!(corrections.is_empty());
    }

    #[test]
    fn contested_field_does_not_affect_other_fields() {
        let mut corrections = corrected(&[0, 10, 20]);
        corrections.record(["tag/team".to_owned()], at(21));
        assert_eq!(corrections.contested(at(22)), ["trust".to_owned()].into());
    }
}
