//! Simulation of the budget against a model of AWS: it learns the rate, causes little throttling and starves no
//! lane. Simulated time; no clock, no I/O. Tests only.

use std::time::Duration;

use super::call_queue::{CallQueue, Kind, Lane, Next};
use super::place::Place;

/// Milliseconds of one step, and from the sending of a call to its answer.
const STEP: u64 = 5;
const LATENCY: u64 = 20;

/// AWS: a token bucket that the budget cannot see.
struct Remote {
    rate: f64,
    burst: f64,
    tokens: f64,
    /// Refilled once per second instead of continuously.
    refills_each_second: bool,
}

impl Remote {
    fn new(rate: f64, burst: f64, refills_each_second: bool) -> Self {
        Self {
            rate,
            burst,
            tokens: burst,
            refills_each_second,
        }
    }

    fn refill(&mut self, now: u64) {
        let due = match self.refills_each_second {
            true if now.is_multiple_of(1000) => self.rate,
            true => 0.0,
            false => self.rate * STEP as f64 / 1000.0,
        };
        self.tokens = (self.tokens + due).min(self.burst);
    }

    fn admits(&mut self) -> bool {
        let admits = self.tokens >= 1.0;
        if admits {
            self.tokens -= 1.0;
        }
        admits
    }
}

/// A call and the time at which it started.
struct Caller {
    place: Place,
    started_at: u64,
}

/// The result of a run.
#[derive(Debug, Default)]
struct RunStats {
    accepted: u64,
    throttled: u64,
    /// The longest duration of a call, in milliseconds.
    longest: u64,
    /// Calls that AWS accepted, for each second.
    each_second: Vec<u64>,
    /// The learned rate at the end of each second, over all budgets.
    rates: Vec<f64>,
    /// Calls that AWS accepted, of the foreground and of the background.
    by_lane: [u64; 2],
}

/// Callers that make one call after another, each on one of the budgets, until `calls` are done or the time is
/// over.
struct Simulation {
    budgets: Vec<CallQueue<Caller>>,
    remote: Remote,
    backing_off: Vec<(u64, usize, Caller)>,
    in_flight: Vec<(u64, usize, Caller)>,
    started: u64,
    stats: RunStats,
}

impl Simulation {
    fn new(remote: Remote, ceilings: &[f64]) -> Self {
        Self {
            budgets: ceilings.iter().map(|ceiling| CallQueue::new(*ceiling)).collect(),
            remote,
            backing_off: Vec::new(),
            in_flight: Vec::new(),
            started: 0,
            stats: RunStats::default(),
        }
    }

    fn start(&mut self, budget: usize, lane: Lane, now: u64) {
        let number = self.budgets[budget].number();
        let place = Place::new(Kind::Write, lane, number);
        self.started += 1;
        self.join(
            budget,
            Caller {
                place,
                started_at: now,
            },
        );
    }

    fn join(&mut self, budget: usize, caller: Caller) {
        let (lane, number) = (caller.place.lane, caller.place.number);
        self.budgets[budget].join(Kind::Write, lane, number, caller);
    }

    fn run(mut self, callers: usize, calls: u64, seconds: u64) -> RunStats {
        for caller in 0..callers {
            self.start(caller % self.budgets.len(), Lane::Foreground, 0);
        }
        let (mut now, mut second) = (0, 0);
        while self.stats.accepted < calls && now < seconds * 1000 {
            self.step(now, calls);
            now += STEP;
            if now.is_multiple_of(1000) {
                let accepted = self.stats.accepted;
                self.stats.each_second.push(accepted - second);
                second = accepted;
                let at = Duration::from_millis(now);
                let budgets = self.budgets.iter_mut();
                let rates = budgets.map(|queue| queue.lane_stats(Kind::Write, at).rate);
                self.stats.rates.push(rates.sum());
            }
        }
        self.stats
    }

    fn step(&mut self, now: u64, calls: u64) {
        self.remote.refill(now);
        let at = Duration::from_millis(now);
        let back: Vec<_> = self.backing_off.extract_if(.., |(due, ..)| *due <= now).collect();
        for (_, budget, caller) in back {
            self.join(budget, caller);
        }
        for budget in 0..self.budgets.len() {
            while let Next::Grant(_, caller) = self.budgets[budget].next(at) {
                self.in_flight.push((now + LATENCY, budget, caller));
            }
        }
        let answered: Vec<_> = self.in_flight.extract_if(.., |(due, ..)| *due <= now).collect();
        for (_, budget, mut caller) in answered {
            if !self.remote.admits() {
                self.stats.throttled += 1;
                self.budgets[budget].throttled(Kind::Write, at);
                let back = u64::try_from(caller.place.backoff().as_millis()).unwrap();
                self.backing_off.push((now + back, budget, caller));
                continue;
            }
            self.stats.accepted += 1;
            self.stats.by_lane[usize::from(caller.place.lane == Lane::Background)] += 1;
            self.stats.longest = self.stats.longest.max(now - caller.started_at);
            self.budgets[budget].passed(Kind::Write);
            if self.started < calls {
                self.start(budget, caller.place.lane, now);
            }
        }
    }
}

