//! The pace of looks that events cause: what happened is looked at once at once, once more when AWS is sure to show it,
//! and however many events there are, no object is looked at because of them more than twice within the settling time.
//! Moments in, whom to look at out; no clock, no I/O. Asked by the operator for every notice.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Events carry their time cut to the second.
const CUT: SignedDuration = SignedDuration::from_secs(1);

/// What a notice comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// The object was looked at when what happened was sure to be seen.
    Known,
    /// It is to be looked at now.
    Now,
    /// It is looked at later, with what else happens to it until then.
    Later,
}

/// When objects are looked at because of events.
#[derive(Debug)]
pub struct Debounce<K> {
    settling: SignedDuration,
    turns: HashMap<K, Turn>,
}

/// What is known of one object.
#[derive(Debug, Clone, Copy)]
struct Turn {
    /// When a look was last asked for.
    woken: Timestamp,
    /// When the last thing that happened is sure to be seen, where no look has come after that yet.
    sure: Option<Timestamp>,
}

impl<K: Clone + Eq + Hash> Debounce<K> {
    /// Nothing has happened yet. `settling`: how long AWS may show the old after a change.
    #[must_use]
    pub fn new(settling: Duration) -> Self {
        Self {
            settling: SignedDuration::try_from(settling).unwrap_or(SignedDuration::MAX),
            turns: HashMap::new(),
        }
    }

    /// Something happened `at` a time to an object that was last `looked` at then, as far as that is known.
    /// A time to come counts as now: nobody's clock delays a look, and nothing is waited for that has not happened.
    pub fn noticed(&mut self, key: &K, at: Timestamp, looked: Option<Timestamp>, now: Timestamp) -> Urgency {
        let from = after(at, CUT).min(now);
        let sure = after(from, self.settling);
        if looked.is_some_and(|looked| looked >= sure) {
            return Urgency::Known;
        }
        let before = self.turns.get(key).copied();
        let free = before.map_or(now, |turn| after(turn.woken, self.settling));
        let seen = looked.is_some_and(|looked| looked >= from);
        let asked = match free <= now && (!seen || sure <= now) {
            true => Urgency::Now,
            false => Urgency::Later,
        };
        let waiting = before.and_then(|turn| turn.sure);
        let turn = match asked {
            Urgency::Now => Turn {
                woken: now,
                sure: waiting.max(Some(sure)).filter(|sure| *sure > now),
            },
            Urgency::Later | Urgency::Known => Turn {
                // Where nobody was woken, the look that is known stands for it.
                woken: before.map_or(looked.unwrap_or(now).min(now), |turn| turn.woken),
                sure: waiting.max(Some(sure.max(free))),
            },
        };
        self.turns.insert(key.clone(), turn);
        asked
    }

    /// Whom it is time to look at again. What is over and done is forgotten.
    pub fn due(&mut self, now: Timestamp) -> Vec<K> {
        let settling = self.settling;
        let mut due = Vec::new();
        for (key, turn) in &mut self.turns {
            if turn.due(settling).is_some_and(|time| time <= now) {
                due.push(key.clone());
                turn.woken = now;
                turn.sure = turn.sure.filter(|sure| *sure > now);
            }
        }
        self.turns
            .retain(|_, turn| turn.sure.is_some() || after(turn.woken, settling) > now);
        due
    }

    /// When somebody is due next.
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        self.turns
            .values()
            .filter_map(|turn| turn.due(self.settling))
            .min()
    }
}

impl Turn {
    /// As late as it takes, but however much goes on happening no later than two settling times after the last look.
    fn due(&self, settling: SignedDuration) -> Option<Timestamp> {
        let latest = after(after(self.woken, settling), settling);
        self.sure.map(|sure| sure.min(latest))
    }
}

