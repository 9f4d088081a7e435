//! Calls of AWS, counted by operation. The gateway's ledger in, numbers out; no I/O.

use std::collections::BTreeMap;

use lanyard_testkit::gateway::Calls;
use serde::Serialize;

/// AWS calls in a period.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// All calls.
    pub calls: usize,
    /// Those that may change something.
    pub writes: usize,
    /// Those that AWS throttled.
    pub throttled: usize,
    /// Describes of single associations.
    pub describes: usize,
    /// The number of calls of each operation.
    pub by_operation: BTreeMap<String, usize>,
}

impl Tally {
    pub fn of(calls: &Calls) -> Self {
        let mut tally = Self::default();
        for entry in calls.to_aws().entries() {
            tally.calls += 1;
            tally.writes += usize::from(entry.call.write);
            let throttled = entry
                .code
                .as_deref()
                .is_some_and(|code| code.starts_with("Throttling"));
            tally.throttled += usize::from(throttled);
            let operation = entry.call.operation.clone();
            tally.describes += usize::from(operation == "DescribePodIdentityAssociation");
            *tally.by_operation.entry(operation).or_default() += 1;
        }
        tally
    }

    /// Writes that AWS took.
    pub fn writes_taken(&self) -> usize {
        self.writes.saturating_sub(self.throttled)
    }
}
