//! The state of a budget for metrics. Plain values, no I/O.

/// The state of one kind of call of one service.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BudgetStats {
    /// The name of the service.
    pub service: &'static str,
    /// `own` for the account of the operator, or `other` for all accounts of classes together.
    pub account: &'static str,
    /// `read` or `write`.
    pub access: &'static str,
    /// Learned rate in calls per second. The lowest one if there are several accounts.
    pub rate: f64,
    /// Maximum calls per second, for reads and writes together.
    pub ceiling: u32,
    /// Number of throttled calls.
    pub throttled: u64,
    /// The calls that wait.
    pub waiting: WaitingCalls,
}

/// The number of calls that wait for the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingCalls {
    /// Calls of reconciles caused by a change or a request.
    pub foreground: usize,
    /// Calls of background work, such as drift scans.
    pub background: usize,
}

impl BudgetStats {
    /// Merges the state of another account.
    #[must_use]
    pub(crate) fn merge(self, other: &Self) -> Self {
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

    /// Returns true if service, account and access are equal.
    #[must_use]
    pub(crate) fn has_labels_of(&self, other: &Self) -> bool {
        (self.service, self.account, self.access) == (other.service, other.account, other.access)
    }
}
