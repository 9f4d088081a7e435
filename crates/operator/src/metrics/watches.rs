//! The metrics of watches. Input: errors and events of each watch. Output: a counter and a gauge. No I/O.

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WatchLabels {
    watch: &'static str,
}

/// The metrics of watches.
#[derive(Debug, Clone)]
pub struct WatchMetrics {
    errors: Family<WatchLabels, Counter>,
    last_event: Family<WatchLabels, Gauge>,
}

impl WatchMetrics {
    /// Creates and registers the metrics.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            errors: Family::default(),
            last_event: Family::default(),
        };
        registry.register(
            "watch_errors",
            "Failed watches and lists by watched resource; each is repeated with a growing pause",
            metrics.errors.clone(),
        );
        registry.register_with_unit(
            "watch_last_event_timestamp",
            "Unix time at which a watch last delivered an object or a complete list; 0 before the first",
            Unit::Seconds,
            metrics.last_event.clone(),
        );
        metrics
    }

    /// Shows a watch from its start.
    pub fn watch_begins(&self, watch: &'static str) {
        drop(self.errors.get_or_create(&WatchLabels { watch }));
        drop(self.last_event.get_or_create(&WatchLabels { watch }));
    }

    /// Counts a failure.
    pub fn error(&self, watch: &'static str) {
        self.errors.get_or_create(&WatchLabels { watch }).inc();
    }

    /// Records an event.
    pub fn event(&self, watch: &'static str, now: Timestamp) {
        let gauge = self.last_event.get_or_create(&WatchLabels { watch });
        gauge.set(now.as_second());
    }
}
