//! The metrics of the operator: AWS calls, steps, reconciles and drift.
//! Input: values of the core and the AWS crate. Output: OpenMetrics through a registry. No I/O. Labels come from closed
//! sets only. The name of an object is never a label, because each object would create a series.

#[cfg(feature = "events")]
mod aws_events;
mod budgets;
mod drift_scan;
mod fleet;
mod labels;
mod leader;
mod requests;
mod watches;

use std::time::Duration;

use lanyard_aws::{Measured, Meter};
use lanyard_core::model::condition::{ConditionStatus, ConditionType};
use lanyard_core::model::reason::Reason;
use lanyard_core::model::status::DriftReason;
use lanyard_core::reconcile::outcome::StepResult;
use lanyard_core::reconcile::step::Step;
use lanyard_core::reconcile::summary::{Next, Summary};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

#[cfg(feature = "events")]
pub use self::aws_events::AwsEventMetrics;
pub use self::budgets::Budgets;
pub use self::drift_scan::DriftScanMetrics;
pub use self::fleet::Fleet;
use self::labels::{OutcomeLabels, RESOURCES, ResourceLabels, histogram, label, resource_of};
pub use self::leader::Leader;
pub use self::requests::{PendingRequest, RequestMetrics};
pub use self::watches::WatchMetrics;

/// The prefix of every metric name.
pub const PREFIX: &str = "lanyard";

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// The metrics that are updated by events.
#[derive(Debug, Clone)]
pub struct Metrics {
    aws_calls: Family<CallLabels, Counter>,
    aws_duration: Histograms<OperationLabels>,
    aws_wait: Histograms<ServiceLabels>,
    steps: Family<StepLabels, Counter>,
    step_duration: Histograms<StepLabel>,
    reconciles: Family<OutcomeLabels, Counter>,
    reconcile_duration: Histograms<OutcomeLabels>,
    reconciles_running: Gauge,
    workers: Gauge,
    in_backoff: Gauge,
    drift_found: Family<ResourceLabels, Counter>,
    drift_corrected: Family<ResourceLabels, Counter>,
    /// The metrics of the events queue.
    #[cfg(feature = "events")]
    pub aws_events: AwsEventMetrics,
    /// The metrics of drift scans.
    pub drift_scan: DriftScanMetrics,
    /// The metrics of watches.
    pub watches: WatchMetrics,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    service: &'static str,
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    service: &'static str,
    operation: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServiceLabels {
    service: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabels {
    step: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabel {
    step: &'static str,
}

/// Counts one running reconcile until it is dropped.
#[derive(Debug)]
pub struct InProgress(Gauge);

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Creates and registers all metrics. The prefix of the registry is [`PREFIX`].
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            aws_calls: Family::default(),
            aws_duration: Family::new_with_constructor(histogram),
            aws_wait: Family::new_with_constructor(histogram),
            steps: Family::default(),
            step_duration: Family::new_with_constructor(histogram),
            reconciles: Family::default(),
            reconcile_duration: Family::new_with_constructor(histogram),
            reconciles_running: Gauge::default(),
            workers: Gauge::default(),
            in_backoff: Gauge::default(),
            drift_found: Family::default(),
            drift_corrected: Family::default(),
            #[cfg(feature = "events")]
            aws_events: AwsEventMetrics::register(registry),
            drift_scan: DriftScanMetrics::register(registry),
            watches: WatchMetrics::register(registry),
        };
        let version = vec![("version", env!("CARGO_PKG_VERSION"))];
        registry.register("build", "Version of Lanyard", Info::new(version));
        metrics.register_calls(registry);
        metrics.register_work(registry);
        metrics.register_drift(registry);
        metrics
    }

    fn register_calls(&self, registry: &mut Registry) {
        registry.register(
            "aws_calls",
            "Completed AWS API calls by outcome: ok, or the class of the error",
            self.aws_calls.clone(),
        );
        registry.register_with_unit(
            "aws_call_duration",
            "Duration of AWS API calls",
            Unit::Seconds,
            self.aws_duration.clone(),
        );
        registry.register_with_unit(
            "aws_call_wait",
            "Time that AWS API calls waited in the queue of the client-side rate limit; above zero, --aws-rate is the bottleneck",
            Unit::Seconds,
            self.aws_wait.clone(),
        );
        registry.register(
            "steps",
            "Plan steps by outcome: done, waiting, failed or skipped",
            self.steps.clone(),
        );
        registry.register_with_unit(
            "step_duration",
            "Duration of executed plan steps",
            Unit::Seconds,
            self.step_duration.clone(),
        );
    }

