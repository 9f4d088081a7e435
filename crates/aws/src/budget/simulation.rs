//! The budget against a simulated AWS: does it learn the rate, lose little on the way, and starve nobody?
//! Steps of simulated time; no clock, no I/O. Tests only.

use std::time::Duration;

use super::call_queue::{CallQueue, Kind, Lane, Next};
use super::place::Place;

/// Milliseconds of one step, and from the sending of a call to its answer.
const STEP: u64 = 5;
const LATENCY: u64 = 20;

/// AWS's side: a token bucket that nobody knows.
struct Remote {
    rate: f64,
    burst: f64,
    tokens: f64,
    /// Refilled once a second instead of all the time.
    by_the_second: bool,
}

impl Remote {
    fn new(rate: f64, burst: f64, by_the_second: bool) -> Self {
        Self {
            rate,
            burst,
            tokens: burst,
            by_the_second,
        }
    }

    fn pass(&mut self, now: u64) {
        let due = match self.by_the_second {
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

/// A call and since when it has been under way.
struct Caller {
    place: Place,
    began: u64,
}

/// What happened.
#[derive(Debug, Default)]
struct SummaryInput {
    took: u64,
    throttled: u64,
    /// The longest that one call took, in milliseconds.
    longest: u64,
    /// Calls that AWS took, each second.
    each_second: Vec<u64>,
    /// The learned rate at the end of each second, over all budgets.
    rates: Vec<f64>,
    /// Calls that AWS took, of the foreground and of the background.
    by_lane: [u64; 2],
}

/// Callers that make one call after another, each of one of the budgets, until `calls` are done or the time is over.
struct Play {
    budgets: Vec<CallQueue<Caller>>,
    remote: Remote,
    standing_back: Vec<(u64, usize, Caller)>,
    flying: Vec<(u64, usize, Caller)>,
    begun: u64,
    told: SummaryInput,
}

impl Play {
    fn new(remote: Remote, ceilings: &[f64]) -> Self {
        Self {
            budgets: ceilings.iter().map(|ceiling| CallQueue::new(*ceiling)).collect(),
            remote,
            standing_back: Vec::new(),
            flying: Vec::new(),
            begun: 0,
            told: SummaryInput::default(),
        }
    }

    fn begin(&mut self, budget: usize, lane: Lane, now: u64) {
        let number = self.budgets[budget].number();
        let place = Place::new(Kind::Write, lane, number);
        self.begun += 1;
        self.join(budget, Caller { place, began: now });
    }

    fn join(&mut self, budget: usize, caller: Caller) {
        let (lane, number) = (caller.place.lane, caller.place.number);
        self.budgets[budget].join(Kind::Write, lane, number, caller);
    }

    fn run(mut self, callers: usize, calls: u64, seconds: u64) -> SummaryInput {
        for caller in 0..callers {
            self.begin(caller % self.budgets.len(), Lane::Foreground, 0);
        }
        let (mut now, mut second) = (0, 0);
        while self.told.took < calls && now < seconds * 1000 {
            self.step(now, calls);
            now += STEP;
            if now.is_multiple_of(1000) {
                let took = self.told.took;
                self.told.each_second.push(took - second);
                second = took;
                let at = Duration::from_millis(now);
                let budgets = self.budgets.iter_mut();
                let rates = budgets.map(|turns| turns.lane_stats(Kind::Write, at).rate);
                self.told.rates.push(rates.sum());
            }
        }
        self.told
    }

    fn step(&mut self, now: u64, calls: u64) {
        self.remote.pass(now);
        let at = Duration::from_millis(now);
        let back: Vec<_> = self
            .standing_back
            .extract_if(.., |(due, ..)| *due <= now)
            .collect();
        for (_, budget, caller) in back {
            self.join(budget, caller);
        }
        for budget in 0..self.budgets.len() {
            while let Next::Goes(_, caller) = self.budgets[budget].next(at) {
                self.flying.push((now + LATENCY, budget, caller));
            }
        }
        let answered: Vec<_> = self.flying.extract_if(.., |(due, ..)| *due <= now).collect();
        for (_, budget, mut caller) in answered {
            if !self.remote.admits() {
                self.told.throttled += 1;
                self.budgets[budget].throttled(Kind::Write, at);
                let back = u64::try_from(caller.place.stand_back().as_millis()).unwrap();
                self.standing_back.push((now + back, budget, caller));
                continue;
            }
            self.told.took += 1;
            self.told.by_lane[usize::from(caller.place.lane == Lane::Background)] += 1;
            self.told.longest = self.told.longest.max(now - caller.began);
            self.budgets[budget].passed(Kind::Write);
            if self.begun < calls {
                self.begin(budget, caller.place.lane, now);
            }
        }
    }
}

/// The mean over the later half.
fn settled(values: &[f64]) -> f64 {
    let later = &values[values.len() / 2..];
    later.iter().sum::<f64>() / later.len() as f64
}

#[test]
fn the_rate_of_aws_is_learned_within_a_tenth_and_hardly_anything_is_lost() {
    for rate in [2.0, 5.0, 10.0, 25.0, 60.0] {
        for burst in [rate, 4.0 * rate] {
            for by_the_second in [false, true] {
                let remote = Remote::new(rate, burst, by_the_second);
                let told = Play::new(remote, &[150.0]).run(32, u64::MAX, 240);
                let about = format!("{rate} a second, burst {burst}, by the second: {by_the_second}");
                let took = settled(
                    &told
                        .each_second
                        .iter()
                        .map(|took| *took as f64)
                        .collect::<Vec<_>>(),
                );
                let learned = settled(&told.rates);
                println!(
                    "{about}: took {took:.2}, learned {learned:.2}, throttled {}",
                    told.throttled
                );
                assert!(took > 0.9 * rate, "{about}: took {took}");
                assert!(
                    (0.9 * rate..1.1 * rate).contains(&learned),
                    "{about}: learned {learned}"
                );
                assert!(
                    told.throttled < told.took / 5 + 200,
                    "{about}: {} throttled",
                    told.throttled
                );
            }
        }
    }
}

#[test]
fn work_at_ten_writes_a_second_takes_at_most_a_tenth_more_than_the_bucket_needs() {
    // 200 identities of four writes, from one budget, and from two that AWS counts together.
    for ceilings in [&[150.0][..], &[150.0, 75.0]] {
        let told = Play::new(Remote::new(10.0, 10.0, false), ceilings).run(16, 800, 1000);
        let (seconds, floor) = (told.each_second.len() as f64, (800.0 - 10.0) / 10.0);
        println!(
            "{ceilings:?}: {seconds} s, {} throttled, longest {} ms",
            told.throttled, told.longest
        );
        assert!(seconds <= 1.1 * floor, "{ceilings:?}: {seconds} s");
        assert!(
            told.longest < 15_000,
            "{ceilings:?}: one call took {} ms",
            told.longest
        );
    }
}

#[test]
fn below_what_aws_allows_nothing_is_throttled_and_the_ceiling_is_reached() {
    let told = Play::new(Remote::new(100.0, 100.0, false), &[50.0]).run(32, u64::MAX, 60);
    let took = settled(
        &told
            .each_second
            .iter()
            .map(|took| *took as f64)
            .collect::<Vec<_>>(),
    );
    assert_eq!(told.throttled, 0);
    assert!((49.0..51.0).contains(&took), "{took}");
}

#[test]
fn a_limit_that_is_lifted_is_found_out_within_a_minute() {
    let mut play = Play::new(Remote::new(2.0, 2.0, false), &[50.0]);
    for _ in 0..32 {
        play.begin(0, Lane::Foreground, 0);
    }
    let mut now = 0;
    let mut until = |play: &mut Play, seconds: u64| {
        while now < seconds * 1000 {
            play.step(now, u64::MAX);
            now += STEP;
        }
        play.budgets[0]
            .lane_stats(Kind::Write, Duration::from_millis(now))
            .rate
    };
    assert!(until(&mut play, 60) < 4.0);
    play.remote.rate = 100.0;
    play.remote.burst = 100.0;
    assert!(until(&mut play, 120) > 49.0);
}

#[test]
fn neither_lane_is_starved_while_aws_throttles() {
    let mut play = Play::new(Remote::new(10.0, 10.0, false), &[150.0]);
    for _ in 0..16 {
        play.begin(0, Lane::Foreground, 0);
        play.begin(0, Lane::Background, 0);
    }
    (0..120 * 1000 / STEP).for_each(|step| play.step(step * STEP, u64::MAX));
    let [foreground, background] = play.told.by_lane;
    assert!(
        background >= 80,
        "the background got {background}, the foreground {foreground}"
    );
    assert!(foreground >= 6 * background, "{foreground} and {background}");
}
