//! Metrics: what is counted and timed, for whoever watches the operator: calls of AWS, steps, looks, drift.
//! Values of the core and the AWS crate in, OpenMetrics out by way of a registry; no I/O. Labels come from closed sets
//! only: never an object's name, which would make a series for each. Registered by `run`, fed by every part.

#[cfg(feature = "events")]
mod aws_events;
mod budgets;
mod drift_scan;
mod fleet;
mod leader;

use std::time::Duration;

use lanyard_aws::{Measured, Meter};
use lanyard_core::model::condition::{ConditionStatus, ConditionType};
use lanyard_core::model::field::Resource;
use lanyard_core::model::reason::Reason;
use lanyard_core::model::status::{DriftItem, DriftReason};
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
pub use self::aws_events::Notices;
pub use self::budgets::Budgets;
pub use self::drift_scan::SweepMetrics;
pub use self::fleet::Fleet;
pub use self::leader::Leader;

/// What every name begins with.
pub const PREFIX: &str = "lanyard";

/// Upper ends of the buckets of every duration, in seconds: from an emulator's answer to a slow pass with many steps.
const BUCKETS: [f64; 12] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Every resource that can drift, for the series that are there from the start.
const RESOURCES: [Resource; 4] = [
    Resource::Provider,
    Resource::Role,
    Resource::Association,
    Resource::ServiceAccount,
];

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// Everything that is counted as it happens.
#[derive(Debug, Clone)]
pub struct Metrics {
    aws_calls: Family<CallLabels, Counter>,
    aws_took: Histograms<OperationLabels>,
    aws_waited: Histograms<ServiceLabels>,
    steps: Family<StepLabels, Counter>,
    steps_took: Histograms<OnlyStep>,
    looks: Family<LookLabels, Counter>,
    looks_took: Histograms<LookLabels>,
    looks_running: Gauge,
    workers: Gauge,
    in_backoff: Gauge,
    drift_found: Family<ResourceLabels, Counter>,
    drift_corrected: Family<ResourceLabels, Counter>,
    /// What comes from the events queue.
    #[cfg(feature = "events")]
    pub notices: Notices,
    /// What sweeps did.
    pub sweeps: SweepMetrics,
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
struct OnlyStep {
    step: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LookLabels {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResourceLabels {
    resource: &'static str,
}

/// Counts one thing under way for as long as it lives.
#[derive(Debug)]
pub struct UnderWay(Gauge);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Makes all of them and registers them. The registry's prefix is [`PREFIX`].
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            aws_calls: Family::default(),
            aws_took: Family::new_with_constructor(histogram),
            aws_waited: Family::new_with_constructor(histogram),
            steps: Family::default(),
            steps_took: Family::new_with_constructor(histogram),
            looks: Family::default(),
            looks_took: Family::new_with_constructor(histogram),
            looks_running: Gauge::default(),
            workers: Gauge::default(),
            in_backoff: Gauge::default(),
            drift_found: Family::default(),
            drift_corrected: Family::default(),
            #[cfg(feature = "events")]
            notices: Notices::register(registry),
            sweeps: SweepMetrics::register(registry),
        };
        let version = vec![("version", env!("CARGO_PKG_VERSION"))];
        registry.register("build", "Which Lanyard this is", Info::new(version));
        metrics.register_calls(registry);
        metrics.register_work(registry);
        metrics.register_drift(registry);
        metrics
    }

    fn register_calls(&self, registry: &mut Registry) {
        registry.register(
            "aws_calls",
            "Calls of AWS that ended, by outcome: ok, or the class of the error",
            self.aws_calls.clone(),
        );
        registry.register_with_unit(
            "aws_call_duration",
            "How long AWS took to answer a call, or to fail it",
            Unit::Seconds,
            self.aws_took.clone(),
        );
        registry.register_with_unit(
            "aws_call_wait",
            "How long a call waited for its turn in the budget of its service: above zero, the budget is what limits",
            Unit::Seconds,
            self.aws_waited.clone(),
        );
        registry.register(
            "steps",
            "Steps of plans, by what became of them: done, waiting, failed or skipped",
            self.steps.clone(),
        );
        registry.register_with_unit(
            "step_duration",
            "How long a step took that was tried",
            Unit::Seconds,
            self.steps_took.clone(),
        );
    }

