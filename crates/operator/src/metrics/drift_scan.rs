//! What sweeps did, and what they found: counted and timed as it happens by the sweep, which runs only while it leads.
//! Values in, OpenMetrics out by way of a registry; no I/O. Part of `Metrics`.

use std::time::{Duration, SystemTime};

use lanyard_core::model::field::Resource;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::{ResourceLabels, histogram, label};

/// What is counted of sweeps.
#[derive(Debug, Clone)]
pub struct SweepMetrics {
    ended: Family<OutcomeLabels, Counter>,
    took: Histogram,
    last: Gauge,
    pages: Family<ReadLabels, Counter>,
    objects: Family<StateLabels, Gauge>,
    orphans: Family<ResourceLabels, Gauge>,
    pending: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReadLabels {
    read: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

impl SweepMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            ended: Family::default(),
            took: histogram(),
            last: Gauge::default(),
            pages: Family::default(),
            objects: Family::default(),
            orphans: Family::default(),
            pending: Gauge::default(),
        };
        registry.register(
            "drift_scans",
            "Sweeps that ended: complete, refused when a read in bulk is not allowed or would cost too much, broken \
             when one failed",
            metrics.ended.clone(),
        );
        registry.register_with_unit(
            "drift_scan_duration",
            "How long a sweep took, the descriptions of associations aside",
            Unit::Seconds,
            metrics.took.clone(),
        );
        registry.register_with_unit(
            "drift_scan_last_timestamp",
            "When the last sweep ended of which no read failed, as Unix time; 0 before the first",
            Unit::Seconds,
            metrics.last.clone(),
        );
        registry.register(
            "drift_scan_pages",
            "Pages that sweeps read, by what is on them",
            metrics.pages.clone(),
        );
        registry.register(
            "drift_scan_objects",
            "Objects at rest by what the last sweep found: checked and as told, drifted, or unchecked",
            metrics.objects.clone(),
        );
        registry.register(
            "orphans",
            "What carries Lanyard's tags of this cluster while no object knows of it, by resource",
            metrics.orphans.clone(),
        );
        registry.register(
            "describes_pending",
            "Associations that wait to be described before the next sweep",
            metrics.pending.clone(),
        );
        metrics
    }

    /// A sweep has ended.
    pub fn ended(&self, outcome: &'static str, took: Duration) {
        self.ended.get_or_create(&OutcomeLabels { outcome }).inc();
        self.took.observe(took.as_secs_f64());
        if outcome != "broken" {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            self.last.set(number(now.unwrap_or_default().as_secs()));
        }
    }

    /// A page was read.
    pub fn page(&self, read: &'static str) {
        self.pages.get_or_create(&ReadLabels { read }).inc();
    }

    /// What the last sweep found of objects at rest.
    pub fn objects(&self, counts: [(&'static str, usize); 3]) {
        for (state, count) in counts {
            self.objects
                .get_or_create(&StateLabels { state })
                .set(number(count));
        }
    }

    /// How many orphans there are.
    pub fn orphans(&self, resource: Resource, count: usize) {
        self.orphans.get_or_create(&label(resource)).set(number(count));
    }

    /// How many associations are still to be described.
    pub fn pending(&self, count: usize) {
        self.pending.set(number(count));
    }

    /// This operator leads no more: another one tells how things stand, and a sum over both would count twice.
    pub fn clear(&self) {
        self.objects.clear();
        self.orphans.clear();
        self.pending.set(0);
    }
}

fn number(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}
