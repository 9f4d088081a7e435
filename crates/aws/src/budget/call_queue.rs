//! Whose turn it is: the calls that wait for one service of one account, and what lets the next one go.
//! Calls and answers in, turns out; no clock, no I/O. What stands for a call is the caller's choice. Used by `budget`.
//!
//! ```text
//!   reads  --- foreground, background ---> pace ---+
//!                                                  +---> ceiling ---> AWS
//!   writes --- foreground, background ---> pace ---+
//! ```
//!
//! First come, first served, over all identities; a call that AWS throttled keeps its number and so its place. The
//! background gets what the foreground leaves, and every tenth turn in any case.

use std::collections::BTreeMap;
use std::time::Duration;

use super::bucket::Bucket;
use super::pace::Pace;

/// Of so many turns one is the background's, when it waits.
const BACKGROUND_SHARE: u32 = 10;

/// Whether a call changes something. AWS counts the two apart, so a limit on writes does not slow reads down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Read,
    Write,
}

/// Who waits for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Somebody: an object that was created, changed or deleted, or that somebody asked about.
    Foreground,
    /// Nobody: the sweep.
    Background,
}

/// The calls that wait. `T` stands for one of them.
#[derive(Debug)]
pub(super) struct CallQueue<T> {
    ceiling: Bucket,
    reads: Line<T>,
    writes: Line<T>,
    numbers: u64,
    /// Turns in a row that the foreground got while the background waited.
    passed_over: u32,
}

/// The calls of one kind.
#[derive(Debug)]
struct Line<T> {
    pace: Pace,
    foreground: BTreeMap<u64, T>,
    background: BTreeMap<u64, T>,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<T> {
    /// This call goes now.
    Goes(Kind, T),
    /// Nobody goes before so much time has passed.
    In(Duration),
    /// Nobody waits.
    Nobody,
}

/// One kind of call as it stands at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LaneStats {
    pub rate: f64,
    pub throttled: u64,
    pub foreground: usize,
    pub background: usize,
}

