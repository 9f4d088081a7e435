//! A workload whose pods a restart would replace, and these pods. Plain values; no I/O.

use jiff::Timestamp;

use crate::model::workload::Workload;

/// A workload with pods that a restart would replace.
pub(super) struct Candidate<'a> {
    pub workload: &'a Workload,
    pub pods: StalePods,
}

/// The pods of one owner that a restart would replace.
#[derive(Debug, Clone, Copy)]
pub(super) struct StalePods {
    pub count: usize,
    pub youngest: Timestamp,
}

impl Default for StalePods {
    fn default() -> Self {
        Self {
            count: 0,
            youngest: Timestamp::MIN,
        }
    }
}

impl StalePods {
    pub fn add(&mut self, created: Timestamp) {
        self.count += 1;
        self.youngest = self.youngest.max(created);
    }
}