fn after(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SETTLING: Duration = Duration::from_secs(30);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn what_just_happened_is_looked_at_now_and_once_more_when_it_is_sure_to_be_seen() {
        let mut pace = Debounce::new(SETTLING);
        assert_eq!(pace.noticed(&"orders", at(0), None, at(5)), Urgency::Now);
        assert_eq!(pace.next(), Some(at(31)));
        assert!(pace.due(at(30)).is_empty());
        assert_eq!(pace.due(at(31)), ["orders"]);
        assert_eq!(pace.next(), None);
    }

    #[test]
    fn what_happened_long_ago_is_looked_at_once() {
        let mut pace = Debounce::new(SETTLING);
        assert_eq!(
            pace.noticed(&"orders", at(0), Some(at(-10)), at(40)),
            Urgency::Now
        );
        assert_eq!(pace.next(), None);
    }

    #[test]
    fn what_was_looked_at_since_waits_until_it_is_sure_to_be_seen_or_is_known() {
        let mut pace = Debounce::new(SETTLING);
        assert_eq!(pace.noticed(&"orders", at(0), Some(at(3)), at(5)), Urgency::Later);
        assert_eq!(pace.next(), Some(at(31)));
        let mut pace = Debounce::new(SETTLING);
        assert_eq!(
            pace.noticed(&"orders", at(0), Some(at(31)), at(45)),
            Urgency::Known
        );
        assert_eq!(pace.noticed(&"orders", at(0), Some(at(30)), at(45)), Urgency::Now);
    }

    #[test]
    fn many_events_of_one_change_are_two_looks() {
        let mut pace = Debounce::new(SETTLING);
        assert_eq!(pace.noticed(&"orders", at(0), None, at(2)), Urgency::Now);
        for second in 1..20 {
            assert_eq!(
                pace.noticed(&"orders", at(second), Some(at(2)), at(second + 2)),
                Urgency::Later
            );
        }
        assert!(pace.due(at(49)).is_empty());
        assert_eq!(pace.due(at(50)), ["orders"]);
        assert_eq!(pace.next(), None);
    }

    #[test]
    fn a_time_to_come_is_now_and_one_beyond_all_times_does_no_harm() {
        let mut pace = Debounce::new(SETTLING);
        assert_eq!(pace.noticed(&"orders", Timestamp::MAX, None, at(0)), Urgency::Now);
        assert_eq!(pace.next(), Some(at(30)));
        assert_eq!(pace.noticed(&"carts", Timestamp::MIN, None, at(0)), Urgency::Now);
    }

    proptest! {
        /// Looks begin as soon as they are asked for. Each event is followed by one that is sure to see it, and no three
        /// of them come within the settling time, whatever comes when.
        #[test]
        fn every_event_is_looked_at_and_no_object_is_besieged(
            events in prop::collection::vec((0_i64..600, 0_i64..90), 1..60),
        ) {
            let mut pace = Debounce::new(SETTLING);
            let mut arrivals: Vec<(i64, i64)> = events.iter().map(|(time, late)| (time + late, *time)).collect();
            arrivals.sort_unstable();
            let (mut looks, mut arrivals) = (Vec::<i64>::new(), arrivals.into_iter().peekable());
            for second in 0..900 {
                looks.extend(pace.due(at(second)).iter().map(|_: &&str| second));
                while let Some((_, happened)) = arrivals.next_if(|(arrives, _)| *arrives == second) {
                    let looked = looks.last().map(|look| at(*look));
                    if pace.noticed(&"orders", at(happened), looked, at(second)) == Urgency::Now {
                        looks.push(second);
                    }
                }
            }
            for (time, late) in &events {
                let sure = (time + 1).min(time + late) + 30;
                prop_assert!(looks.iter().any(|look| *look >= sure), "{time} {looks:?}");
            }
            for three in looks.windows(3) {
                prop_assert!(three[2] - three[0] >= 30, "{looks:?}");
            }
            prop_assert_eq!(pace.next(), None);
        }
    }
}
