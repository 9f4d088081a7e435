//! How a budget stands at a moment, for metrics. A budget in, plain values out; no I/O.

use super::call_queue::LaneStats;
use super::{Budget, Kind};

/// One kind of call of one service.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BudgetStats {
    /// The service's word.
    pub service: &'static str,
    /// `own`: the account of Lanyard's own credentials; `other`: all that a class leads to, taken together.
    pub account: &'static str,
    /// `read` or `write`.
    pub kind: &'static str,
    /// Calls a second, as learned; of several accounts, the lowest.
    pub rate: f64,
    /// Calls a second at most, reads and writes together.
    pub ceiling: u32,
    /// How many calls AWS has throttled.
    pub throttled: u64,
    /// Who waits.
    pub waiting: WaitingCalls,
}

/// Calls that wait for their turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingCalls {
    /// Those that somebody waits for.
    pub foreground: usize,
    /// Those of the sweep.
    pub background: usize,
}

impl BudgetStats {
    /// Two accounts taken together.
    #[must_use]
    pub(crate) fn with(self, other: &Self) -> Self {
        Self {
            rate: self.rate.min(other.rate),
            throttled: self.throttled.saturating_add(other.throttled),
            waiting: WaitingCalls {
                foreground: self.waiting.foreground + other.waiting.foreground,
                background: self.waiting.background + other.waiting.background,
            },
            ..self
        }
    }

    /// Whether two are of the same service, account and kind.
    #[must_use]
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        (self.service, self.account, self.kind) == (other.service, other.account, other.kind)
    }
}

impl Budget {
    /// How reads and writes stand.
    pub(crate) fn state(&self, service: &'static str, account: &'static str) -> [BudgetStats; 2] {
        [(Kind::Read, "read"), (Kind::Write, "write")].map(|(kind, word)| {
            let LaneStats {
                rate,
                throttled,
                foreground,
                background,
            } = self.call_queue().lane_stats(kind, self.began.elapsed());
            BudgetStats {
                service,
                account,
                kind: word,
                rate,
                ceiling: self.ceiling,
                throttled,
                waiting: WaitingCalls {
                    foreground,
                    background,
                },
            }
        })
    }
}
