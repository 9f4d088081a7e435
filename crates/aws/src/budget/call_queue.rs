//! The queue of one service in one account: the waiting calls, and the order in which they are sent. Input:
//! calls and the results of calls. Output: the next call. No clock, no I/O. `T` represents a waiting call.
//!
//! ```text
//!   reads  --- foreground, background ---> adaptive rate ---+
//!                                                           +---> ceiling ---> AWS
//!   writes --- foreground, background ---> adaptive rate ---+
//! ```
//!
//! Calls are sent first come, first served, over all identities. A throttled call keeps its number and thus its
//! place. The background lane gets the slots that the foreground leaves, and every tenth slot in any case.

use std::collections::BTreeMap;
use std::time::Duration;

use super::adaptive_rate::AdaptiveRate;
use super::bucket::Bucket;

/// One in this number of slots is for the background lane, if a background call waits.
const BACKGROUND_SHARE: u32 = 10;

/// The kind of a call: a write changes state. AWS limits reads and writes separately, so a limit on writes must not slow
/// down reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Read,
    Write,
}

/// The priority of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Reconciles caused by a change or a request.
    Foreground,
    /// Drift scans and other background work.
    Background,
}

/// The waiting calls, each represented by a `T`.
#[derive(Debug)]
pub(super) struct CallQueue<T> {
    ceiling: Bucket,
    reads: KindQueue<T>,
    writes: KindQueue<T>,
    numbers: u64,
    /// Consecutive slots that the foreground got while a background call waited.
    background_skips: u32,
}

/// The waiting calls of one kind.
#[derive(Debug)]
struct KindQueue<T> {
    rate: AdaptiveRate,
    foreground: BTreeMap<u64, T>,
    background: BTreeMap<u64, T>,
}

/// The next action.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<T> {
    /// This call is sent now.
    Grant(Kind, T),
    /// No call is sent before this time has passed.
    Wait(Duration),
    /// No call waits.
    Empty,
}

/// The current state of one kind of call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LaneStats {
    pub rate: f64,
    pub throttled: u64,
    pub foreground: usize,
    pub background: usize,
}

impl<T> KindQueue<T> {
    fn new(ceiling: f64) -> Self {
        Self {
            rate: AdaptiveRate::new(ceiling),
            foreground: BTreeMap::new(),
            background: BTreeMap::new(),
        }
    }

    fn lane(&self, lane: Lane) -> &BTreeMap<u64, T> {
        match lane {
            Lane::Foreground => &self.foreground,
            Lane::Background => &self.background,
        }
    }

    fn lane_mut(&mut self, lane: Lane) -> &mut BTreeMap<u64, T> {
        match lane {
            Lane::Foreground => &mut self.foreground,
            Lane::Background => &mut self.background,
        }
    }

    fn has_waiting(&self) -> bool {
        !(self.foreground.is_empty() && self.background.is_empty())
    }

    /// The number of the oldest call, if the rate allows to send it now.
    fn due(&self, lane: Lane) -> Option<u64> {
        let (number, _) = self.lane(lane).first_key_value()?;
        self.rate.ready_in().is_zero().then_some(*number)
    }
}

impl<T> CallQueue<T> {
    /// An empty queue. `ceiling`: calls per second of both kinds together, above zero.
    pub(super) fn new(ceiling: f64) -> Self {
        Self {
            ceiling: Bucket::full(ceiling),
            reads: KindQueue::new(ceiling),
            writes: KindQueue::new(ceiling),
            numbers: 0,
            background_skips: 0,
        }
    }

    /// A number for a new call. Lower numbers are sent first.
    pub(super) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Adds a waiting call.
    pub(super) fn join(&mut self, kind: Kind, lane: Lane, number: u64, call: T) {
        self.queue(kind).lane_mut(lane).insert(number, call);
    }

    /// Removes and requeue the next call, or requeue the time until one is due.
    pub(super) fn next(&mut self, now: Duration) -> Next<T> {
        self.advance(now);
        let waiting = [&self.reads, &self.writes]
            .into_iter()
            .filter(|queue| queue.has_waiting());
        let Some(soonest) = waiting.map(|queue| queue.rate.ready_in()).min() else {
            self.background_skips = 0;
            return Next::Empty;
        };
        let wait = soonest.max(self.ceiling.ready_in());
        if !wait.is_zero() {
            return Next::Wait(wait);
        }
        let lanes = match self.background_skips + 1 >= BACKGROUND_SHARE {
            true => [Lane::Background, Lane::Foreground],
            false => [Lane::Foreground, Lane::Background],
        };
        let chosen = lanes.into_iter().find_map(|lane| self.first(lane));
        chosen.map_or(Next::Empty, |(kind, lane, number)| self.grant(kind, lane, number))
    }

    /// Requeue a slot whose call was cancelled.
    pub(super) fn refund(&mut self, kind: Kind) {
        self.ceiling.refund();
        self.queue(kind).rate.refund();
    }

    /// Records a call that AWS accepted.
    pub(super) fn passed(&mut self, kind: Kind) {
        self.queue(kind).rate.passed();
    }

    /// Records a call that AWS throttled.
    pub(super) fn throttled(&mut self, kind: Kind, now: Duration) {
        self.queue(kind).rate.throttled(now);
    }

