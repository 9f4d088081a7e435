//! The debounce of reconciliations that events trigger. An event triggers a reconciliation at once, and another one
//! when AWS certainly shows the change. Events never trigger more than two reconciliations of an object within the
//! consistency delay. Input: times; output: decisions and due objects. No clock, no I/O.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Events have a resolution of one second.
const EVENT_RESOLUTION: SignedDuration = SignedDuration::from_secs(1);

/// The decision about an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DebounceDecision {
    /// A reconciliation after the change became visible has already observed it.
    AlreadyObserved,
    /// The object is reconciled now.
    Now,
    /// The object is reconciled later, together with further events until then.
    Deferred,
}

/// The state of all objects with recent events.
#[derive(Debug)]
pub struct Debounce<K> {
    consistency: SignedDuration,
    objects: HashMap<K, Pending>,
}

/// The state of one object.
#[derive(Debug, Clone, Copy)]
struct Pending {
    /// The time of the last triggered reconciliation.
    triggered: Timestamp,
    /// The time at which the last change is certainly visible, if no reconciliation has taken place since.
    visible: Option<Timestamp>,
}

impl<K: Clone + Eq + Hash> Debounce<K> {
    /// An empty state. `consistency` is the time for which AWS may show the old value after a change.
    #[must_use]
    pub fn new(consistency: Duration) -> Self {
        Self {
            consistency: SignedDuration::try_from(consistency).unwrap_or(SignedDuration::MAX),
            objects: HashMap::new(),
        }
    }

    /// Records an event at `at` for an object that was last reconciled at `reconciled`, if known. A time in the
    /// future counts as now, so a wrong clock does not delay the reconciliation.
    pub fn record(
        &mut self,
        key: &K,
        at: Timestamp,
        reconciled: Option<Timestamp>,
        now: Timestamp,
    ) -> DebounceDecision {
        let from = after(at, EVENT_RESOLUTION).min(now);
        let visible = after(from, self.consistency);
        if reconciled.is_some_and(|reconciled| reconciled >= visible) {
            return DebounceDecision::AlreadyObserved;
        }
        let before = self.objects.get(key).copied();
        let next_allowed = before.map_or(now, |pending| after(pending.triggered, self.consistency));
        let seen = reconciled.is_some_and(|reconciled| reconciled >= from);
        let decision = match next_allowed <= now && (!seen || visible <= now) {
            true => DebounceDecision::Now,
            false => DebounceDecision::Deferred,
        };
        let waiting = before.and_then(|pending| pending.visible);
        let pending = match decision {
            DebounceDecision::Now => Pending {
                triggered: now,
                visible: waiting.max(Some(visible)).filter(|visible| *visible > now),
            },
            DebounceDecision::Deferred | DebounceDecision::AlreadyObserved => Pending {
                // Without an earlier trigger, the last known reconciliation counts as the trigger.
                triggered: before.map_or(reconciled.unwrap_or(now).min(now), |pending| pending.triggered),
                visible: waiting.max(Some(visible.max(next_allowed))),
            },
        };
        self.objects.insert(key.clone(), pending);
        decision
    }

    /// The objects that are due for another reconciliation. Completed entries are removed.
    pub fn due(&mut self, now: Timestamp) -> Vec<K> {
        let consistency = self.consistency;
        let mut due = Vec::new();
        for (key, pending) in &mut self.objects {
            if pending.due(consistency).is_some_and(|time| time <= now) {
                due.push(key.clone());
                pending.triggered = now;
                pending.visible = pending.visible.filter(|visible| *visible > now);
            }
        }
        self.objects
            .retain(|_, pending| pending.visible.is_some() || after(pending.triggered, consistency) > now);
        due
    }

    /// The time at which the next object is due.
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        self.objects
            .values()
            .filter_map(|pending| pending.due(self.consistency))
            .min()
    }
}

impl Pending {
    /// The due time: when the change is visible, but at most two consistency delays after the last reconciliation.
    fn due(&self, consistency: SignedDuration) -> Option<Timestamp> {
        let latest = after(after(self.triggered, consistency), consistency);
        self.visible.map(|visible| visible.min(latest))
    }
}

