//! `Outcome`: the result of a drift scan, and the delay until the next one. Plain data without I/O.

use std::time::Duration;

/// After an incomplete scan, the next one starts after this fraction of the resync interval. The delay doubles with
/// each further incomplete scan in a row.
const RETRY_FRACTION: u32 = 5;

/// The result of a drift scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Complete,
    /// A read was denied or costs too many calls: the affected objects are reconciled one by one.
    Refused,
    /// A read failed with an error that a retry may resolve.
    Broken,
}

impl Outcome {
    /// The value of the metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Refused => "refused",
            Self::Broken => "broken",
        }
    }
}

/// The delay until the next scan after `broken` incomplete scans in a row. At most the resync interval, so that scans
/// that always fail do not double the cost.
pub(super) fn next_delay(resync: Duration, broken: u32) -> Duration {
    match broken {
        0 => resync,
        broken => (resync / RETRY_FRACTION)
            .saturating_mul(2_u32.saturating_pow(broken - 1))
            .min(resync),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incomplete_scan_is_retried_early_with_backoff() {
        let delay = |broken| next_delay(Duration::from_secs(600), broken).as_secs();
        assert_eq!([0, 1, 2, 3, 4, 40].map(delay), [600, 120, 240, 480, 600, 600]);
    }
}
