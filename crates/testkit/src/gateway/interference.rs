//! Deliberate interference with a call, for every protocol: delay, throttle, fail, drop, run a hook.
//! Input: a call. Output: a ruling on it. Waits (latency, hooks), no other I/O.
//! Asked once for each call; knows no protocol, so that both sides, AWS and the API server, use it
//! unchanged.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::call::Call;
use super::effect::{Common, Effect, Hook};
use super::fault::Faults;
use super::ledger::Ledger;
use super::throttle::{Buckets, Throttle};

/// Faults, pace and record of one gateway.
#[derive(Debug)]
pub(crate) struct Interference {
    pub faults: Faults,
    pub ledger: Ledger,
    pace: Mutex<Pace>,
}

#[derive(Debug, Default)]
struct Pace {
    latency: Duration,
    buckets: Buckets,
}

/// Verdict on one call.
pub(crate) struct Ruling {
    pub verdict: Verdict,
    /// Run when the emulator has answered.
    pub after: Vec<Hook>,
    /// The answer is not given back.
    pub swallow: bool,
}

/// Returns the verdict: the call continues, or is answered by an error.
#[derive(Debug)]
pub(crate) enum Verdict {
    Pass,
    Stale,
    Drop,
    Refuse(Refusal),
}

/// A refusal, to be worded in the call's own protocol.
#[derive(Debug)]
pub(crate) enum Refusal {
    Common(Common),
    Error {
        status: u16,
        code: String,
        message: String,
    },
    Answer {
        status: u16,
        body: String,
    },
}

impl Interference {
    pub fn new() -> Self {
        Self {
            faults: Faults::default(),
            ledger: Ledger::new(),
            pace: Mutex::default(),
        }
    }

    pub fn set_latency(&self, latency: Duration) {
        self.pace.lock().latency = latency;
    }

    pub fn set_throttles(&self, throttles: Vec<Throttle>) {
        self.pace.lock().buckets = Buckets::of(throttles, Instant::now());
    }

    /// Lets the latency pass, then throttles, then lets the faults strike in their order; the first that decides, decides.
    /// The pace is AWS's: calls to the API server go at its own.
    pub async fn rule(&self, call: &Call) -> Ruling {
        let latency = self.pace.lock().latency;
        if !latency.is_zero() && call.service.is_aws() {
            tokio::time::sleep(latency).await;
        }
        let mut ruling = Ruling {
            verdict: Verdict::Pass,
            after: Vec::new(),
            swallow: false,
        };
        if !self.pace.lock().buckets.admit(call, Instant::now()) {
            ruling.verdict = Verdict::Refuse(Refusal::Common(Common::Throttled));
            return ruling;
        }
        for effect in self.faults.strike(call) {
            ruling.suffer(effect, call).await;
        }
        ruling
    }
}

impl Ruling {
    async fn suffer(&mut self, effect: Effect, call: &Call) {
        match effect {
            Effect::Delay(by) => tokio::time::sleep(by).await,
            Effect::Before(hook) => hook(call.clone()).await,
            Effect::After(hook) => self.after.push(hook),
            Effect::Swallow => self.swallow = true,
            Effect::Stale => self.decide(Verdict::Stale),
            Effect::Reset => self.decide(Verdict::Drop),
            Effect::Refuse(common) => self.decide(Verdict::Refuse(Refusal::Common(common))),
            Effect::Answer { status, body } => self.decide(Verdict::Refuse(Refusal::Answer { status, body })),
            Effect::Fail {
                status,
                code,
                message,
            } => {
                self.decide(Verdict::Refuse(Refusal::Error {
                    status,
                    code,
                    message,
                }));
            }
        }
    }

    fn decide(&mut self, verdict: Verdict) {
        if matches!(self.verdict, Verdict::Pass) {
            self.verdict = verdict;
        }
    }
}