    fn register_work(&self, registry: &mut Registry) {
        registry.register(
            "reconcile",
            "Completed reconciles by outcome: success, waiting, retrying, stalled, object_unreadable if the API server did \
             not return the object, or status_update_failed if the status could not be written",
            self.reconciles.clone(),
        );
        registry.register_with_unit(
            "reconcile_duration",
            "Duration of reconciles, from the read of the object to the write of its status",
            Unit::Seconds,
            self.reconcile_duration.clone(),
        );
        registry.register(
            "reconciles_running",
            "Number of running reconciles",
            self.reconciles_running.clone(),
        );
        registry.register(
            "workers",
            "Maximum number of concurrent reconciles; if as many are running, objects wait in the queue",
            self.workers.clone(),
        );
        registry.register(
            "objects_in_backoff",
            "Number of objects that failed and wait for their next retry",
            self.in_backoff.clone(),
        );
    }

    fn register_drift(&self, registry: &mut Registry) {
        for resource in RESOURCES {
            drop(self.drift_found.get_or_create(&label(resource)));
            drop(self.drift_corrected.get_or_create(&label(resource)));
        }
        registry.register(
            "drift_found",
            "Out-of-band changes found, by resource, corrected or not",
            self.drift_found.clone(),
        );
        registry.register(
            "drift_corrected",
            "Out-of-band changes that Lanyard corrected, by resource",
            self.drift_corrected.clone(),
        );
    }

    /// Sets the maximum number of concurrent reconciles.
    pub fn workers(&self, count: u16) {
        self.workers.set(i64::from(count));
    }

    /// The gauge of objects in backoff.
    #[must_use]
    pub fn in_backoff(&self) -> Gauge {
        self.in_backoff.clone()
    }

    /// Counts a reconcile as running until the returned value is dropped.
    #[must_use]
    pub fn reconcile_begins(&self) -> InProgress {
        self.reconciles_running.inc();
        InProgress(self.reconciles_running.clone())
    }

    /// Counts a completed reconcile. `published`: whether its status was written.
    pub fn reconciled(&self, summary: &Summary, published: bool, duration: Duration) {
        let outcome = OutcomeLabels {
            outcome: outcome(summary, published),
        };
        self.reconcile_duration
            .get_or_create(&outcome)
            .observe(duration.as_secs_f64());
        self.reconciles.get_or_create(&outcome).inc();
        // If the status was not written, the next reconcile finds the same drift and counts it.
        if published {
            self.drift(summary);
        }
    }

    /// Counts a reconcile that ended because its object could not be read.
    pub fn object_unreadable(&self, duration: Duration) {
        let outcome = OutcomeLabels {
            outcome: "object_unreadable",
        };
        self.reconcile_duration
            .get_or_create(&outcome)
            .observe(duration.as_secs_f64());
        self.reconciles.get_or_create(&outcome).inc();
    }

    /// Counts a completed step.
    pub fn step(&self, step: &Step, result: &StepResult, duration: Duration) {
        let (step, outcome) = (step.as_str(), result.as_str());
        self.steps.get_or_create(&StepLabels { step, outcome }).inc();
        if !matches!(result, StepResult::Skipped(_)) {
            self.step_duration
                .get_or_create(&StepLabel { step })
                .observe(duration.as_secs_f64());
        }
    }

    fn drift(&self, summary: &Summary) {
        let drift = &summary.status.drift;
        if has_event(summary, Reason::DriftCorrected) {
            let corrected = drift.last_correction.iter().flat_map(|last| &last.items);
            for resource in corrected.filter_map(resource_of) {
                self.drift_found.get_or_create(&label(resource)).inc();
                self.drift_corrected.get_or_create(&label(resource)).inc();
            }
        }
        if has_event(summary, Reason::DriftFound) {
            // New items have the time of this reconcile, so no item is newer.
            let newest = drift.items.iter().filter_map(|item| item.since).max();
            let new = drift
                .items
                .iter()
                .filter(|item| item.since == newest && item.reason != Some(DriftReason::Unreadable));
            for resource in new.filter_map(resource_of) {
                self.drift_found.get_or_create(&label(resource)).inc();
            }
        }
    }
}

impl Meter for Metrics {
    fn call(&self, measured: &Measured) {
        let Measured {
            service,
            operation,
            outcome,
            waited,
            duration,
        } = *measured;
        self.aws_calls
            .get_or_create(&CallLabels {
                service,
                operation,
                outcome,
            })
            .inc();
        self.aws_duration
            .get_or_create(&OperationLabels { service, operation })
            .observe(duration.as_secs_f64());
        self.aws_wait
            .get_or_create(&ServiceLabels { service })
            .observe(waited.as_secs_f64());
    }
}

fn has_event(summary: &Summary, reason: Reason) -> bool {
    summary.events.iter().any(|event| event.reason == reason)
}

/// The outcome label of a reconcile.
fn outcome(summary: &Summary, published: bool) -> &'static str {
    let stalled = summary.status.condition(ConditionType::Stalled);
    match summary.next {
        _ if !published => "status_update_failed",
        _ if stalled.is_some_and(|stalled| stalled.status == ConditionStatus::True) => "stalled",
        Next::Backoff => "retrying",
        Next::After(_) | Next::Settled(_) | Next::OnWake(_) | Next::Waiting(_) => "waiting",
        Next::Resync => "success",
    }
}

#[cfg(test)]
mod tests;