fn after(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CONSISTENCY: Duration = Duration::from_secs(30);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn recent_event_triggers_now_and_again_when_visible() {
        let mut debounce = Debounce::new(CONSISTENCY);
        assert_eq!(
            debounce.record(&"orders", at(0), None, at(5)),
            DebounceDecision::Now
        );
        assert_eq!(debounce.next(), Some(at(31)));
        assert!(debounce.due(at(30)).is_empty());
        assert_eq!(debounce.due(at(31)), ["orders"]);
        assert_eq!(debounce.next(), None);
    }

    #[test]
    fn old_event_triggers_once() {
        let mut debounce = Debounce::new(CONSISTENCY);
        assert_eq!(
            debounce.record(&"orders", at(0), Some(at(-10)), at(40)),
            DebounceDecision::Now
        );
        assert_eq!(debounce.next(), None);
    }

    #[test]
    fn event_before_last_reconcile_is_deferred_or_observed() {
        let mut debounce = Debounce::new(CONSISTENCY);
        assert_eq!(
            debounce.record(&"orders", at(0), Some(at(3)), at(5)),
            DebounceDecision::Deferred
        );
        assert_eq!(debounce.next(), Some(at(31)));
        let mut debounce = Debounce::new(CONSISTENCY);
        assert_eq!(
            debounce.record(&"orders", at(0), Some(at(31)), at(45)),
            DebounceDecision::AlreadyObserved
        );
        assert_eq!(
            debounce.record(&"orders", at(0), Some(at(30)), at(45)),
            DebounceDecision::Now
        );
    }

    #[test]
    fn burst_of_events_triggers_two_reconciles() {
        let mut debounce = Debounce::new(CONSISTENCY);
        assert_eq!(
            debounce.record(&"orders", at(0), None, at(2)),
            DebounceDecision::Now
        );
        for second in 1..20 {
            assert_eq!(
                debounce.record(&"orders", at(second), Some(at(2)), at(second + 2)),
                DebounceDecision::Deferred
            );
        }
        assert!(debounce.due(at(49)).is_empty());
        assert_eq!(debounce.due(at(50)), ["orders"]);
        assert_eq!(debounce.next(), None);
    }

    #[test]
    fn event_time_in_the_future_counts_as_now() {
        let mut debounce = Debounce::new(CONSISTENCY);
        assert_eq!(
            debounce.record(&"orders", Timestamp::MAX, None, at(0)),
            DebounceDecision::Now
        );
        assert_eq!(debounce.next(), Some(at(30)));
        assert_eq!(
            debounce.record(&"carts", Timestamp::MIN, None, at(0)),
            DebounceDecision::Now
        );
    }

    proptest! {
        /// Triggered reconciliations start at once. Each event is followed by one that certainly observes it, and no
        /// three of them start within the consistency delay.
        #[test]
        fn every_event_is_observed_at_a_limited_rate(
            events in prop::collection::vec((0_i64..600, 0_i64..90), 1..60),
        ) {
            let mut debounce = Debounce::new(CONSISTENCY);
            let mut arrivals: Vec<(i64, i64)> = events.iter().map(|(time, late)| (time + late, *time)).collect();
            arrivals.sort_unstable();
            let (mut reconciles, mut arrivals) = (Vec::<i64>::new(), arrivals.into_iter().peekable());
            for second in 0..900 {
                reconciles.extend(debounce.due(at(second)).iter().map(|_: &&str| second));
                while let Some((_, happened)) = arrivals.next_if(|(arrives, _)| *arrives == second) {
                    let reconciled = reconciles.last().map(|time| at(*time));
                    if debounce.record(&"orders", at(happened), reconciled, at(second)) == DebounceDecision::Now {
                        reconciles.push(second);
                    }
                }
            }
            for (time, late) in &events {
                let visible = (time + 1).min(time + late) + 30;
                prop_assert!(reconciles.iter().any(|time| *time >= visible), "{time} {reconciles:?}");
            }
            for three in reconciles.windows(3) {
                prop_assert!(three[2] - three[0] >= 30, "{reconciles:?}");
            }
            prop_assert_eq!(debounce.next(), None);
        }
    }
}