/// The mean of the second half.
fn steady_mean(values: &[f64]) -> f64 {
    let later = &values[values.len() / 2..];
    later.iter().sum::<f64>() / later.len() as f64
}

#[test]
fn rate_is_learned_within_ten_percent() {
    for rate in [2.0, 5.0, 10.0, 25.0, 60.0] {
        for burst in [rate, 4.0 * rate] {
            for refills_each_second in [false, true] {
                let remote = Remote::new(rate, burst, refills_each_second);
                let stats = Simulation::new(remote, &[150.0]).run(32, u64::MAX, 240);
                let case =
                    format!("{rate} a second, burst {burst}, refills each second: {refills_each_second}");
                let accepted = steady_mean(
                    &stats
                        .each_second
                        .iter()
                        .map(|accepted| *accepted as f64)
                        .collect::<Vec<_>>(),
                );
                let learned = steady_mean(&stats.rates);
                println!(
                    "{case}: accepted {accepted:.2}, learned {learned:.2}, throttled {}",
                    stats.throttled
                );
                assert!(accepted > 0.9 * rate, "{case}: accepted {accepted}");
                assert!(
                    (0.9 * rate..1.1 * rate).contains(&learned),
                    "{case}: learned {learned}"
                );
                assert!(
                    stats.throttled < stats.accepted / 5 + 200,
                    "{case}: {} throttled",
                    stats.throttled
                );
            }
        }
    }
}

#[test]
fn fleet_needs_at_most_ten_percent_more_than_minimum() {
    // 200 identities of four writes, from one budget, and from two that AWS counts together.
    for ceilings in [&[150.0][..], &[150.0, 75.0]] {
        let stats = Simulation::new(Remote::new(10.0, 10.0, false), ceilings).run(16, 800, 1000);
        let (seconds, floor) = (stats.each_second.len() as f64, (800.0 - 10.0) / 10.0);
        println!(
            "{ceilings:?}: {seconds} s, {} throttled, longest {} ms",
            stats.throttled, stats.longest
        );
        assert!(seconds <= 1.1 * floor, "{ceilings:?}: {seconds} s");
        assert!(
            stats.longest < 15_000,
            "{ceilings:?}: one call accepted {} ms",
            stats.longest
        );
    }
}

#[test]
fn ceiling_below_the_limit_is_reached_without_throttling() {
    let stats = Simulation::new(Remote::new(100.0, 100.0, false), &[50.0]).run(32, u64::MAX, 60);
    let accepted = steady_mean(
        &stats
            .each_second
            .iter()
            .map(|accepted| *accepted as f64)
            .collect::<Vec<_>>(),
    );
    assert_eq!(stats.throttled, 0);
    assert!((49.0..51.0).contains(&accepted), "{accepted}");
}

#[test]
fn raised_limit_is_learned_within_a_minute() {
    let mut simulation = Simulation::new(Remote::new(2.0, 2.0, false), &[50.0]);
    for _ in 0..32 {
        simulation.start(0, Lane::Foreground, 0);
    }
    let mut now = 0;
    let mut until = |simulation: &mut Simulation, seconds: u64| {
        while now < seconds * 1000 {
            simulation.step(now, u64::MAX);
            now += STEP;
        }
        simulation.budgets[0]
            .lane_stats(Kind::Write, Duration::from_millis(now))
            .rate
    };
    assert!(until(&mut simulation, 60) < 4.0);
    simulation.remote.rate = 100.0;
    simulation.remote.burst = 100.0;
    assert!(until(&mut simulation, 120) > 49.0);
}

#[test]
fn no_lane_starves_under_throttling() {
    let mut simulation = Simulation::new(Remote::new(10.0, 10.0, false), &[150.0]);
    for _ in 0..16 {
        simulation.start(0, Lane::Foreground, 0);
        simulation.start(0, Lane::Background, 0);
    }
    (0..120 * 1000 / STEP).for_each(|step| simulation.step(step * STEP, u64::MAX));
    let [foreground, background] = simulation.stats.by_lane;
    assert!(
        background >= 80,
        "the background got {background}, the foreground {foreground}"
    );
    assert!(foreground >= 6 * background, "{foreground} and {background}");
}