impl<T> Line<T> {
    fn new(ceiling: f64) -> Self {
        Self {
            pace: Pace::new(ceiling),
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

    fn waits(&self) -> bool {
        !(self.foreground.is_empty() && self.background.is_empty())
    }

    /// The number of the call that has waited longest, if it may go now.
    fn due(&self, lane: Lane) -> Option<u64> {
        let (number, _) = self.lane(lane).first_key_value()?;
        self.pace.ready_in().is_zero().then_some(*number)
    }
}

impl<T> CallQueue<T> {
    /// Nobody waits yet. `ceiling`: calls a second of both kinds together, above zero.
    pub(super) fn new(ceiling: f64) -> Self {
        Self {
            ceiling: Bucket::full(ceiling),
            reads: Line::new(ceiling),
            writes: Line::new(ceiling),
            numbers: 0,
            passed_over: 0,
        }
    }

    /// A number for a new call: who has a lower one came first.
    pub(super) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// A call waits from now on.
    pub(super) fn join(&mut self, kind: Kind, lane: Lane, number: u64, call: T) {
        self.line(kind).lane_mut(lane).insert(number, call);
    }

    /// The next call, taken out of its line; or how long there is none.
    pub(super) fn next(&mut self, now: Duration) -> Next<T> {
        self.advance(now);
        let lines = [&self.reads, &self.writes];
        let paces = lines.into_iter().filter(|line| line.waits());
        let Some(soonest) = paces.map(|line| line.pace.ready_in()).min() else {
            self.passed_over = 0;
            return Next::Nobody;
        };
        let wait = soonest.max(self.ceiling.ready_in());
        if !wait.is_zero() {
            return Next::In(wait);
        }
        let lanes = match self.passed_over + 1 >= BACKGROUND_SHARE {
            true => [Lane::Background, Lane::Foreground],
            false => [Lane::Foreground, Lane::Background],
        };
        let chosen = lanes.into_iter().find_map(|lane| self.first(lane));
        chosen.map_or(Next::Nobody, |(kind, lane, number)| self.go(kind, lane, number))
    }

    /// A turn that nobody took: its call was given up.
    pub(super) fn give_back(&mut self, kind: Kind) {
        self.ceiling.give_back();
        self.line(kind).pace.give_back();
    }

    /// AWS took a call.
    pub(super) fn passed(&mut self, kind: Kind) {
        self.line(kind).pace.passed();
    }

    /// AWS asked for fewer calls.
    pub(super) fn throttled(&mut self, kind: Kind, now: Duration) {
        self.line(kind).pace.throttled(now);
    }

    /// How one kind of call stands at a moment.
    pub(super) fn lane_stats(&mut self, kind: Kind, now: Duration) -> LaneStats {
        self.advance(now);
        let line = self.line(kind);
        LaneStats {
            rate: line.pace.rate(),
            throttled: line.pace.throttles(),
            foreground: line.foreground.len(),
            background: line.background.len(),
        }
    }

    fn advance(&mut self, now: Duration) {
        self.ceiling.advance(now);
        self.reads.pace.advance(now);
        self.writes.pace.advance(now);
    }

    /// Who has waited longest in a lane, among those who may go now.
    fn first(&self, lane: Lane) -> Option<(Kind, Lane, u64)> {
        let reads = self.reads.due(lane).map(|number| (Kind::Read, lane, number));
        let writes = self.writes.due(lane).map(|number| (Kind::Write, lane, number));
        reads
            .into_iter()
            .chain(writes)
            .min_by_key(|(_, _, number)| *number)
    }

    fn go(&mut self, kind: Kind, lane: Lane, number: u64) -> Next<T> {
        let Some(call) = self.line(kind).lane_mut(lane).remove(&number) else {
            return Next::Nobody;
        };
        self.ceiling.take();
        self.line(kind).pace.take();
        let waits = !(self.reads.background.is_empty() && self.writes.background.is_empty());
        self.passed_over = match lane {
            Lane::Foreground if waits => self.passed_over.saturating_add(1),
            Lane::Foreground | Lane::Background => 0,
        };
        Next::Goes(kind, call)
    }

    fn line(&mut self, kind: Kind) -> &mut Line<T> {
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

    fn join(turns: &mut CallQueue<&'static str>, kind: Kind, lane: Lane, call: &'static str) -> u64 {
        let number = turns.number();
        turns.join(kind, lane, number, call);
        number
    }

    /// Who goes at a moment, in order.
    fn go(turns: &mut CallQueue<&'static str>, seconds: f64) -> Vec<&'static str> {
        let mut gone = Vec::new();
        while let Next::Goes(_, call) = turns.next(at(seconds)) {
            gone.push(call);
        }
        gone
    }

    #[test]
    fn who_comes_first_goes_first_whatever_the_kind() {
        let mut turns = CallQueue::new(2.0);
        join(&mut turns, Kind::Write, Lane::Foreground, "first");
        join(&mut turns, Kind::Read, Lane::Foreground, "second");
        join(&mut turns, Kind::Read, Lane::Foreground, "third");
        assert_eq!(go(&mut turns, 0.0), ["first", "second"]);
        assert_eq!(turns.next(at(0.0)), Next::In(at(0.5)));
        assert_eq!(go(&mut turns, 0.5), ["third"]);
        assert_eq!(turns.next(at(0.5)), Next::Nobody);
    }

    #[test]
    fn a_call_that_was_throttled_keeps_its_place() {
        let mut turns = CallQueue::new(10.0);
        let first = join(&mut turns, Kind::Write, Lane::Foreground, "first");
        assert_eq!(go(&mut turns, 0.0), ["first"]);
        turns.throttled(Kind::Write, at(0.0));
        join(&mut turns, Kind::Write, Lane::Foreground, "second");
        turns.join(Kind::Write, Lane::Foreground, first, "first again");
        assert_eq!(go(&mut turns, 1.0)[0], "first again");
    }

    #[test]
    fn a_limit_on_writes_does_not_slow_reads_down() {
        let mut turns = CallQueue::new(100.0);
        (0..30).for_each(|second| turns.throttled(Kind::Write, at(f64::from(second))));
        assert!(turns.lane_stats(Kind::Write, at(30.0)).rate < 10.0);
        for _ in 0..50 {
            join(&mut turns, Kind::Write, Lane::Foreground, "write");
            join(&mut turns, Kind::Read, Lane::Foreground, "read");
        }
        let gone = go(&mut turns, 31.0);
        assert_eq!(gone.iter().filter(|call| **call == "read").count(), 50);
    }

    #[test]
    fn the_background_goes_when_nobody_else_waits_and_gets_every_tenth_turn_when_somebody_does() {
        let mut turns = CallQueue::new(40.0);
        for _ in 0..30 {
            join(&mut turns, Kind::Read, Lane::Background, "sweep");
        }
        for _ in 0..18 {
            join(&mut turns, Kind::Read, Lane::Foreground, "user");
        }
        let gone = go(&mut turns, 0.0);
        let swept: Vec<usize> = (0..20).filter(|place| gone[*place] == "sweep").collect();
        assert_eq!(swept, [9, 19]);
        assert!(gone[20..].iter().all(|call| *call == "sweep"));
    }

    #[test]
    fn a_turn_that_nobody_took_is_there_for_the_next() {
        let mut turns = CallQueue::new(1.0);
        join(&mut turns, Kind::Read, Lane::Foreground, "gave up");
        assert_eq!(go(&mut turns, 0.0), ["gave up"]);
        turns.give_back(Kind::Read);
        join(&mut turns, Kind::Read, Lane::Foreground, "next");
        assert_eq!(go(&mut turns, 0.0), ["next"]);
    }
}
