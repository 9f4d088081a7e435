//! The metrics of drift scans. Only the leader scans.
//! Input: outcomes and counts. Output: OpenMetrics through a registry. No I/O.

use std::time::{Duration, SystemTime};

use lanyard_core::model::field::Resource;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::labels::{OutcomeLabels, ResourceLabels, histogram, label};

/// The metrics of drift scans.
#[derive(Debug, Clone)]
pub struct DriftScanMetrics {
    ended: Family<OutcomeLabels, Counter>,
    duration: Histogram,
    last: Gauge,
    pages: Family<ReadLabels, Counter>,
    objects: Family<StateLabels, Gauge>,
    orphans: Family<ResourceLabels, Gauge>,
    pending: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReadLabels {
    read: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

impl DriftScanMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            ended: Family::default(),
            duration: histogram(),
            last: Gauge::default(),
            pages: Family::default(),
            objects: Family::default(),
            orphans: Family::default(),
            pending: Gauge::default(),
        };
        registry.register(
            "drift_scans",
            "Completed drift scans by outcome: complete, refused if a bulk read is denied or needs too many calls, broken \
             if a bulk read failed",
            metrics.ended.clone(),
        );
        registry.register_with_unit(
            "drift_scan_duration",
            "Duration of drift scans, without the DescribePodIdentityAssociation calls",
            Unit::Seconds,
            metrics.duration.clone(),
        );
        registry.register_with_unit(
            "drift_scan_last_timestamp",
            "Unix time of the end of the last drift scan without a failed read; 0 before the first one",
            Unit::Seconds,
            metrics.last.clone(),
        );
        registry.register(
            "drift_scan_pages",
            "Pages that drift scans read by kind of list",
            metrics.pages.clone(),
        );
        registry.register(
            "drift_scan_objects",
            "Steady objects by result of the last drift scan: checked, drifted or unchecked",
            metrics.objects.clone(),
        );
        registry.register(
            "orphans",
            "AWS resources with Lanyard's tags of this cluster that no object references, by resource",
            metrics.orphans.clone(),
        );
        registry.register(
            "describes_pending",
            "Number of associations that are still to be described before the next drift scan",
            metrics.pending.clone(),
        );
        metrics
    }

    /// Counts a completed drift scan.
    pub fn ended(&self, outcome: &'static str, duration: Duration) {
        self.ended.get_or_create(&OutcomeLabels { outcome }).inc();
        self.duration.observe(duration.as_secs_f64());
        if outcome != "broken" {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            self.last.set(number(now.unwrap_or_default().as_secs()));
        }
    }

    /// Counts a page that was read.
    pub fn page(&self, read: &'static str) {
        self.pages.get_or_create(&ReadLabels { read }).inc();
    }

    /// Sets the number of steady objects for each result of the last drift scan.
    pub fn objects(&self, counts: [(&'static str, usize); 3]) {
        for (state, count) in counts {
            self.objects
                .get_or_create(&StateLabels { state })
                .set(number(count));
        }
    }

    /// Sets the number of orphans.
    pub fn orphans(&self, resource: Resource, count: usize) {
        self.orphans.get_or_create(&label(resource)).set(number(count));
    }

    /// Sets the number of associations that are still to be described.
    pub fn pending(&self, count: usize) {
        self.pending.set(number(count));
    }

    /// Clears the gauges when this operator is no longer the leader, because a sum over all operators would count
    /// twice.
    pub fn clear(&self) {
        self.objects.clear();
        self.orphans.clear();
        self.pending.set(0);
    }
}

fn number(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}