    fn register_work(&self, registry: &mut Registry) {
        registry.register(
            "reconcile",
            "Looks at an object that ended: settled, waiting, retrying, stalled, or unpublished when the API server \
             did not take the status",
            self.looks.clone(),
        );
        registry.register_with_unit(
            "reconcile_duration",
            "How long a look took, from the read of the object to the write of its status",
            Unit::Seconds,
            self.looks_took.clone(),
        );
        registry.register(
            "reconciles_running",
            "Looks under way at this moment",
            self.looks_running.clone(),
        );
        registry.register(
            "workers",
            "The most looks that run at once: as many running means that objects queue",
            self.workers.clone(),
        );
        registry.register(
            "objects_in_backoff",
            "Objects that failed and wait to be tried again",
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
            "Differences found that somebody made behind Lanyard's back, corrected or not, by resource",
            self.drift_found.clone(),
        );
        registry.register(
            "drift_corrected",
            "Differences that Lanyard repaired, by resource",
            self.drift_corrected.clone(),
        );
    }

    /// How many looks may run at once.
    pub fn workers(&self, count: u16) {
        self.workers.set(i64::from(count));
    }

    /// The gauge of objects in backoff.
    #[must_use]
    pub fn in_backoff(&self) -> Gauge {
        self.in_backoff.clone()
    }

    /// A look begins; it counts as running until the value is dropped.
    #[must_use]
    pub fn reconcile_begins(&self) -> UnderWay {
        self.looks_running.inc();
        UnderWay(self.looks_running.clone())
    }

    /// A look ended. `published`: its status stands in the API server.
    pub fn reconciled(&self, summary: &Summary, published: bool, took: Duration) {
        let outcome = LookLabels {
            outcome: outcome(summary, published),
        };
        self.looks_took
            .get_or_create(&outcome)
            .observe(took.as_secs_f64());
        self.looks.get_or_create(&outcome).inc();
        // A status that was not written is made again by the next look, and counted there.
        if published {
            self.drift(summary);
        }
    }

    /// A step ended.
    pub fn step(&self, step: &Step, ended: &StepResult, took: Duration) {
        let (step, outcome) = (step.as_str(), ended.as_str());
        self.steps.get_or_create(&StepLabels { step, outcome }).inc();
        if !matches!(ended, StepResult::Skipped(_)) {
            self.steps_took
                .get_or_create(&OnlyStep { step })
                .observe(took.as_secs_f64());
        }
    }

    fn drift(&self, summary: &Summary) {
        let drift = &summary.status.drift;
        if tells(summary, Reason::DriftCorrected) {
            let corrected = drift.last_correction.iter().flat_map(|last| &last.items);
            for resource in corrected.filter_map(resource_of) {
                self.drift_found.get_or_create(&label(resource)).inc();
                self.drift_corrected.get_or_create(&label(resource)).inc();
            }
        }
        if tells(summary, Reason::DriftFound) {
            // What is new came with this look, so nothing that stands is younger.
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
        self.aws_took
            .get_or_create(&OperationLabels { service, operation })
            .observe(duration.as_secs_f64());
        self.aws_waited
            .get_or_create(&ServiceLabels { service })
            .observe(waited.as_secs_f64());
    }
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

fn label(resource: Resource) -> ResourceLabels {
    ResourceLabels {
        resource: resource.as_str(),
    }
}

fn resource_of(item: &DriftItem) -> Option<Resource> {
    RESOURCES
        .into_iter()
        .find(|resource| resource.as_str() == item.resource)
}

fn tells(summary: &Summary, reason: Reason) -> bool {
    summary.events.iter().any(|event| event.reason == reason)
}

/// What a look came to, in one word.
fn outcome(summary: &Summary, published: bool) -> &'static str {
    let stalled = summary.status.condition(ConditionType::Stalled);
    match summary.next {
        _ if !published => "status_update_failed",
        _ if stalled.is_some_and(|stalled| stalled.status == ConditionStatus::True) => "stalled",
        Next::Backoff => "retrying",
        Next::After(_) | Next::Settled(_) => "waiting",
        Next::Resync => "success",
    }
}

#[cfg(test)]
mod tests;