    /// The current state of one kind of call.
    pub(super) fn lane_stats(&mut self, kind: Kind, now: Duration) -> LaneStats {
        self.advance(now);
        let queue = self.queue(kind);
        LaneStats {
            rate: queue.rate.rate(),
            throttled: queue.rate.throttles(),
            foreground: queue.foreground.len(),
            background: queue.background.len(),
        }
    }

    fn advance(&mut self, now: Duration) {
        self.ceiling.advance(now);
        self.reads.rate.advance(now);
        self.writes.rate.advance(now);
    }

    /// The oldest call of a lane that may be sent now.
    fn first(&self, lane: Lane) -> Option<(Kind, Lane, u64)> {
        let reads = self.reads.due(lane).map(|number| (Kind::Read, lane, number));
        let writes = self.writes.due(lane).map(|number| (Kind::Write, lane, number));
        reads
            .into_iter()
            .chain(writes)
            .min_by_key(|(_, _, number)| *number)
    }

    fn grant(&mut self, kind: Kind, lane: Lane, number: u64) -> Next<T> {
        let Some(call) = self.queue(kind).lane_mut(lane).remove(&number) else {
            return Next::Empty;
        };
        self.ceiling.take();
        self.queue(kind).rate.take();
        let background_waits = !(self.reads.background.is_empty() && self.writes.background.is_empty());
        self.background_skips = match lane {
            Lane::Foreground if background_waits => self.background_skips.saturating_add(1),
            Lane::Foreground | Lane::Background => 0,
        };
        Next::Grant(kind, call)
    }

    fn queue(&mut self, kind: Kind) -> &mut KindQueue<T> {
        match kind {
            Kind::Read => &mut self.reads,
            Kind::Write => &mut self.writes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn join(queue: &mut CallQueue<&'static str>, kind: Kind, lane: Lane, call: &'static str) -> u64 {
        let number = queue.number();
        queue.join(kind, lane, number, call);
        number
    }

    /// The calls granted at a moment, in order.
    fn granted(queue: &mut CallQueue<&'static str>, seconds: f64) -> Vec<&'static str> {
        let mut granted = Vec::new();
        while let Next::Grant(_, call) = queue.next(at(seconds)) {
            granted.push(call);
        }
        granted
    }

    #[test]
    fn calls_of_both_kinds_are_granted_in_order() {
        let mut queue = CallQueue::new(2.0);
        join(&mut queue, Kind::Write, Lane::Foreground, "first");
        join(&mut queue, Kind::Read, Lane::Foreground, "second");
        join(&mut queue, Kind::Read, Lane::Foreground, "third");
        assert_eq!(granted(&mut queue, 0.0), ["first", "second"]);
        assert_eq!(queue.next(at(0.0)), Next::Wait(at(0.5)));
        assert_eq!(granted(&mut queue, 0.5), ["third"]);
        assert_eq!(queue.next(at(0.5)), Next::Empty);
    }

    #[test]
    fn throttled_call_keeps_its_place() {
        let mut queue = CallQueue::new(10.0);
        let first = join(&mut queue, Kind::Write, Lane::Foreground, "first");
        assert_eq!(granted(&mut queue, 0.0), ["first"]);
        queue.throttled(Kind::Write, at(0.0));
        join(&mut queue, Kind::Write, Lane::Foreground, "second");
        queue.join(Kind::Write, Lane::Foreground, first, "first again");
        assert_eq!(granted(&mut queue, 1.0)[0], "first again");
    }

    #[test]
    fn throttled_writes_do_not_slow_down_reads() {
        let mut queue = CallQueue::new(100.0);
        (0..30).for_each(|second| queue.throttled(Kind::Write, at(f64::from(second))));
        assert!(queue.lane_stats(Kind::Write, at(30.0)).rate < 10.0);
        for _ in 0..50 {
            join(&mut queue, Kind::Write, Lane::Foreground, "write");
            join(&mut queue, Kind::Read, Lane::Foreground, "read");
        }
        let calls = granted(&mut queue, 31.0);
        assert_eq!(calls.iter().filter(|call| **call == "read").count(), 50);
    }

    #[test]
    fn background_gets_every_tenth_slot_and_all_idle_ones() {
        let mut queue = CallQueue::new(40.0);
        for _ in 0..30 {
            join(&mut queue, Kind::Read, Lane::Background, "background");
        }
        for _ in 0..18 {
            join(&mut queue, Kind::Read, Lane::Foreground, "foreground");
        }
        let calls = granted(&mut queue, 0.0);
        let background: Vec<usize> = (0..20).filter(|place| calls[*place] == "background").collect();
        assert_eq!(background, [9, 19]);
        assert!(calls[20..].iter().all(|call| *call == "background"));
    }

    #[test]
    fn refunded_slot_is_available_again() {
        let mut queue = CallQueue::new(1.0);
        join(&mut queue, Kind::Read, Lane::Foreground, "cancelled");
        assert_eq!(granted(&mut queue, 0.0), ["cancelled"]);
        queue.refund(Kind::Read);
        join(&mut queue, Kind::Read, Lane::Foreground, "next");
        assert_eq!(granted(&mut queue, 0.0), ["next"]);
    }
}
